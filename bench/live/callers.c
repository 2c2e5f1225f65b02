// Preloaded: writes down who maps anonymous memory, and where each thread's stack lies, to the file CALLERS names.
// Lines: "map START LENGTH OBJECT SYMBOL", "unmap START LENGTH - -", "stack START LENGTH - -"; hex.
// What glibc maps itself (stacks, malloc) does not come here: its own structures tell.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int output = -1;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CALLERS");
    if (path) output = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void note(const char *what, const void *start, size_t length, const void *caller) {
    char line[512];
    Dl_info info = {0};
    if (output < 0) return;
    if (caller) dladdr(caller, &info);
    const char *object = info.dli_fname ? info.dli_fname : "-";
    const char *slash = strrchr(object, '/');
    int size = snprintf(line, sizeof line, "%s %lx %lx %s %.300s\n", what, (unsigned long)start, (unsigned long)length,
                        slash ? slash + 1 : object, info.dli_sname ? info.dli_sname : "-");
    if (write(output, line, size) != size) output = -1;
}

static void *map(void *start, size_t length, int access, int flags, int file, off_t offset, const void *caller) {
    void *got = (void *)syscall(SYS_mmap, start, length, access, flags, file, offset);
    if (got != MAP_FAILED) note(flags & MAP_ANONYMOUS ? "map" : "unmap", got, length, caller);
    return got;
}

void *mmap(void *start, size_t length, int access, int flags, int file, off_t offset) {
    return map(start, length, access, flags, file, offset, __builtin_return_address(0));
}

void *mmap64(void *start, size_t length, int access, int flags, int file, off_t offset) {
    return map(start, length, access, flags, file, offset, __builtin_return_address(0));
}

int munmap(void *start, size_t length) {
    int failed = (int)syscall(SYS_munmap, start, length);
    if (!failed) note("unmap", start, length, NULL);
    return failed;
}

struct start {
    void *(*run)(void *);
    void *argument;
};

static void *first(void *given) {
    struct start start = *(struct start *)given;
    pthread_attr_t attributes;
    void *bottom;
    size_t length, guard;
    free(given);
    if (!pthread_getattr_np(pthread_self(), &attributes)) {
        pthread_attr_getstack(&attributes, &bottom, &length);
        pthread_attr_getguardsize(&attributes, &guard);
        pthread_attr_destroy(&attributes);
        note("stack", (char *)bottom - guard, length + guard, NULL);
    }
    return start.run(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!create) create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");
    struct start *start = malloc(sizeof *start);
    *start = (struct start){run, argument};
    return create(thread, attributes, first, start);
}
