/* What a program does to the files of one folder, written down; preloaded into it by tests/support/disk/lossy_disk.py.
 *
 * RECORDER_FOLDER: the folder. RECORDER_LOG: where to write, with the process's number behind it. A step is a write, a truncation, a sync, a
 * rename, an unlinking or a hard link. RECORDER_DIE_AT: the process kills itself at the N-th moment; each step has one before it and one after it.
 *
 * A record is a `struct record`, the path, and the bytes written (or, of a rename or a link, the new path). Nothing is opened or allocated before
 * the first step. The system is asked directly where the program may have other libraries preloaded (shifted.c) or we are in the way.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC, RENAME, UNLINK, LINK };

/* `begun` is the number of records before the step began: a sync covers no write that came later. `offset` is a truncation's size. */
struct record {
    uint64_t ns, begun, file, offset;
    uint32_t step, path_bytes, data_bytes, unused;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static uint64_t count, moments, die_at;
static int descriptor = -2;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void set_up(void)
{
    const char *log = getenv("RECORDER_LOG"), *die = getenv("RECORDER_DIE_AT");
    char path[4096];
    folder = getenv("RECORDER_FOLDER");
    die_at = die ? strtoull(die, NULL, 10) : 0;
    descriptor = -1;
    if (log && *log) {
        snprintf(path, sizeof path, "%s.%d", log, (int)syscall(SYS_getpid));
        descriptor = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
}

static int is_inside(const char *path)
{
    size_t length;
    if (descriptor == -2)
        set_up();
    length = folder ? strlen(folder) : 0;
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* The path of an open file, if it is in the folder and has a name; SQLite's shared memory is made anew by whoever opens the database. */
static int is_ours(int file, char path[4096])
{
    char link[64];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = syscall(SYS_readlinkat, AT_FDCWD, link, path, 4095);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_inside(path) && !strstr(path, " (deleted)") && !strstr(path, "-shm");
}

/* A path as it is, where it begins with an open directory's number, as the daemon names its state directory. */
static const char *resolved(const char *path, char space[8192])
{
    char link[64];
    int length = 0;
    ssize_t size;
    if (sscanf(path, "/proc/self/fd/%*d%n", &length) < 0 || !length || length >= (int)sizeof link)
        return path;
    memcpy(link, path, length);
    link[length] = 0;
    size = syscall(SYS_readlinkat, AT_FDCWD, link, space, 4095);
    if (size <= 0)
        return path;
    snprintf(space + size, 8192 - size, "%s", path + length);
    return space;
}

static void pass_moment(void)
{
    if (++moments == die_at) {
        syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
        for (;;)
            pause();
    }
}

/* Before a step: how many records there are. */
static uint64_t begin(void)
{
    uint64_t before;
    pthread_mutex_lock(&mutex);
    pass_moment();
    before = count;
    pthread_mutex_unlock(&mutex);
    return before;
}

static void end(struct record record, const char *path, const void *data, size_t bytes)
{
    struct timespec now;
    struct iovec parts[3];
    record.path_bytes = strlen(path);
    record.data_bytes = bytes;
    parts[0] = (struct iovec){&record, sizeof record};
    parts[1] = (struct iovec){(void *)path, record.path_bytes};
    parts[2] = (struct iovec){(void *)data, bytes};
    pthread_mutex_lock(&mutex);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    record.ns = now.tv_sec * 1000000000ull + now.tv_nsec;
    if (descriptor >= 0 && syscall(SYS_writev, descriptor, parts, 3) < 0)
        abort();
    count++;
    pass_moment();
    pthread_mutex_unlock(&mutex);
}

static uint64_t number_of(int file)
{
    struct stat status;
    return fstat(file, &status) ? 0 : status.st_ino;
}

#define RECORDED(file, call, kind, at, data, bytes)                                                                          \
    char path[4096];                                                                                                         \
    if (!is_ours(file, path))                                                                                                \
        return call;                                                                                                         \
    uint64_t begun = begin();                                                                                                \
    __typeof__(call) done = call;                                                                                            \
    if (done >= 0)                                                                                                           \
        end((struct record){.begun = begun, .file = number_of(file), .offset = at, .step = kind}, path, data, bytes);        \
    return done

ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t at)
{
    RECORDED(file, NEXT(pwrite64)(file, data, bytes, at), WRITE, at, data, done);
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t at)
{
    RECORDED(file, NEXT(pwrite)(file, data, bytes, at), WRITE, at, data, done);
}

ssize_t write(int file, const void *data, size_t bytes)
{
    RECORDED(file, NEXT(write)(file, data, bytes), WRITE, lseek(file, 0, SEEK_CUR) - done, data, done);
}

int ftruncate64(int file, off64_t size)
{
    RECORDED(file, NEXT(ftruncate64)(file, size), TRUNCATE, size, "", 0);
}

int ftruncate(int file, off_t size)
{
    RECORDED(file, NEXT(ftruncate)(file, size), TRUNCATE, size, "", 0);
}

int fsync(int file)
{
    RECORDED(file, NEXT(fsync)(file), SYNC, 0, "", 0);
}

int fdatasync(int file)
{
    RECORDED(file, NEXT(fdatasync)(file), SYNC, 0, "", 0);
}

static int add_name(const char *old, const char *new, int (*call)(const char *, const char *), int kind)
{
    uint64_t begun;
    int done;
    char old_space[8192], new_space[8192];
    old = resolved(old, old_space);
    new = resolved(new, new_space);
    if (!is_inside(old))
        return call(old, new);
    begun = begin();
    done = call(old, new);
    if (!done)
        end((struct record){.begun = begun, .step = kind}, old, new, strlen(new));
    return done;
}

int rename(const char *old, const char *new)
{
    return add_name(old, new, NEXT(rename), RENAME);
}

int link(const char *old, const char *new)
{
    return add_name(old, new, NEXT(link), LINK);
}

int unlink(const char *path)
{
    uint64_t begun;
    int done;
    char space[8192];
    path = resolved(path, space);
    if (!is_inside(path))
        return NEXT(unlink)(path);
    begun = begin();
    done = NEXT(unlink)(path);
    if (!done)
        end((struct record){.begun = begun, .step = UNLINK}, path, "", 0);
    return done;
}
