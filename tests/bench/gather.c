/* SPDX-License-Identifier: MIT */
/* bide_gather of 1,000 calls that return at once, against as many flows begun and ended by hand. */
#include "minimal.h"

enum { CALLS = 1000 };

static int none(void *arg)
{
    (void)arg;
    return 0;
}

static int gather_often(void *arg)
{
    double *us = arg;
    struct bide_call calls[CALLS];
    int results[CALLS];
    for (int i = 0; i < CALLS; i++) calls[i] = (struct bide_call){none, NULL};
    const long n = scaled(3000, 20);
    must(bide_gather(calls, CALLS, results) == 0, "bide_gather");
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) must(bide_gather(calls, CALLS, results) == 0, "bide_gather");
    *us = (cpu_ns() - start) / (double)n / 1e3;
    return 0;
}

int main(void)
{
    double us;
    must(bide_run(gather_often, &us) == 0, "bide_run");
    report_against("gather/1000", us, "us", "minimal",
                   minimal_spawn_ns(1, scaled(3000000, 20000)) * CALLS / 1e3);
    return 0;
}
