/* A program that calls the daemon as the tests tell it to, from wherever they put it: with capabilities, in a sandbox, hidden, orphaned.
 *
 * Each argument is done in its turn:
 *     hide             be not dumpable: the kernel then shows /proc/PID/root and /proc/PID/ns to nobody else of the same user
 *     nnp              set NoNewPrivs
 *     connect PATH     connect to the bus whose socket is there
 *     orphan           let a child go on, and end: the bus knows the connection as that of a process that is gone
 *     pause            say "ready" and wait for a line on the standard input
 *     push ID          Telemetry1.Push of one sample for an application
 *     settings ID      Telemetry1.OpenSettings for an application
 *     control          Control1.ListApplications
 *     wait             say "ready" and wait for the end of the standard input
 * Each call writes a line: "ok", or the error's name, a tab and its text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define TELEMETRY "org.telemetryd.Telemetry1"
#define CONTROL "org.telemetryd.Control1"

static int connection = -1;
static sd_bus *bus;

static void must(int result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(-result));
        exit(2);
    }
}

static void connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        exit(2);
    }
}

static void orphan(void) {
    pid_t parent = getpid();
    if (fork() != 0)
        _exit(0);
    while (getppid() == parent)
        usleep(1000);
}

static void start(void) {
    const char *name;
    if (bus)
        return;
    must(sd_bus_new(&bus), "new");
    must(sd_bus_set_fd(bus, connection, connection), "fd");
    must(sd_bus_set_bus_client(bus, 1), "client");
    must(sd_bus_start(bus), "start");
    must(sd_bus_get_unique_name(bus, &name), "hello");
}

static void tell(int result, sd_bus_error *error) {
    if (result < 0)
        printf("%s\t%s\n", error->name ? error->name : strerror(-result), error->message ? error->message : "");
    else
        puts("ok");
    fflush(stdout);
    sd_bus_error_free(error);
}

static void push(const char *application) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    start();
    tell(sd_bus_call_method(bus, TELEMETRY, "/org/telemetryd/Telemetry1", TELEMETRY, "Push", &error, NULL, "ssv", application, "startup", "d", 1.0),
         &error);
}

static void settings(const char *application) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    start();
    tell(sd_bus_call_method(bus, TELEMETRY, "/org/telemetryd/Telemetry1", TELEMETRY, "OpenSettings", &error, NULL, "ssa{sv}", application, "", 0),
         &error);
}

static void control(void) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    start();
    tell(sd_bus_call_method(bus, CONTROL, "/org/telemetryd/Control1", CONTROL, "ListApplications", &error, NULL, ""), &error);
}

static void pause_until(int end) {
    int read;
    puts("ready");
    fflush(stdout);
    while ((read = getchar()) != end && read != EOF)
        ;
}

int main(int argc, char **argv) {
    (void)argc;
    while (*++argv) {
        if (!strcmp(*argv, "hide"))
            must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable");
        else if (!strcmp(*argv, "nnp"))
            must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "nnp");
        else if (!strcmp(*argv, "connect"))
            connect_to(*++argv);
        else if (!strcmp(*argv, "orphan"))
            orphan();
        else if (!strcmp(*argv, "push"))
            push(*++argv);
        else if (!strcmp(*argv, "settings"))
            settings(*++argv);
        else if (!strcmp(*argv, "control"))
            control();
        else if (!strcmp(*argv, "pause"))
            pause_until('\n');
        else if (!strcmp(*argv, "wait"))
            pause_until(EOF);
        else
            return 2;
    }
    return 0;
}
