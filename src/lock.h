/* SPDX-License-Identifier: MIT */
/* The inside of a lock, for itself and for conditions, whose waiters give it up and take it again. */
#ifndef LOCK_H
#define LOCK_H

#include "waiters.h"

#include <bide/sync.h>

struct __attribute__((may_alias)) lock {
    struct bide_task *holder; /* NULL: free; then nobody waits */
    struct waiters waiters;   /* each a lock_wait's */
};

struct lock_wait {
    struct wait wait;
    struct lock *lock;
};

static inline struct lock *lock_inside(const struct bide_lock *lock)
{
    return (struct lock *)(uintptr_t)lock;
}

/* Does the running task hold it? Nobody does outside of tasks. */
static inline bool lock_is_mine(const struct lock *lock)
{
    return lock->holder == task_current && task_current;
}

/* Gives it, on behalf of its holder, to the first in line, or to nobody. */
void lock_pass(struct lock *lock);

/* The current task takes it, as soon as it is its turn: nothing cuts this short. */
void lock_retake(struct lock *lock);

/* A parked wait that was taken out of another line comes to the end of this one, which it stays in. */
void lock_move_here(struct lock *lock, struct lock_wait *wait);

#endif
