/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: clocks, memory figures, and the line in which a result is printed,
 *
 *     name value unit [baseline value ratio]
 *
 * without blanks in a field, so that the script `run` can take medians over many lines of one name.
 */
#ifndef BENCH_H
#define BENCH_H

#include <bide.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Says what failed, and ends the program: a benchmark that goes on would measure something else. */
static inline void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

/* How much work to do: fewer repetitions where only the programs themselves are to be tried. */
static inline bool is_quick(void)
{
    return getenv("BENCH_QUICK") != NULL;
}

static inline long scaled(long n, long quick)
{
    return is_quick() ? quick : n;
}

static inline double clock_in_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Where other threads or processes have a part in it. */
static inline double wall_ns(void)
{
    return clock_in_ns(CLOCK_MONOTONIC);
}

/* Of this process: what a thread does alone is measured by it, as another program may take turns. */
static inline double cpu_ns(void)
{
    return clock_in_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* One read of the clock, by which deadlines are reckoned. */
static inline double clock_read_ns(void)
{
    const long n = scaled(1000000, 10000);
    struct timespec now;
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) clock_gettime(CLOCK_MONOTONIC, &now);
    return (cpu_ns() - start) / (double)n;
}

static inline void report(const char *name, double value, const char *unit)
{
    printf("%s %.6g %s\n", name, value, unit);
    fflush(stdout);
}

/* The same beside a baseline of the same run, if there is one: on some machines none is known. */
static inline void report_against(const char *name, double value, const char *unit, const char *baseline,
                                  double base)
{
    if (base > 0)
        printf("%s %.6g %s %s %.6g %.3f\n", name, value, unit, baseline, base, value / base);
    else
        report(name, value, unit);
    fflush(stdout);
}

/* A line such as "VmRSS:  1234 kB" of /proc/self/status, in bytes; 0 if it is not there. */
static inline double status_bytes(const char *key)
{
    char line[256];
    double bytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            bytes = strtod(line + strlen(key) + 1, NULL) * 1024;
    }
    fclose(file);
    return bytes;
}

/* How many mappings this process has. */
static inline double mappings(void)
{
    double n = 0;
    int c;
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file) return 0;
    while ((c = fgetc(file)) != EOF) n += c == '\n';
    fclose(file);
    return n;
}

/* Binds this process to the nth of the processors that it began with, where there are that many. */
static inline void pin_to(size_t nth)
{
    static cpu_set_t all;
    cpu_set_t one;
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof all, &all) < 0) return;
    if ((size_t)CPU_COUNT(&all) <= nth) return;
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all) || nth-- > 0) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof one, &one); /* unbound it measures too, only less quietly */
}

/* A generator of numbers for all programs alike, also those of the peers. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* From 0 to below 1. */
static inline double random_unit(uint64_t *state)
{
    return (double)(random_next(state) >> 11) / 9007199254740992.0;
}

#endif
