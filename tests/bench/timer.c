/* SPDX-License-Identifier: MIT */
/*
 * Timers, as calls at a given time, so that the clock is not read: armed and cancelled alone, far
 * beyond 10,000 others, and at random among them; and a million at random that all come. The unit
 * beside them is the hand-minimal switch.
 */
#include "minimal.h"

enum { LIVE = 10000, SPREAD = 1024 };

struct timers {
    struct bide_handle live[LIVE];
    double when[SPREAD]; /* drawn beforehand, as drawing takes time too */
    double base;
};

static double unit_ns;

static void nothing(void *arg)
{
    (void)arg;
}

static double random_when(const struct timers *timers, uint64_t *random)
{
    return timers->base + 1000 + 1000 * random_unit(random);
}

static void measure(const char *name, const struct timers *timers)
{
    struct bide_handle handle = {0};
    const long n = scaled(5000000, 50000);
    const double start = cpu_ns();
    for (long i = 0; i < n; i++) {
        bide_call_at(&handle, timers->when[i % SPREAD], nothing, NULL);
        bide_handle_cancel(&handle);
    }
    report_against(name, (cpu_ns() - start) / (double)n, "ns", "switch", unit_ns);
}

static int arm_and_cancel(void *arg)
{
    struct timers *timers = arg;
    uint64_t random = 88172645463325252;
    timers->base = bide_time();
    for (int i = 0; i < SPREAD; i++) timers->when[i] = timers->base + 1e6;
    measure("timer/alone", timers);
    for (int i = 0; i < LIVE; i++)
        bide_call_at(&timers->live[i], random_when(timers, &random), nothing, NULL);
    measure("timer/far", timers);
    for (int i = 0; i < SPREAD; i++) timers->when[i] = random_when(timers, &random);
    measure("timer/among", timers);
    for (int i = 0; i < LIVE; i++) bide_handle_cancel(&timers->live[i]);
    return 0;
}

static void count(void *arg)
{
    ++*(long *)arg;
}

/* They come between one and two seconds from now: arming takes less than the first of them. */
static int arm_many(void *arg)
{
    (void)arg;
    const long n = scaled(1000000, 20000);
    const double unit = is_quick() ? 0.1 : 1;
    struct bide_handle *handles = malloc((size_t)n * sizeof *handles);
    must(handles != NULL, "memory for the handles");
    memset(handles, 0, (size_t)n * sizeof *handles);
    uint64_t random = 88172645463325252;
    long fired = 0;
    const double base = bide_time(), start = cpu_ns();
    for (long i = 0; i < n; i++)
        bide_call_at(&handles[i], base + unit * (1 + random_unit(&random)), count, &fired);
    while (fired < n) bide_sleep(2.1 * unit);
    report_against("timer/million", (cpu_ns() - start) / (double)n, "ns", "switch", unit_ns);
    free(handles);
    return 0;
}

int main(void)
{
    static struct timers timers;
    unit_ns = minimal_switch_ns();
    report("clock", clock_read_ns(), "ns");
    must(bide_run(arm_and_cancel, &timers) == 0, "bide_run");
    must(bide_run(arm_many, NULL) == 0, "bide_run");
    return 0;
}
