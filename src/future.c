/* SPDX-License-Identifier: MIT */
/*
 * Futures: setting them, waiting for them. Invariants
 *  - Tasks stand in line, and callbacks are kept, only while the future is not set, or the letter that
 *    says so is under way.
 *  - Who is woken is given the outcome, and looks at the future no more: it may have been freed.
 */
#include "await.h"
#include "promise.h"
#include "sys.h"

#include <stdio.h>
#include <string.h>

struct waiting {
    struct wait wait;
    struct bide_future *future;
    int result;
};

/* ---- handing over what it was set to, in the loop's thread ---- */

static void wake_line(struct bide_future *future)
{
    const struct visit visit = visit_begin(CONTAINER(future->line.sched, struct bide_loop, sched));
    struct wait *wait;
    while ((wait = waiters_pop(&future->line))) {
        CONTAINER(wait, struct waiting, wait)->result = future->result;
        if (future->result < 0) task_see_failure(wait->task, future->result, failure_copy(future->failure));
        wake(wait, 0);
    }
    visit_end(visit);
}

/*
 * Callbacks that are due while one runs are called after it: so a chain of any length needs no stack. But not
 * those of a loop that such a one runs: its tasks may wait for what they do.
 */
static _Thread_local struct node *calls_due INITIAL_EXEC;
static _Thread_local struct sched *calls_sched INITIAL_EXEC; /* whose */

static void call(struct callback *callback)
{
    struct bide_future *future = callback->future;
    void (*fn)(void *arg, struct bide_future *future) = callback->fn;
    void *arg = callback->arg;
    sys_free(callback);
    fn(arg, future);
    promise_put(future);
}

static void call_all(struct node *callbacks)
{
    if (calls_due && calls_sched == sched_current) {
        list_splice(calls_due, callbacks);
        return;
    }
    cancel_settle(); /* they may cancel */
    struct bide_task *self = task_current;
    struct node *outer = calls_due;
    struct sched *outer_sched = calls_sched;
    task_current = NULL;
    calls_due = callbacks;
    calls_sched = sched_current;
    struct node *node;
    while ((node = list_pop(callbacks))) call(CONTAINER(node, struct callback, link));
    calls_due = outer;
    calls_sched = outer_sched;
    task_current = self;
}

static void take_callbacks(struct bide_future *future)
{
    struct node callbacks;
    list_init(&callbacks);
    list_splice(&callbacks, &future->callbacks);
    promise_unbind_if_idle(future);
    call_all(&callbacks);
}

static inline void deliver(struct bide_future *future)
{
    if (!waiters_empty(&future->line)) wake_line(future);
    if (list_empty(&future->callbacks))
        promise_unbind_if_idle(future);
    else
        take_callbacks(future);
}

static void open_letter(struct letter *letter)
{
    struct bide_future *future = CONTAINER(letter, struct bide_future, letter);
    if (future->loop) deliver(future); /* else all have gone meanwhile */
    promise_put(future);
}

/* ---- setting it ---- */

static bool settle_threadsafe(struct bide_future *future, int result, struct failure *failure)
{
    promise_lock(future);
    const bool first = !future->set;
    const struct bide_loop *loop = first ? future->loop : NULL;
    const bool here = loop && sched_current == &loop->sched;
    if (first) {
        future->set = true;
        future->result = result;
        future->failure = failure;
        if (loop && !here) promise_send(future);
    }
    promise_unlock(future);
    if (here) deliver(future);
    return first;
}

/* Takes the failure, if it was not set before; else it gives false. */
static inline bool settle(struct bide_future *future, int result, struct failure *failure)
{
    if (future->threadsafe) return settle_threadsafe(future, result, failure);
    if (future->set) return false;
    future->set = true;
    future->result = result;
    future->failure = failure;
    deliver(future);
    return true;
}

int bide_future_set(struct bide_future *future, int result)
{
    if (!future) return -EINVAL;
    if (promise_is_inherited(future)) return -EPERM;
    struct failure *failure = result < 0 ? failure_copy(task_failure(task_current, result)) : NULL;
    if (settle(future, result, failure)) return 0;
    sys_free(failure);
    return -EALREADY;
}

int bide_future_cancel(struct bide_future *future)
{
    return future && !promise_is_inherited(future) && settle(future, -ECANCELED, NULL);
}

/* ---- its life ---- */

struct bide_future *bide_future_new(void)
{
    return promise_new(false);
}

struct bide_future *bide_future_new_threadsafe(void)
{
    struct bide_future *future = promise_new(true);
    if (future) future->letter.open = open_letter;
    return future;
}

struct bide_future *bide_future_hold(struct bide_future *future)
{
    if (future && !promise_is_inherited(future)) promise_hold(future);
    return future;
}

void bide_future_free(struct bide_future *future)
{
    if (!future || promise_is_inherited(future)) return;
    promise_lock(future);
    const bool forsaken = --future->holders == 0 && !future->set;
    promise_unlock(future);
    if (forsaken) (void)settle(future, -ECANCELED, NULL); /* nobody else could have set it meanwhile */
    promise_put(future);
}

/* ---- waiting for it ---- */

static int drop_waiting(struct wait *wait)
{
    list_remove(&wait->link);
    promise_unbind_if_idle(CONTAINER(wait, struct waiting, wait)->future);
    return 0;
}

static void describe_waiting(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "waits for the future at %p", (void *)CONTAINER(wait, struct waiting, wait)->future);
}

static const struct wait_ops waiting_ops = {.drop = drop_waiting, .describe = describe_waiting};

static int wait_until_set(struct bide_future *future, struct waiting *waiting)
{
    if (promise_is_set_or_bind(future)) {
        waiting->result = future->result;
        if (future->result < 0) task_see_failure(task_current, future->result, failure_copy(future->failure));
        return 0;
    }
    waiters_check(&future->line, "future", future);
    waiting->future = future;
    wait_init(&waiting->wait, &waiting_ops);
    return waiters_park(&future->line, &waiting->wait);
}

int bide_future_wait(struct bide_future *future, int *result)
{
    if (future && promise_is_inherited(future)) return -EPERM;
    int code = cancel_check();
    if (code < 0) return code;
    struct waiting waiting;
    waiting.result = -ENOMEM;
    if (future) code = wait_until_set(future, &waiting);
    return code < 0 ? code : await_fold(0, waiting.result, result);
}

int bide_future_on_done(struct bide_future *future, void (*fn)(void *arg, struct bide_future *future),
                        void *arg)
{
    if (!future || !fn) return -EINVAL;
    if (promise_is_inherited(future) || (future->threadsafe && !sched_current)) return -EPERM;
    struct callback *callback = sys_alloc(sizeof *callback);
    if (!callback) return -ENOMEM;
    *callback = (struct callback){.future = future, .fn = fn, .arg = arg};
    struct node now;
    list_init(&now);
    const bool set = promise_is_set_or_bind(future);
    list_append(set ? &now : &future->callbacks, &callback->link);
    promise_lock(future);
    future->references++;
    promise_unlock(future);
    if (set) call_all(&now);
    return 0;
}

/* ---- looking at it ---- */

int bide_future_result(const struct bide_future *future)
{
    if (!future) return -ENOMEM;
    promise_lock(future);
    const int result = future->set ? future->result : -EINPROGRESS;
    promise_unlock(future);
    return result;
}

bool bide_future_done(const struct bide_future *future)
{
    if (!future) return true;
    promise_lock(future);
    const bool set = future->set;
    promise_unlock(future);
    return set;
}

bool bide_future_error(const struct bide_future *future, struct bide_error *error)
{
    if (!future || !error || !bide_future_done(future) || future->result >= 0) return false;
    const struct failure *failure = future->failure;
    *error = (struct bide_error){.code = future->result,
                                 .line = failure ? failure->line : 0,
                                 .file = failure ? failure->file : NULL,
                                 .text = failure ? failure->text : strerror(-future->result),
                                 .task = "(none)"};
    return true;
}
