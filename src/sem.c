/* SPDX-License-Identifier: MIT */
/*
 * Semaphores. A release gives its permit to the first in line before that one runs.
 *
 * Invariants
 *  - There are free permits only while nobody is in line.
 *  - Of a bounded one: those that are free, plus those that were taken, are `bound`.
 */
#include "misuse.h"
#include "waiters.h"

#include <bide/sync.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

struct __attribute__((may_alias)) sem {
    unsigned value; /* free permits */
    unsigned bound;
    bool bounded;
    struct waiters waiters; /* each a sem_wait's */
};

_Static_assert(sizeof(struct sem) <= sizeof(struct bide_sem), "struct bide_sem is too small");

struct sem_wait {
    struct wait wait;
    const struct sem *sem;
};

static struct sem *inside(const struct bide_sem *sem)
{
    return (struct sem *)(uintptr_t)sem;
}

static void describe_sem(const struct wait *wait, char *text, size_t size)
{
    const struct sem_wait *sem_wait = CONTAINER(wait, const struct sem_wait, wait);
    snprintf(text, size, "waits for the semaphore at %p", (const void *)sem_wait->sem);
}

static const struct wait_ops sem_ops = {.drop = waiters_drop, .describe = describe_sem};

void bide_sem_init(struct bide_sem *sem, unsigned n)
{
    *sem = (struct bide_sem){{0}};
    *inside(sem) = (struct sem){.value = n};
}

void bide_sem_init_bounded(struct bide_sem *sem, unsigned n)
{
    *sem = (struct bide_sem){{0}};
    *inside(sem) = (struct sem){.value = n, .bound = n, .bounded = true};
}

static __attribute__((noinline)) int acquire_slowly(struct sem *sem)
{
    const int code = cancel_check();
    if (code < 0) return code;
    waiters_check(&sem->waiters, "semaphore", sem);
    struct sem_wait wait = {.sem = sem};
    wait_init(&wait.wait, &sem_ops);
    return waiters_park(&sem->waiters, &wait.wait);
}

int bide_sem_acquire(struct bide_sem *outside)
{
    struct sem *sem = inside(outside);
    struct bide_task *self = task_current;
    if (__builtin_expect(!self || task_level(self)->code || !sem->value, 0)) return acquire_slowly(sem);
    sem->value--;
    return 0;
}

int bide_sem_acquire_nowait(struct bide_sem *outside)
{
    struct sem *sem = inside(outside);
    if (!sem->value) return -EAGAIN;
    sem->value--;
    return 0;
}

static __attribute__((noinline, noreturn)) void released_too_often(const struct sem *sem)
{
    misuse("task '%s' releases the semaphore at %p, which has all its %u permits", waiters_user(),
           (const void *)sem, sem->value);
}

void bide_sem_release(struct bide_sem *outside)
{
    struct sem *sem = inside(outside);
    if (__builtin_expect(sem->value >= (sem->bounded ? sem->bound : UINT_MAX), 0)) released_too_often(sem);
    waiters_check(&sem->waiters, "semaphore", sem);
    struct wait *next = waiters_pop(&sem->waiters);
    if (next)
        waiters_wake(&sem->waiters, next, 0);
    else
        sem->value++;
}

unsigned bide_sem_value(const struct bide_sem *sem)
{
    return inside(sem)->value;
}

struct bide_sem *bide_sem_enter_(struct bide_sem *sem, int *code)
{
    *code = bide_sem_acquire(sem);
    return *code < 0 ? NULL : sem;
}

void bide_sem_leave_(struct bide_sem **block)
{
    if (*block) bide_sem_release(*block);
}
