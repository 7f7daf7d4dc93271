/* SPDX-License-Identifier: MIT */
/*
 * Conditions. A notified wait goes straight from the condition's line to the end of the lock's,
 * and is woken once, when it holds the lock: waking it to take the lock by itself would let
 * others in before it, and would make two switches of one. From then on it cannot be cut short,
 * so a notification is never lost: whoever was cancelled before it is not in line any more.
 *
 * Invariant: all in line gave up the same lock, `lock`; of an empty line it means nothing.
 */
#include "lock.h"
#include "misuse.h"

#include <errno.h>
#include <stdio.h>

struct __attribute__((may_alias)) cond {
    struct lock *lock;
    struct waiters waiters; /* each a cond_wait's */
};

_Static_assert(sizeof(struct cond) <= sizeof(struct bide_cond), "struct bide_cond is too small");

struct cond_wait {
    struct lock_wait taking; /* in the condition's line, later in the lock's */
    const struct cond *cond;
};

static struct cond *inside(struct bide_cond *cond)
{
    return (struct cond *)(void *)cond;
}

static void describe_cond(const struct wait *wait, char *text, size_t size)
{
    const struct cond_wait *cond_wait = CONTAINER(wait, const struct cond_wait, taking.wait);
    snprintf(text, size, "waits for the condition at %p", (const void *)cond_wait->cond);
}

static const struct wait_ops cond_ops = {.drop = waiters_drop, .describe = describe_cond};

static void must_hold(const struct lock *lock, const char *verb, const struct cond *cond)
{
    if (!lock_is_mine(lock))
        misuse("task '%s' %s the condition at %p without its lock at %p, which task '%s' holds",
               waiters_user(), verb, (const void *)cond, (const void *)lock,
               waiters_holder_name(lock->holder));
}

static void must_be_its_lock(const struct cond *cond, const struct lock *lock)
{
    if (!waiters_empty(&cond->waiters) && cond->lock != lock)
        misuse("task '%s' waits for the condition at %p with the lock at %p, task '%s' with the one at %p",
               waiters_user(), (const void *)cond, (const void *)lock,
               task_name(waiters_first(&cond->waiters)->task), (const void *)cond->lock);
}

/* Lets the lock go for a while, so that who tries again and again does not keep out all others. */
static int refuse(struct lock *lock)
{
    lock_pass(lock);
    const int code = cancel_refuse();
    lock_retake(lock);
    return code;
}

static int wait_once(struct cond *cond, struct lock *lock)
{
    must_be_its_lock(cond, lock);
    cond->lock = lock;
    struct cond_wait wait = {.taking.lock = lock, .cond = cond};
    wait_init(&wait.taking.wait, &cond_ops);
    waiters_join(&cond->waiters, &wait.taking.wait);
    lock_pass(lock);
    const int code = park(&wait.taking.wait);
    if (code < 0) lock_retake(lock);
    return code;
}

/* -EPERM, the code of a refusal, or 0. */
static int begin(struct cond *cond, struct lock *lock)
{
    if (!task_current) return -EPERM;
    must_hold(lock, "waits for", cond);
    waiters_check(&cond->waiters, "condition", cond);
    return task_level(task_current)->code ? refuse(lock) : 0;
}

int bide_cond_wait(struct bide_cond *cond, struct bide_lock *lock)
{
    const int code = begin(inside(cond), lock_inside(lock));
    return code < 0 ? code : wait_once(inside(cond), lock_inside(lock));
}

int bide_cond_wait_for(struct bide_cond *cond, struct bide_lock *lock, bool (*predicate)(void *arg),
                       void *arg)
{
    int code = begin(inside(cond), lock_inside(lock));
    while (code == 0 && !predicate(arg)) code = bide_cond_wait(cond, lock);
    return code;
}

void bide_cond_notify(struct bide_cond *outside, size_t n)
{
    struct cond *cond = inside(outside);
    waiters_check(&cond->waiters, "condition", cond);
    if (waiters_empty(&cond->waiters)) return;
    must_hold(cond->lock, "notifies", cond);
    for (struct wait *wait; n > 0 && (wait = waiters_pop(&cond->waiters)); n--)
        lock_move_here(cond->lock, CONTAINER(wait, struct lock_wait, wait));
}

void bide_cond_notify_all(struct bide_cond *cond)
{
    bide_cond_notify(cond, SIZE_MAX);
}
