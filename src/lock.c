/* SPDX-License-Identifier: MIT */
/*
 * Locks. A release gives the lock to the first in line before that one runs, so nobody can come
 * between, and a cancel in the same turn comes too late to lose it.
 *
 * Invariants
 *  - The lock is free only while nobody is in line.
 *  - The holder is not in line.
 */
#include "lock.h"

#include "misuse.h"

#include <errno.h>
#include <stdio.h>

_Static_assert(sizeof(struct lock) <= sizeof(struct bide_lock), "struct bide_lock is too small");

static void describe_lock(const struct wait *wait, char *text, size_t size)
{
    const struct lock *lock = CONTAINER(wait, const struct lock_wait, wait)->lock;
    snprintf(text, size, "waits for the lock at %p, which task '%.60s' holds", (const void *)lock,
             waiters_holder_name(lock->holder));
}

static const struct wait_ops acquire_ops = {.drop = waiters_drop, .describe = describe_lock};
static const struct wait_ops retake_ops = {.describe = describe_lock};

void lock_pass(struct lock *lock)
{
    waiters_check(&lock->waiters, "lock", lock);
    struct wait *next = waiters_pop(&lock->waiters);
    lock->holder = next ? next->task : NULL;
    if (next) wake(next, 0);
}

void lock_retake(struct lock *lock)
{
    if (!lock->holder) {
        lock->holder = task_current;
        return;
    }
    waiters_check(&lock->waiters, "lock", lock);
    struct lock_wait wait = {.lock = lock};
    wait_init(&wait.wait, &retake_ops);
    waiters_join(&lock->waiters, &wait.wait);
    park_join(&wait.wait);
}

void lock_move_here(struct lock *lock, struct lock_wait *wait)
{
    waiters_check(&lock->waiters, "lock", lock);
    wait->wait.ops = &retake_ops;
    waiters_join(&lock->waiters, &wait->wait);
}

static __attribute__((noinline)) int acquire_slowly(struct lock *lock)
{
    if (lock_is_mine(lock)) return -EDEADLK;
    const int code = cancel_check();
    if (code < 0) return code;
    waiters_check(&lock->waiters, "lock", lock);
    struct lock_wait wait = {.lock = lock};
    wait_init(&wait.wait, &acquire_ops);
    return waiters_park(&lock->waiters, &wait.wait);
}

int bide_lock_acquire(struct bide_lock *outside)
{
    struct lock *lock = lock_inside(outside);
    struct bide_task *self = task_current;
    if (__builtin_expect(!self || task_level(self)->code || lock->holder, 0)) return acquire_slowly(lock);
    lock->holder = self;
    return 0;
}

int bide_lock_acquire_nowait(struct bide_lock *outside)
{
    struct lock *lock = lock_inside(outside);
    if (!task_current) return -EPERM;
    if (lock->holder) return lock_is_mine(lock) ? -EDEADLK : -EAGAIN;
    lock->holder = task_current;
    return 0;
}

/* In the child of a fork blocks are left too, where no task holds anything. */
static __attribute__((noinline)) void release_wrongly(const struct lock *lock)
{
    if (!task_current && task_forks > 0) return;
    misuse("task '%s' releases the lock at %p, which task '%s' holds", waiters_user(), (const void *)lock,
           waiters_holder_name(lock->holder));
}

static __attribute__((noinline)) void release_slowly(struct lock *lock)
{
    if (lock_is_mine(lock))
        lock_pass(lock);
    else
        release_wrongly(lock);
}

void bide_lock_release(struct bide_lock *outside)
{
    struct lock *lock = lock_inside(outside);
    struct bide_task *self = task_current;
    if (__builtin_expect(!self || lock->holder != self || !waiters_empty(&lock->waiters), 0))
        release_slowly(lock);
    else
        lock->holder = NULL;
}

bool bide_lock_locked(const struct bide_lock *lock)
{
    return lock_inside(lock)->holder;
}

struct bide_lock *bide_lock_enter_(struct bide_lock *lock, int *code)
{
    *code = bide_lock_acquire(lock);
    return *code < 0 ? NULL : lock;
}

void bide_lock_leave_(struct bide_lock **block)
{
    if (*block) bide_lock_release(*block);
}
