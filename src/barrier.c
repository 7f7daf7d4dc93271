/* SPDX-License-Identifier: MIT */
/*
 * Barriers. The last to arrive lets all go at once and hands each its index, so the next round may
 * begin before those of this one have run; the indices are given only then, as whoever is
 * cancelled while it waits has never arrived.
 *
 * Invariants
 *  - `waiting` are in line, less than `parties`.
 *  - Nobody is in line while it is broken.
 */
#include "misuse.h"
#include "waiters.h"

#include <bide/sync.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

struct __attribute__((may_alias)) barrier {
    unsigned parties;
    unsigned waiting;
    bool broken;
    struct waiters waiters; /* each a barrier_wait's */
};

_Static_assert(sizeof(struct barrier) <= sizeof(struct bide_barrier), "struct bide_barrier is too small");

struct barrier_wait {
    struct wait wait;
    struct barrier *barrier;
};

static struct barrier *inside(const struct bide_barrier *barrier)
{
    return (struct barrier *)(uintptr_t)barrier;
}

static int drop_barrier(struct wait *wait)
{
    (void)waiters_drop(wait); /* which cannot refuse */
    CONTAINER(wait, struct barrier_wait, wait)->barrier->waiting--;
    return 0;
}

static void describe_barrier(const struct wait *wait, char *text, size_t size)
{
    const struct barrier *barrier = CONTAINER(wait, const struct barrier_wait, wait)->barrier;
    snprintf(text, size, "waits at the barrier at %p, where %u of %u are", (const void *)barrier,
             barrier->waiting, barrier->parties);
}

static const struct wait_ops barrier_ops = {.drop = drop_barrier, .describe = describe_barrier};

void bide_barrier_init(struct bide_barrier *barrier, unsigned n)
{
    if (n < 1 || n > INT_MAX)
        misuse("task '%s' makes the barrier at %p one of %u tasks", waiters_user(), (void *)barrier, n);
    *barrier = (struct bide_barrier){{0}};
    *inside(barrier) = (struct barrier){.parties = n};
}

/* Those in line may have gone without a word: with their loop, or with the parent of a fork. */
static void count_anew(struct barrier *barrier)
{
    waiters_check(&barrier->waiters, "barrier", barrier);
    if (waiters_empty(&barrier->waiters)) barrier->waiting = 0;
}

/* Lets the present ones go: all with the code, or, if that is 0, with their indices. */
static void let_go(struct barrier *barrier, int code)
{
    int index = 0;
    barrier->waiting = 0;
    for (struct wait *wait; (wait = waiters_pop(&barrier->waiters)); index++)
        waiters_wake(&barrier->waiters, wait, code < 0 ? code : index);
}

int bide_barrier_wait(struct bide_barrier *outside)
{
    struct barrier *barrier = inside(outside);
    if (task_current && barrier->parties == 0) return -EINVAL;
    const int code = cancel_check();
    if (code < 0) return code;
    if (barrier->broken) return -EPIPE;
    count_anew(barrier);
    if (barrier->waiting + 1 == barrier->parties) {
        let_go(barrier, 0);
        return (int)barrier->parties - 1;
    }
    struct barrier_wait wait = {.barrier = barrier};
    wait_init(&wait.wait, &barrier_ops);
    barrier->waiting++;
    return waiters_park(&barrier->waiters, &wait.wait);
}

void bide_barrier_abort(struct bide_barrier *outside)
{
    struct barrier *barrier = inside(outside);
    count_anew(barrier);
    barrier->broken = true;
    let_go(barrier, -EPIPE);
}

void bide_barrier_reset(struct bide_barrier *outside)
{
    struct barrier *barrier = inside(outside);
    count_anew(barrier);
    barrier->broken = false;
    let_go(barrier, -EPIPE);
}

bool bide_barrier_broken(const struct bide_barrier *barrier)
{
    return inside(barrier)->broken;
}

unsigned bide_barrier_parties(const struct bide_barrier *barrier)
{
    return inside(barrier)->parties;
}

unsigned bide_barrier_waiting(const struct bide_barrier *barrier)
{
    return waiters_empty(&inside(barrier)->waiters) ? 0 : inside(barrier)->waiting;
}
