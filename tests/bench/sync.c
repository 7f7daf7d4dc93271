/* SPDX-License-Identifier: MIT */
/*
 * Locks and semaphores taken and given back while nobody waits, against a call to another object
 * that does nothing (two a pair); and a lock that goes round, against the hand-minimal switch.
 */
#include "minimal.h"

static struct bide_lock lock;
static struct bide_sem sem;
static struct bide_event event;

struct work {
    long n;
    double ns;
    bide_fn fn;
};

static int lock_pairs(void *arg)
{
    for (long i = *(long *)arg; i > 0; i--) {
        must(bide_lock_acquire(&lock) == 0, "bide_lock_acquire");
        bide_lock_release(&lock);
    }
    return 0;
}

static int sem_pairs(void *arg)
{
    for (long i = *(long *)arg; i > 0; i--) {
        must(bide_sem_acquire(&sem) == 0, "bide_sem_acquire");
        bide_sem_release(&sem);
    }
    return 0;
}

static int event_waits(void *arg)
{
    for (long i = *(long *)arg; i > 0; i--) must(bide_event_wait(&event) == 0, "bide_event_wait");
    return 0;
}

/* What two calls that do next to nothing take: the least that any pair can. */
static int null_pairs(void *arg)
{
    for (long i = *(long *)arg; i > 0; i--) {
        must(bide_current_task() != NULL, "bide_current_task");
        (void)bide_current_task();
    }
    return 0;
}

static int timed(void *arg)
{
    struct work *work = arg;
    work->fn(&(long){work->n / 10});
    const double start = cpu_ns();
    work->fn(&work->n);
    work->ns = (cpu_ns() - start) / (double)work->n;
    return 0;
}

static double pair_ns(bide_fn fn)
{
    struct work work = {.n = scaled(20000000, 100000), .fn = fn};
    must(bide_run(timed, &work) == 0, "bide_run");
    return work.ns;
}

/* Each finds the lock taken by the other, who then gives it to him. */
static int goes_round(void *arg)
{
    for (long i = *(long *)arg; i > 0; i--) {
        must(bide_lock_acquire(&lock) == 0, "bide_lock_acquire");
        bide_yield();
        bide_lock_release(&lock);
    }
    return 0;
}

static int go_round(void *arg)
{
    struct work *work = arg;
    const double start = cpu_ns();
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 2; i++) bide_group_start(&group, goes_round, &work->n);
    }
    work->ns = (cpu_ns() - start) / (double)work->n / 2;
    return bide_group_result(&group);
}

static double handover_ns(void)
{
    struct work work = {.n = scaled(5000000, 50000)};
    must(bide_run(go_round, &work) == 0, "bide_run");
    return work.ns;
}

int main(void)
{
    const double null = pair_ns(null_pairs);
    bide_sem_init(&sem, 1);
    bide_event_set(&event);
    report_against("lock+unlock", pair_ns(lock_pairs), "ns", "calls", null);
    report_against("sem", pair_ns(sem_pairs), "ns", "calls", null);
    report_against("event", pair_ns(event_waits), "ns", "calls", null / 2);
    report_against("lock-passed-on", handover_ns(), "ns", "minimal",
                   minimal_ring_ns(minimal_baseline, 2, scaled(5000000, 50000)));
    return 0;
}
