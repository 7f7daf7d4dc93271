/* SPDX-License-Identifier: MIT */
/* What a peer's sleepers took, in the rows of ../sleepers.c; their clock is real, so they are started in time. */
#ifndef PEERS_SLEEPERS_H
#define PEERS_SLEEPERS_H

#include "bench.h"

/* Seconds until the first may wake: enough to start n of them. */
static inline double sleepers_lead(long n)
{
    return 0.5 + 15e-6 * (double)n;
}

struct sleepers_before {
    double cpu_ns;
    double resident;
    double tables;
};

static inline struct sleepers_before sleepers_begin(void)
{
    (void)status_bytes("VmRSS"); /* what that takes is there before */
    return (struct sleepers_before){cpu_ns(), status_bytes("VmRSS"), status_bytes("VmPTE")};
}

/* While all of them sleep. */
static inline void sleepers_asleep(const char *size, struct sleepers_before before, long n)
{
    const double tables = status_bytes("VmPTE") - before.tables;
    const double memory = status_bytes("VmRSS") - before.resident + tables;
    printf("sleepers/%s/memory-each %.6g B\n", size, memory / (double)n);
    printf("sleepers/%s/page-tables-each %.6g B\n", size, tables / (double)n);
    printf("sleepers/%s/mappings %.6g maps\n", size, mappings());
}

static inline void sleepers_end(const char *size, struct sleepers_before before)
{
    printf("sleepers/%s/cpu %.6g s\n", size, (cpu_ns() - before.cpu_ns) / 1e9);
}

#endif
