/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks. One line for both kinds, so neither can starve the other: a reader that comes
 * after a waiting writer waits too.
 *
 * Invariant: the first in line could not have the lock now. So whatever may change this, a
 * release or a writer that gives up waiting, ends in admit().
 */
#include "misuse.h"
#include "waiters.h"

#include <bide/sync.h>
#include <errno.h>
#include <stdio.h>

struct __attribute__((may_alias)) rwlock {
    struct bide_task *writer; /* who holds it alone */
    size_t readers;           /* how many hold it together */
    struct waiters waiters;   /* each a rwlock_wait's */
};

_Static_assert(sizeof(struct rwlock) <= sizeof(struct bide_rwlock), "struct bide_rwlock is too small");

struct rwlock_wait {
    struct wait wait;
    struct rwlock *lock;
    bool writes;
};

static struct rwlock *inside(const struct bide_rwlock *lock)
{
    return (struct rwlock *)(uintptr_t)lock;
}

/* Could such a one have it, if nobody were in line? */
static bool is_open(const struct rwlock *lock, bool writes)
{
    return !lock->writer && !(writes && lock->readers > 0);
}

static void take(struct rwlock *lock, struct bide_task *task, bool writes)
{
    if (writes)
        lock->writer = task;
    else
        lock->readers++;
}

/* Gives the lock to those in front who can have it. */
static void admit(struct rwlock *lock)
{
    for (struct wait *wait; (wait = waiters_first(&lock->waiters));) {
        const struct rwlock_wait *first = CONTAINER(wait, const struct rwlock_wait, wait);
        if (!is_open(lock, first->writes)) return;
        list_remove(&wait->link);
        take(lock, wait->task, first->writes);
        wake(wait, 0);
    }
}

static int drop_rwlock(struct wait *wait)
{
    (void)waiters_drop(wait); /* which cannot refuse */
    admit(CONTAINER(wait, struct rwlock_wait, wait)->lock);
    return 0;
}

static void describe_rwlock(const struct wait *wait, char *text, size_t size)
{
    const struct rwlock_wait *rwlock_wait = CONTAINER(wait, const struct rwlock_wait, wait);
    snprintf(text, size, "waits to %s under the read-write lock at %p, which %s",
             rwlock_wait->writes ? "write" : "read", (const void *)rwlock_wait->lock,
             rwlock_wait->lock->writer ? "a writer holds" : "readers hold");
}

static const struct wait_ops rwlock_ops = {.drop = drop_rwlock, .describe = describe_rwlock};

static int acquire(struct rwlock *lock, bool writes)
{
    if (task_current && lock->writer == task_current) return -EDEADLK;
    const int code = cancel_check();
    if (code < 0) return code;
    waiters_check(&lock->waiters, "read-write lock", lock);
    if (waiters_empty(&lock->waiters) && is_open(lock, writes)) {
        take(lock, task_current, writes);
        return 0;
    }
    struct rwlock_wait wait = {.lock = lock, .writes = writes};
    wait_init(&wait.wait, &rwlock_ops);
    return waiters_park(&lock->waiters, &wait.wait);
}

int bide_rwlock_acquire_read(struct bide_rwlock *lock)
{
    return acquire(inside(lock), false);
}

int bide_rwlock_acquire_write(struct bide_rwlock *lock)
{
    return acquire(inside(lock), true);
}

void bide_rwlock_release(struct bide_rwlock *outside)
{
    struct rwlock *lock = inside(outside);
    if (!task_current && task_forks > 0) return; /* in the child of a fork, where no task holds anything */
    if (!task_current || (lock->writer ? lock->writer != task_current : lock->readers == 0))
        misuse("task '%s' releases the read-write lock at %p, which task '%s' holds", waiters_user(),
               (void *)lock, waiters_holder_name(lock->writer));
    waiters_check(&lock->waiters, "read-write lock", lock);
    if (lock->writer)
        lock->writer = NULL;
    else
        lock->readers--;
    admit(lock);
}

static struct bide_rwlock *enter(struct bide_rwlock *lock, bool writes, int *code)
{
    *code = acquire(inside(lock), writes);
    return *code < 0 ? NULL : lock;
}

struct bide_rwlock *bide_rwlock_enter_read_(struct bide_rwlock *lock, int *code)
{
    return enter(lock, false, code);
}

struct bide_rwlock *bide_rwlock_enter_write_(struct bide_rwlock *lock, int *code)
{
    return enter(lock, true, code);
}

void bide_rwlock_leave_(struct bide_rwlock **block)
{
    if (*block) bide_rwlock_release(*block);
}
