/* SPDX-License-Identifier: MIT */
/*
 * Many tasks that sleep: CPU time from the first to the end of the loop, memory with page tables,
 * mappings while all sleep, and resident memory when they are gone. The clock is virtual, so that no
 * time passes between. The baseline is what no such thing can do without: for each a guard, a page
 * that is touched, and giving both back. Each figure has a process of its own.
 */
#include "bench.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct figures {
    double cpu_s;
    double bytes; /* each, with page tables */
    double tables;
    double maps;
    double rss_after; /* against the one before */
};

struct sleepers {
    long n;
    struct figures *figures;
};

struct memory {
    double resident;
    double tables;
};

static struct memory memory_now(void)
{
    return (struct memory){status_bytes("VmRSS"), status_bytes("VmPTE")};
}

/* What n of them have added to what there was. */
static void keep_memory(struct figures *figures, struct memory before, long n)
{
    const struct memory now = memory_now();
    figures->tables = (now.tables - before.tables) / (double)n;
    figures->bytes = (now.resident - before.resident) / (double)n + figures->tables;
    figures->maps = mappings();
}

static int sleeper(void *arg)
{
    uint64_t *random = arg;
    return bide_sleep(1000 + 1000 * random_unit(random));
}

static int sleep_all(void *arg)
{
    const struct sleepers *sleepers = arg;
    struct figures *figures = sleepers->figures;
    uint64_t random = 88172645463325252;
    (void)memory_now(); /* what that takes is there before */
    const struct memory before = memory_now();
    struct bide_group group;
    BIDE_GROUP(group) {
        for (long i = 0; i < sleepers->n; i++)
            must(bide_group_spawn(&group, sleeper, &random) == 0, "memory for a task");
        bide_sleep(1);
        keep_memory(figures, before, sleepers->n);
    }
    bide_sleep(1); /* idle: memory is given back */
    figures->rss_after = memory_now().resident / before.resident;
    return bide_group_result(&group);
}

static void measure_bide(long n, struct figures *figures)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    struct sleepers sleepers = {n, figures};
    const double start = cpu_ns();
    must(bide_run_with(&options, sleep_all, &sleepers) == 0, "bide_run");
    figures->cpu_s = (cpu_ns() - start) / 1e9;
}

static void measure_floor(long n, struct figures *figures)
{
    enum { STRIDE = 17 * 4096, PAGE = 4096, GUARD_INSTALL = 102 };
    const struct memory before = memory_now();
    const double start = cpu_ns();
    const size_t size = (size_t)n * STRIDE;
    char *stacks =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(stacks != MAP_FAILED, "memory for the baseline");
    for (long i = 0; i < n; i++) {
        char *stack = stacks + i * STRIDE;
        (void)madvise(stack, PAGE, GUARD_INSTALL); /* of Linux 6.13; before that the floor has none */
        *(volatile char *)(stack + STRIDE - 1) = 1;
    }
    const double cpu_then = cpu_ns();
    keep_memory(figures, before, n);
    const double cpu_reading = cpu_ns() - cpu_then;
    munmap(stacks, size);
    figures->cpu_s = (cpu_ns() - start - cpu_reading) / 1e9;
}

/* In a child, so that none inherits what another has left behind. */
static struct figures apart(void (*measure)(long n, struct figures *figures), long n)
{
    struct figures *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "memory for the figures");
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        measure(n, shared);
        _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "a child process");
    const struct figures figures = *shared;
    munmap(shared, sizeof *shared);
    return figures;
}

static bool is_room_for(long n)
{
    char line[256];
    double available = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "MemAvailable:", 13) == 0) available = strtod(line + 13, NULL) * 1024;
    if (file) fclose(file);
    return available > (double)n * 5000;
}

static void measure(const char *size, long n)
{
    if (!is_room_for(n)) {
        fprintf(stderr, "skipped: %ld sleepers need %.1f GB of memory\n", n, (double)n * 5000 / 1e9);
        return;
    }
    (void)apart(measure_floor, n); /* so that a virtual machine's host has its memory at hand for both */
    const struct figures bide = apart(measure_bide, n), floor = apart(measure_floor, n);
    char name[64];
    snprintf(name, sizeof name, "sleepers/%s/cpu", size);
    report_against(name, bide.cpu_s, "s", "floor", floor.cpu_s);
    snprintf(name, sizeof name, "sleepers/%s/memory-each", size);
    report_against(name, bide.bytes, "B", "floor", floor.bytes);
    snprintf(name, sizeof name, "sleepers/%s/page-tables-each", size);
    report_against(name, bide.tables, "B", "floor", floor.tables);
    snprintf(name, sizeof name, "sleepers/%s/mappings", size);
    report_against(name, bide.maps, "maps", "floor", floor.maps);
    snprintf(name, sizeof name, "sleepers/%s/rss-after-of-before", size);
    report(name, bide.rss_after, "times");
}

int main(void)
{
    measure("10k", 10000);
    if (is_quick()) return 0;
    measure("100k", 100000);
    measure("1M", 1000000);
    return 0;
}
