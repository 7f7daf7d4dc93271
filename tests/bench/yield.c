/* SPDX-License-Identifier: MIT */
/* Tasks that only yield, against a ring of as many flows that the hand-minimal switch goes around. */
#include "minimal.h"

struct yielders {
    long n;
    long rounds;
    double start;
    double end;
};

/* All advance by one yield each in turn, so the first one's start and the last one's end bound them. */
static int yielder(void *arg)
{
    struct yielders *yielders = arg;
    bide_yield(); /* the others begin, too */
    bide_yield();
    if (yielders->start == 0) yielders->start = cpu_ns();
    for (long i = 0; i < yielders->rounds; i++) bide_yield();
    yielders->end = cpu_ns();
    return 0;
}

static int start_them(void *arg)
{
    struct yielders *yielders = arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        for (long i = 0; i < yielders->n; i++) must(bide_group_spawn(&group, yielder, arg) == 0, "spawn");
    }
    return bide_group_result(&group);
}

static void measure(const char *name, long n, long yields)
{
    struct yielders yielders = {.n = n, .rounds = yields / n};
    must(bide_run(start_them, &yielders) == 0, "bide_run");
    const double ns = (yielders.end - yielders.start) / (double)(yielders.rounds * n);
    report_against(name, ns, "ns", "minimal", minimal_ring_ns(minimal_baseline, (size_t)n, yields));
}

int main(void)
{
    measure("yield/2", 2, scaled(10000000, 100000));
    measure("yield/1000", 1000, scaled(10000000, 100000));
    measure("yield/100000", scaled(100000, 5000), scaled(5000000, 50000));
    return 0;
}
