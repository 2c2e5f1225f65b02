/* A program that leaks so many MiB in one of many ways. It prints a line, and for each line that it reads it goes
 * one step on and prints the next: started, (untouched,) leaked. Usage: leak WAY MIB */
#define _GNU_SOURCE
#include <alloca.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Writes to memory whose address nobody keeps. */
static void lose(void *memory, size_t bytes) {
    if (memory == NULL) fail("allocation");
    memset(memory, 1, bytes);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* What malloc gave, in bytes: it rounds up, and a leak is as large as what cannot be given to others. */
static size_t lost(void *memory) {
    size_t given = malloc_usable_size(memory);
    lose(memory, given);
    return given;
}

static size_t drawn(uint64_t *state, size_t below) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

static void of_one_size(size_t bytes, size_t each) {
    for (size_t done = 0; done < bytes;) done += lost(malloc(each)) + sizeof(size_t);
}

static void of_random_sizes(size_t bytes, uint64_t state) {
    for (size_t done = 0; done < bytes;)
        done += lost(malloc(64 + drawn(&state, drawn(&state, 16) == 0 ? 100 * KIB : 2 * KIB))) + sizeof(size_t);
}

/* One block that grows without a bound, as a log does. */
static void by_realloc(size_t bytes) {
    char *memory = NULL;
    for (size_t size = 0; size < bytes; size += MIB) {
        memory = realloc(memory, size + MIB);
        lose(memory == NULL ? NULL : memory + size, MIB);
    }
}

static void aligned(size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        void *memory = NULL;
        if (posix_memalign(&memory, 64 * KIB, 600 * KIB) != 0) fail("posix_memalign");
        done += lost(memory) + lost(aligned_alloc(64, 640 * KIB));
    }
}

/* Tables that nobody writes to at first. */
static void by_calloc(size_t bytes) {
    enum { TABLES = 16 };
    void *tables[TABLES];
    for (int table = 0; table < TABLES; table++)
        if ((tables[table] = calloc(1, bytes / TABLES)) == NULL) fail("calloc");
    puts("untouched");
    if (getchar() == EOF) exit(0);
    for (int table = 0; table < TABLES; table++) lose(tables[table], bytes / TABLES);
}

static void by_mmap(size_t bytes) {
    size_t each = 4 * MIB;
    for (size_t done = 0; done < bytes; done += each) {
        void *memory = mmap(NULL, each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        lose(memory == MAP_FAILED ? NULL : memory, each);
    }
}

static void create(void *(*body)(void *), void *argument, size_t stack_bytes) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack_bytes > 0 && pthread_attr_setstacksize(&attributes, stack_bytes) != 0) fail("stack size");
    int error = pthread_create(&thread, &attributes, body, argument);
    if (error != 0) {
        fprintf(stderr, "pthread_create: %s\n", strerror(error));
        exit(1);
    }
}

static size_t part_bytes;
static pthread_barrier_t together;

static void *leaks_in_its_arena(void *number) {
    pthread_barrier_wait(&together); /* while all live, each has an arena of its own */
    of_random_sizes(part_bytes, (uintptr_t)number);
    pthread_barrier_wait(&together);
    pause();
    return NULL;
}

static void in_arenas(size_t bytes) {
    enum { THREADS = 7 };
    part_bytes = bytes / THREADS;
    pthread_barrier_init(&together, NULL, THREADS + 1);
    for (uintptr_t number = 1; number <= THREADS; number++)
        create(leaks_in_its_arena, (void *)number, 256 * KIB);
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
}

static size_t stack_used_bytes;

static void *waits(void *none) {
    lose(alloca(stack_used_bytes), stack_used_bytes);
    pthread_barrier_wait(&together);
    pause();
    return none;
}

static void waiting_threads(size_t bytes) {
    enum { STACK = 4 * MIB };
    stack_used_bytes = STACK - 64 * KIB;
    pthread_barrier_init(&together, NULL, bytes / STACK + 1);
    for (size_t done = 0; done < bytes; done += STACK) create(waits, NULL, STACK);
    pthread_barrier_wait(&together);
}

static void *returns(void *none) { return none; }

static int threads_now(void) {
    char line[256];
    int threads = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "Threads: %d", &threads);
    if (status != NULL) fclose(status);
    return threads;
}

/* Threads that have ended, and that nobody joins: glibc keeps their stacks. */
static void ended_threads(size_t bytes, size_t stack_bytes) {
    for (size_t done = 0; done < bytes; done += stack_bytes) create(returns, NULL, stack_bytes);
    while (threads_now() > 1) usleep(1000);
}

/* What is as large as a leak, and none: memory that is only reserved or never written to, shared memory, a file. */
static void healthy(size_t bytes) {
    int access = PROT_READ | PROT_WRITE;
    FILE *file = tmpfile();
    if (file == NULL || ftruncate(fileno(file), bytes) != 0) fail("file");
    void *parts[] = {
        mmap(NULL, 16 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        mmap(NULL, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        mmap(NULL, bytes, access, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
        mmap(NULL, bytes, PROT_READ, MAP_SHARED, fileno(file), 0),
    };
    for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
        if (parts[part] == MAP_FAILED) fail("mmap");
    lose(parts[2], bytes / 8);
    of_one_size(bytes / 8, 500);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const char *way = argv[1];
    size_t bytes = strtoul(argv[2], NULL, 10) * MIB;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("started");
    if (getchar() == EOF) return 0;
    if (strcmp(way, "one-size") == 0) of_one_size(bytes, 1000);
    else if (strcmp(way, "random-sizes") == 0) of_random_sizes(bytes, 42);
    else if (strcmp(way, "above-threshold") == 0) of_one_size(bytes, MIB);
    else if (strcmp(way, "realloc") == 0) by_realloc(bytes);
    else if (strcmp(way, "aligned") == 0) aligned(bytes);
    else if (strcmp(way, "arenas") == 0) in_arenas(bytes);
    else if (strcmp(way, "mmap") == 0) by_mmap(bytes);
    else if (strcmp(way, "calloc") == 0) by_calloc(bytes);
    else if (strcmp(way, "brk") == 0) {
        mallopt(M_MMAP_MAX, 0);
        of_one_size(bytes, 300 * KIB);
    } else if (strcmp(way, "low-threshold") == 0) {
        mallopt(M_MMAP_THRESHOLD, 16 * KIB);
        of_one_size(bytes, 40000);
    } else if (strcmp(way, "threads-waiting") == 0) waiting_threads(bytes);
    else if (strcmp(way, "threads-not-joined") == 0) ended_threads(bytes, 8 * MIB);
    else if (strcmp(way, "small-threads-not-joined") == 0) ended_threads(bytes, 5 * MIB);
    else if (strcmp(way, "healthy") == 0) healthy(bytes);
    else return 2;
    puts("leaked");
    getchar();
    return 0;
}
