// Uses memory as asked, prints where its stacks and own mappings lie ("START END KIND", hex), then "ready", and waits.
// threads=N stack=KIB[,KIB...] guard=KIB gone=N blocks=N size=BYTES free=all|half rings=N ring=KIB own=N
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long stacks[8], stack_count, guard = -1, gone, blocks, size = 1000, threads = 4;
static char release;  // 'a' all, 'h' every other block
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t mapped, done;

static void tell(const char *start, size_t length, const char *kind) {
    pthread_mutex_lock(&output);
    printf("%lx %lx %s\n", (unsigned long)start, (unsigned long)start + length, kind);
    pthread_mutex_unlock(&output);
}

static void *serve(void *number) {
    pthread_attr_t attributes;
    void *bottom;
    size_t length, guarded;
    int leaves = (long)number < gone;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &bottom, &length);
    pthread_attr_getguardsize(&attributes, &guarded);
    tell((char *)bottom - guarded, length + guarded, "thread_stack");
    char **kept = malloc(sizeof *kept * (blocks + 1));
    for (long block = 0; block < blocks; block++) {
        kept[block] = malloc(size);
        memset(kept[block], 1, size);
    }
    for (long block = 0; release && block < blocks; block += release == 'a' ? 1 : 2) free(kept[block]);
    pthread_barrier_wait(&mapped);
    if (leaves) return NULL;
    pthread_barrier_wait(&done);
    pause();
    return NULL;
}

static void start_threads(void) {
    pthread_t *all = calloc(threads + 1, sizeof *all);
    for (long number = 0; number < threads; number++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        if (stack_count) pthread_attr_setstacksize(&attributes, stacks[number % stack_count] << 10);
        if (guard >= 0) pthread_attr_setguardsize(&attributes, guard << 10);
        if (pthread_create(&all[number], &attributes, serve, (void *)number)) {
            puts("no thread");
            exit(1);
        }
    }
    pthread_barrier_wait(&mapped);
    for (long number = 0; number < gone; number++) pthread_join(all[number], NULL);
    pthread_barrier_wait(&done);
}

// buffers with a guard page on both sides, as ring buffers have them
static void map_rings(long rings, long kib) {
    for (long ring = 0; ring < rings; ring++) {
        char *whole = mmap(NULL, (kib << 10) + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(whole + 4096, kib << 10, PROT_READ | PROT_WRITE);
        memset(whole + 4096, 1, kib << 10);
        tell(whole, (kib << 10) + 8192, "anonymous");
    }
}

// memory that the program maps itself and touches in part: whole MiB, apart from one another
static void map_own(long count) {
    for (long number = 1; number <= count; number++) {
        size_t length = (size_t)number << 20;
        char *own = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(own, 1, length / 4);
        mprotect(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096, PROT_NONE);
        tell(own, length, "anonymous");
    }
}

int main(int count, char **arguments) {
    long rings = 0, ring = 584, own = 0;
    for (int index = 1; index < count; index++) {
        char *value = strchr(arguments[index], '=') + 1;
        if (!strncmp(arguments[index], "stack=", 6))
            for (char *one = strtok(value, ","); one; one = strtok(NULL, ",")) stacks[stack_count++] = atol(one);
        else if (!strncmp(arguments[index], "threads=", 8)) threads = atol(value);
        else if (!strncmp(arguments[index], "guard=", 6)) guard = atol(value);
        else if (!strncmp(arguments[index], "gone=", 5)) gone = atol(value);
        else if (!strncmp(arguments[index], "blocks=", 7)) blocks = atol(value);
        else if (!strncmp(arguments[index], "size=", 5)) size = atol(value);
        else if (!strncmp(arguments[index], "free=", 5)) release = *value;
        else if (!strncmp(arguments[index], "rings=", 6)) rings = atol(value);
        else if (!strncmp(arguments[index], "ring=", 5)) ring = atol(value);
        else if (!strncmp(arguments[index], "own=", 4)) own = atol(value);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    pthread_barrier_init(&mapped, NULL, threads + 1);
    pthread_barrier_init(&done, NULL, threads - gone + 1);
    map_rings(rings, ring);
    map_own(own);
    start_threads();
    puts("ready");
    pause();
    return 0;
}
