/* SPDX-License-Identifier: MIT */
/*
 * The inside of a future, who may look at it, and how a thread-safe one is bound to the loop where
 * it is waited for.
 */
#ifndef PROMISE_H
#define PROMISE_H

#include "loop.h"
#include "waiters.h"

#include <bide/future.h>

struct bide_future {
    struct waiters line;     /* tasks */
    struct node callbacks;   /* of struct callback */
    struct failure *failure; /* the text, or NULL */
    int result;
    bool set;
    bool threadsafe;
    unsigned forks;      /* task_forks, when it was made: in a forked child its tasks are the parent's */
    unsigned holders;    /* who could set it */
    unsigned references; /* who may look at it */
    /* Of a thread-safe one only: */
    struct bide_loop *loop; /* that it is bound to, or NULL */
    struct node link;       /* in its promises */
    struct letter letter;
    pthread_mutex_t lock;
};

struct callback {
    struct node link;
    struct bide_future *future; /* a reference */
    void (*fn)(void *arg, struct bide_future *future);
    void *arg;
};

/* A future that is not set, with one holder; NULL with errno set. */
struct bide_future *promise_new(bool threadsafe);

void promise_hold(struct bide_future *future);

/* Is it the parent's, in the child of a fork? Then its lock may be held for ever. */
static inline bool promise_is_inherited(const struct bide_future *future)
{
    return future->forks != task_forks;
}

static inline void promise_lock(const struct bide_future *future)
{
    if (!future->threadsafe || promise_is_inherited(future)) return;
    pthread_mutex_lock(
        &((struct bide_future *)(uintptr_t)future)->lock); /* it is on the heap, so no constant */
}

static inline void promise_unlock(const struct bide_future *future)
{
    if (!future->threadsafe || promise_is_inherited(future)) return;
    pthread_mutex_unlock(&((struct bide_future *)(uintptr_t)future)->lock);
}

/* The parts of the functions below that are not for every future. */
void promise_put_threadsafe(struct bide_future *future);
void promise_destroy(struct bide_future *future);
bool promise_is_set_or_bind_threadsafe(struct bide_future *future);
void promise_unbind(struct bide_future *future);

/* One reference less: the last one frees it. */
static inline void promise_put(struct bide_future *future)
{
    if (future->threadsafe)
        promise_put_threadsafe(future);
    else if (--future->references == 0)
        promise_destroy(future);
}

/* Is it set? If not, a thread-safe one is bound to the running loop, which then adds to those who wait. */
static inline bool promise_is_set_or_bind(struct bide_future *future)
{
    return future->threadsafe ? promise_is_set_or_bind_threadsafe(future) : future->set;
}

/* It has lost its last task or callback, perhaps: then its loop need not be told of it. */
static inline void promise_unbind_if_idle(struct bide_future *future)
{
    if (future->threadsafe && waiters_empty(&future->line) && list_empty(&future->callbacks))
        promise_unbind(future);
}

/* Under the lock: its loop is another thread's, and is told that it is set. */
void promise_send(struct bide_future *future);

/* At a loop's end: no task waits for these futures any more, and their callbacks are forgotten. */
void promises_drop(struct node *promises);

#endif
