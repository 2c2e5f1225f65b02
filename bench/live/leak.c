// Leaks memory as asked, tells where its stacks and own mappings lie ("START END KIND", hex), and, as a program, says
// "ready" and waits. As a library it does the same for a JVM, Node, CPython or Go that loads it: leak(WORDS).
// Words are parted by spaces or commas; -DLIBRARY leaves main out.
// how=one|random|chunks|realloc|untouched|holes|own|none mib=N size=BYTES threads=N stack=KIB after=park|end seed=N
// lock=1 keeps all memory from being swapped; a program with fork=1 goes on in a child, which leaks as much again.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GROWING 6  // buffers that realloc makes larger in turn
#define KEPT 5     // one block of so many stays where holes are asked for
#define FILLED 16  // one byte of so many of an untouched block is written

struct asked {
    char how[16], after[8];
    long mib, size, threads, stack, seed, lock, fork;
    pthread_barrier_t done;
    long number;
};

static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char *start, size_t length, const char *kind) {
    char line[96];
    int size = snprintf(line, sizeof line, "%lx %lx %s\n", (unsigned long)start, (unsigned long)start + length, kind);
    if (write(1, line, size) != size) abort();
}

static uint64_t next(uint64_t *state) {  // xorshift64*, Vigna 2016
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

// from a few bytes up to the size: each power of two below it as often as the others
static size_t small(uint64_t *state, long size) {
    size_t most = (size_t)size >> next(state) % 10;
    return 16 + most / 2 + next(state) % (most / 2 + 1);
}

static size_t large(uint64_t *state, long size) { return size / 2 + next(state) % size; }

static void *filled(size_t bytes) {
    void *block = malloc(bytes);
    if (!block) abort();
    return memset(block, 1, bytes);
}

static size_t grow(uint64_t *state, const struct asked *asked, size_t total) {
    char *buffers[GROWING] = {0};
    size_t sizes[GROWING] = {0}, used = 0;
    while (used < total) {
        size_t index = next(state) % GROWING, more = large(state, asked->size);
        buffers[index] = realloc(buffers[index], sizes[index] + more);
        if (!buffers[index]) abort();
        memset(buffers[index] + sizes[index], 1, more);
        sizes[index] += more;
        used += more;
    }
    return used;
}

// most blocks are freed again, so that the rest keeps whole heaps from being returned
static size_t leave_holes(uint64_t *state, const struct asked *asked, size_t total) {
    void **last = NULL;
    size_t used = 0;
    while (used < total) {
        size_t bytes = small(state, asked->size);
        void **block = filled(bytes);
        *block = last;
        last = block;
        used += bytes;
    }
    while (last) {
        void **before = *last;
        if (next(state) % KEPT) free(last);
        last = before;
    }
    return used;
}

static size_t map_own(uint64_t *state, const struct asked *asked, size_t total) {
    size_t used = 0;
    while (used < total) {
        size_t bytes = (large(state, asked->size) + 4095) & ~(size_t)4095;
        char *own = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (own == MAP_FAILED) abort();
        memset(own, 1, bytes / (1 + next(state) % 4));
        tell(own, bytes, "anonymous");
        used += bytes;
    }
    return used;
}

static void leak_blocks(const struct asked *asked, long part) {
    uint64_t state = 0x9e3779b97f4a7c15u * (asked->seed + part + 1);
    size_t total = ((size_t)asked->mib << 20) / (asked->threads ? asked->threads : 1), used = 0;
    if (!strcmp(asked->how, "realloc")) used = grow(&state, asked, total);
    if (!strcmp(asked->how, "holes")) used = leave_holes(&state, asked, total);
    if (!strcmp(asked->how, "own")) used = map_own(&state, asked, total);
    while (used < total && strcmp(asked->how, "none")) {
        size_t bytes = asked->size;
        if (!strcmp(asked->how, "random")) bytes = small(&state, asked->size);
        if (strcmp(asked->how, "random") && strcmp(asked->how, "one")) bytes = large(&state, asked->size);
        if (strcmp(asked->how, "untouched")) filled(bytes);
        else {
            char *block = calloc(1, bytes);
            if (!block) abort();
            memset(block, 1, bytes / FILLED);
        }
        used += bytes;
    }
}

static void *serve(void *given) {
    struct asked *asked = given;
    pthread_attr_t attributes;
    void *bottom;
    size_t length, guarded;
    pthread_mutex_lock(&counting);
    long part = asked->number++;
    pthread_mutex_unlock(&counting);
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &bottom, &length);
    pthread_attr_getguardsize(&attributes, &guarded);
    pthread_attr_destroy(&attributes);
    tell((char *)bottom - guarded, length + guarded, "thread_stack");
    memset(__builtin_alloca(length / (4 + part % 29)), 1, length / (4 + part % 29));
    leak_blocks(asked, part);
    int ends = !strcmp(asked->after, "end");
    pthread_barrier_wait(&asked->done);
    while (!ends) pause();
    return NULL;  // joinable, and nobody joins it: its stack stays
}

static void start_threads(struct asked *asked) {
    pthread_barrier_init(&asked->done, NULL, asked->threads + 1);
    for (long number = 0; number < asked->threads; number++) {
        pthread_attr_t attributes;
        pthread_t thread;
        pthread_attr_init(&attributes);
        if (asked->stack) pthread_attr_setstacksize(&attributes, asked->stack << 10);
        if (pthread_create(&thread, &attributes, serve, asked)) abort();
        pthread_attr_destroy(&attributes);
    }
    pthread_barrier_wait(&asked->done);
}

void leak(const char *words) {
    struct asked *asked = calloc(1, sizeof *asked);  // threads that are parked still have it
    char *copy = strdup(words), *rest = NULL;
    strcpy(asked->how, "none");
    asked->size = 1000;
    for (char *word = strtok_r(copy, " ,", &rest); word; word = strtok_r(NULL, " ,", &rest)) {
        sscanf(word, "how=%15s", asked->how);
        sscanf(word, "after=%7s", asked->after);
        sscanf(word, "mib=%ld", &asked->mib);
        sscanf(word, "size=%ld", &asked->size);
        sscanf(word, "threads=%ld", &asked->threads);
        sscanf(word, "stack=%ld", &asked->stack);
        sscanf(word, "seed=%ld", &asked->seed);
        sscanf(word, "lock=%ld", &asked->lock);
        sscanf(word, "fork=%ld", &asked->fork);
    }
    free(copy);
    if (asked->lock && mlockall(MCL_CURRENT | MCL_FUTURE)) abort();
    if (asked->threads) start_threads(asked);
    else leak_blocks(asked, 0);
    if (!asked->fork) return;
    while (fork()) pause();
    leak_blocks(asked, asked->number + 1);
}

static void leak_as_environment_asks(void) {
    const char *words = getenv("LEAK");
    if (words) leak(words);
}

void Java_Leak_leak(void *environment, void *type) {
    (void)environment, (void)type;
    leak_as_environment_asks();
}

void *napi_register_module_v1(void *environment, void *exports) {
    (void)environment;
    leak_as_environment_asks();
    return exports;
}

#ifndef LIBRARY
int main(int count, char **arguments) {
    char words[512] = "";
    for (int index = 1; index < count; index++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s ", arguments[index]);
    leak(words);
    if (write(1, "ready\n", 6) != 6) return 1;
    pause();
    return 0;
}
#endif
