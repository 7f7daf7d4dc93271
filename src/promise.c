/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - A thread-safe future is bound to a loop, and in its list of promises, while a task or a callback of that
 *    loop waits for it. Its line and its callbacks are touched in that loop's thread only, all else under
 *    the lock; what it was set to does not change any more. So it knows of no loop that has ended.
 *  - References have: its holders, its callbacks, the loop that it is bound to, the letter under way.
 */
#include "promise.h"

#include "sys.h"

#include <errno.h>

struct bide_future *promise_new(bool threadsafe)
{
    struct bide_future *future = sys_alloc(sizeof *future);
    if (!future) {
        errno = ENOMEM;
        return NULL;
    }
    /* Not all of it, as most of it is for thread-safe ones. */
    future->line = (struct waiters){.sched = NULL};
    list_init(&future->callbacks);
    future->failure = NULL;
    future->set = false;
    future->threadsafe = threadsafe;
    future->forks = task_forks;
    future->holders = future->references = 1;
    if (threadsafe) {
        future->loop = NULL;
        list_init(&future->link);
        pthread_mutex_init(&future->lock, NULL);
    }
    return future;
}

void promise_hold(struct bide_future *future)
{
    promise_lock(future);
    future->holders++;
    future->references++;
    promise_unlock(future);
}

void promise_destroy(struct bide_future *future)
{
    if (future->threadsafe) pthread_mutex_destroy(&future->lock);
    sys_free(future->failure);
    sys_free(future);
}

void promise_put_threadsafe(struct bide_future *future)
{
    promise_lock(future);
    const bool last = --future->references == 0;
    promise_unlock(future);
    if (last) promise_destroy(future);
}

/* ---- in the loop's thread ---- */

/* Under the lock. */
static void bind_to(struct bide_future *future, struct bide_loop *loop)
{
    if (future->loop && future->loop != loop)
        misuse("the future at %p, for which the loop at %p waits, is waited for in the loop at %p too",
               (void *)future, (void *)future->loop, (void *)loop);
    if (future->loop) return;
    future->loop = loop;
    future->references++;
    list_append(&loop->promises, &future->link);
}

bool promise_is_set_or_bind_threadsafe(struct bide_future *future)
{
    promise_lock(future);
    const bool set = future->set;
    if (!set) bind_to(future, loop_current());
    promise_unlock(future);
    return set;
}

void promise_unbind(struct bide_future *future)
{
    promise_lock(future);
    list_remove(&future->link);
    future->loop = NULL;
    promise_unlock(future);
    promise_put(future);
}

static void drop_callbacks(struct node *callbacks)
{
    struct node *node;
    while ((node = list_pop(callbacks))) {
        struct callback *callback = CONTAINER(node, struct callback, link);
        promise_put(callback->future);
        sys_free(callback);
    }
}

void promises_drop(struct node *promises)
{
    while (!list_empty(promises)) {
        struct bide_future *future = CONTAINER(promises->next, struct bide_future, link);
        struct node callbacks;
        list_init(&callbacks);
        list_splice(&callbacks, &future->callbacks);
        promise_unbind_if_idle(future);
        drop_callbacks(&callbacks);
    }
}

/* ---- in any thread ---- */

void promise_send(struct bide_future *future)
{
    future->references++;
    if (mailbox_send(&future->loop->mailbox, &future->letter) == 0) return;
    future->references--; /* the loop is ending: it has nobody left to tell */
}
