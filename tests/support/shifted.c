/* Another time for a program and all its threads; preloaded into it by tests/support/shifted_time.py.
 *
 * SHIFTED_BY: seconds by which its clocks differ from the machine's. Or SHIFTED_FILE: a file of eight bytes with that number, which is looked
 * at for each call, so that a test moves the time. SHIFTED_RUNS=1: the clocks that count running time are shifted as well, as if the machine
 * had run all the while; else only the wall clock is, as if somebody had set it. SHIFTED_RATE: so many times as fast do all clocks go.
 *
 * One number is read at once, whatever other threads do. (libfaketime reads a text, and gives a thread the real time while another one
 * reads.) Waits, and deadlines on a shifted clock, are told the machine's time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Running time that has passed before the machine's own began: no shift makes it negative. */
static const int64_t BEFORE_S = 2000000000, SECOND_NS = 1000000000;

static int64_t constant, rate = 1, begun_ns[CLOCK_TAI + 1];
static volatile const int64_t *shift = &constant;
static int runs;

static int64_t machines_ns(clockid_t clock)
{
    struct timespec now = {0};
    syscall(SYS_clock_gettime, clock, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *by = getenv("SHIFTED_BY"), *path = getenv("SHIFTED_FILE"), *also = getenv("SHIFTED_RUNS"), *fast = getenv("SHIFTED_RATE");
    runs = also && *also == '1';
    constant = by ? strtoll(by, NULL, 10) : 0;
    rate = fast ? strtoll(fast, NULL, 10) : 1;
    for (clockid_t clock = 0; clock <= CLOCK_TAI; clock++)
        begun_ns[clock] = machines_ns(clock);
    if (path) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        void *found = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
        if (found == MAP_FAILED)
            abort();
        shift = found;
        close(file);
    }
}

/* By how much a clock is ahead of the machine's. */
static int64_t ahead_s(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        return *shift;
    default:
        return runs ? *shift + BEFORE_S : 0;
    }
}

static int is_time(clockid_t clock)
{
    return clock >= 0 && clock <= CLOCK_TAI && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static struct timespec of_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

/* The machine's time at which a shifted clock shows this. */
static struct timespec machines(clockid_t clock, const struct timespec *shown)
{
    int64_t ns = (shown->tv_sec - ahead_s(clock)) * SECOND_NS + shown->tv_nsec;
    ns = begun_ns[clock] + (ns - begun_ns[clock]) / rate;
    return of_ns(ns < 0 ? 0 : ns);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, clock, now);
    if (!status && is_time(clock)) {
        *now = of_ns(begun_ns[clock] + (now->tv_sec * SECOND_NS + now->tv_nsec - begun_ns[clock]) * rate);
        now->tv_sec += ahead_s(clock);
    }
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    *now = (struct timeval){.tv_sec = found.tv_sec, .tv_usec = found.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* Python's conditions count by the monotonic clock, and nobody else has any here. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline)
{
    struct timespec real = machines(CLOCK_MONOTONIC, deadline);
    return NEXT(pthread_cond_clockwait)(condition, mutex, CLOCK_MONOTONIC, &real);
}

int pthread_cond_clockwait(
    pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, clockid_t clock, const struct timespec *restrict deadline)
{
    struct timespec real = machines(clock, deadline);
    return NEXT(pthread_cond_clockwait)(condition, mutex, clock, &real);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict deadline)
{
    struct timespec real = machines(clock, deadline);
    return NEXT(sem_clockwait)(semaphore, clock, &real);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline)
{
    struct timespec real = machines(CLOCK_REALTIME, deadline);
    return NEXT(sem_timedwait)(semaphore, &real);
}

int epoll_wait(int epoll, struct epoll_event *events, int events_max, int timeout_ms)
{
    int real_ms = timeout_ms > 0 ? (timeout_ms + rate - 1) / rate : timeout_ms;
    return NEXT(epoll_wait)(epoll, events, events_max, real_ms);
}

/* A file that is touched is touched at the shifted time. */
int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
    struct timespec now[2];
    clock_gettime(CLOCK_REALTIME, &now[0]);
    now[1] = now[0];
    return NEXT(utimensat)(folder, path, times ? times : now, flags);
}
