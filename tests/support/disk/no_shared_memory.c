/* A file system that lacks something, for a program that preloads this: FAULT=shm: no shared memory (as FUSE without mmap has none),
 * posix-locks: no fcntl locks, flock: no flock(2). Everything else is as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

static int is_lacking(const char *what) {
    const char *fault = getenv("FAULT");
    return fault && !strcmp(fault, what);
}

static int is_index(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && !memcmp(path + length - 4, "-shm", 4);
}

static void *map(const char *name, void *at, size_t length, int protection, int flags, int file, off_t offset) {
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, name);
    if ((flags & MAP_SHARED) && file >= 0 && is_lacking("shm") && is_index(file)) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return real(at, length, protection, flags, file, offset);
}

void *mmap(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    return map("mmap", at, length, protection, flags, file, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int file, off_t offset) {
    return map("mmap64", at, length, protection, flags, file, offset);
}

static int control(const char *name, int file, int command, void *argument) {
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    if ((command == F_SETLK || command == F_SETLKW) && is_lacking("posix-locks")) {
        errno = ENOLCK;
        return -1;
    }
    return real(file, command, argument);
}

int fcntl(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return control("fcntl64", file, command, argument);
}

int flock(int file, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (is_lacking("flock")) {
        errno = ENOLCK;
        return -1;
    }
    return real(file, operation);
}
