/* A D-Bus caller that is never the bottleneck: it sends messages that were made beforehand, changing nothing of them but the serial.
 *
 *     caller SOCKET
 *
 * For each line COUNT WINDOW MUTE_MS SIZE on its standard input, followed by SIZE bytes of messages, it sends COUNT messages, going round
 * those that it was given, with up to WINDOW of them unanswered; it reads nothing for the first MUTE_MS. It sends whenever the window and
 * the socket permit, and sleeps only when they do not. Where the messages want no reply, the last one asks for one, so that the end is
 * known. For each it prints one line: NANOSECONDS ERRORS TEXT (the text of the first error reply). Little-endian machines only, as both
 * D-Bus libraries of the daemon write.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RETURN = 2, FAILURE = 3, NO_REPLY = 1, FLAGS_AT = 2, SERIAL_AT = 8, OUTPUT = 1 << 16, INPUT = 1 << 20 };

struct work {
    long count, window;
    long long mute_until;
    size_t size;
};

static int connection;
static uint32_t serial;
static char output[OUTPUT], input[INPUT], text[256];
static size_t unsent_at, unsent, unread;
static long sent, answered, errors;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long long now(void) {
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    return moment.tv_sec * 1000000000LL + moment.tv_nsec;
}

static uint32_t number_at(const char *data) {
    uint32_t number;
    memcpy(&number, data, sizeof number);
    return number;
}

static size_t message_size(const char *data) {
    return 16 + ((size_t) number_at(data + 12) + 7) / 8 * 8 + number_at(data + 4);
}

/* Copies messages into the output as long as the window and its space permit. */
static void fill(const struct work *work, const char *messages, size_t *next) {
    if (unsent == 0)
        unsent_at = 0;
    while (sent < work->count && sent - answered < work->window) {
        size_t size = message_size(messages + *next);
        char *copy = output + unsent_at + unsent;
        if (unsent_at + unsent + size > OUTPUT)
            return;
        memcpy(copy, messages + *next, size);
        serial++;
        memcpy(copy + SERIAL_AT, &serial, sizeof serial);
        if (++sent == work->count)
            copy[FLAGS_AT] &= ~NO_REPLY;
        unsent += size;
        *next = *next + size < work->size ? *next + size : 0;
    }
}

static int write_some(void) {
    ssize_t done = unsent ? send(connection, output + unsent_at, unsent, MSG_NOSIGNAL) : 0;
    if (done < 0 && errno != EAGAIN)
        fail("send");
    if (done <= 0)
        return 0;
    unsent_at += (size_t) done;
    unsent -= (size_t) done;
    return 1;
}

static void note_error(const char *data) {
    size_t body = 16 + ((size_t) number_at(data + 12) + 7) / 8 * 8;
    if (errors++ == 0 && number_at(data + 4) > 4)
        snprintf(text, sizeof text, "%s", data + body + 4);
}

static int read_some(void) {
    size_t at = 0, size;
    ssize_t got = recv(connection, input + unread, INPUT - unread, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        fail("recv");
    if (got < 0)
        return 0;
    unread += (size_t) got;
    while (unread - at >= 16 && (size = message_size(input + at)) <= unread - at) {
        char kind = input[at + 1];
        answered += kind == RETURN || kind == FAILURE;
        if (kind == FAILURE)
            note_error(input + at);
        at += size;
    }
    unread -= at;
    memmove(input, input + at, unread);
    return 1;
}

static void work_off(const struct work *work, const char *messages) {
    int wants_replies = !(messages[FLAGS_AT] & NO_REPLY), progress;
    long expected = wants_replies ? work->count : 1;
    size_t next = 0;
    sent = answered = errors = 0;
    text[0] = 0;
    while (answered < expected) {
        long long mute = work->mute_until ? work->mute_until - now() : 0;
        fill(work, messages, &next);
        progress = write_some();
        if (mute <= 0)
            progress |= read_some();
        if (!progress) {
            struct pollfd waiting = {connection, (short) ((mute > 0 ? 0 : POLLIN) | (unsent ? POLLOUT : 0)), 0};
            poll(&waiting, 1, mute > 0 ? (int) (mute / 1000000) + 1 : -1);
        }
    }
}

/* Up to BEGIN; the call of Hello is the first work that it is given. */
static void shake_hands(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[64], hex[32] = "", decimal[16];
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *) &address, sizeof address) < 0)
        fail("connect");
    snprintf(decimal, sizeof decimal, "%u", (unsigned) getuid());
    for (size_t at = 0; decimal[at]; at++)
        sprintf(hex + 2 * at, "%02x", (unsigned) decimal[at]);
    int size = snprintf(line + 1, sizeof line - 1, "AUTH EXTERNAL %s\r\n", hex);
    line[0] = 0;
    if (write(connection, line, (size_t) size + 1) < 0 || read(connection, input, INPUT) < 2 || memcmp(input, "OK", 2) != 0)
        fail("authentication");
    if (write(connection, "BEGIN\r\n", 7) < 0)
        fail("write");
    fcntl(connection, F_SETFL, O_NONBLOCK);
}

int main(int argc, char **argv) {
    struct work work;
    long mute_ms;

    if (argc != 2)
        return 2;
    shake_hands(argv[1]);
    while (scanf("%ld %ld %ld %zu", &work.count, &work.window, &mute_ms, &work.size) == 4) {
        char *messages = malloc(work.size);
        if (getchar() != '\n' || !messages || fread(messages, 1, work.size, stdin) != work.size)
            fail("input");
        long long begin = now();
        work.mute_until = mute_ms ? begin + mute_ms * 1000000LL : 0;
        work_off(&work, messages);
        printf("%lld %ld %s\n", now() - begin, errors, text);
        fflush(stdout);
        free(messages);
    }
    return 0;
}
