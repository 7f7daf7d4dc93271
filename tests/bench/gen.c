/* SPDX-License-Identifier: MIT */
/* A generator asked again and again, against two hand-minimal switches, to it and back. */
#include "minimal.h"

static int counts(void *arg)
{
    long *n = arg;
    while (bide_yield_value(n) == 0) ++*n;
    return 0;
}

static double next_ns; /* of one bide_gen_next */

static int asks(void *arg)
{
    const long n = *(const long *)arg;
    long number = 0, sum = 0;
    void *value;
    struct bide_gen *gen = bide_gen_new(counts, &number);
    must(bide_gen_next(gen, &value) == 1, "bide_gen_next");
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        (void)bide_gen_next(gen, &value);
        sum += *(const long *)value;
    }
    next_ns = (cpu_ns() - start) / (double)n;
    must(sum == n * (n + 1) / 2, "all values in order");
    return bide_gen_close(gen);
}

static int lives(void *arg)
{
    const long n = *(const long *)arg;
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        long number = 0;
        struct bide_gen *gen = bide_gen_new(counts, &number);
        must(bide_gen_next(gen, NULL) == 1, "bide_gen_next");
        must(bide_gen_close(gen) == 0, "bide_gen_close");
    }
    next_ns = (cpu_ns() - start) / (double)n;
    return 0;
}

int main(void)
{
    const long n = scaled(20000000, 100000), generators = scaled(2000000, 10000);
    must(bide_run(asks, (void *)(uintptr_t)&n) == 0, "bide_run");
    report_against("gen/next", next_ns, "ns", "minimal", 2 * minimal_ring_ns(minimal_baseline, 2, n));
    must(bide_run(lives, (void *)(uintptr_t)&generators) == 0, "bide_run");
    report_against("gen/new+next+close", next_ns, "ns", "minimal",
                   2 * minimal_ring_ns(minimal_baseline, 2, n));
    return 0;
}
