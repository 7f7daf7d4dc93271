/* SPDX-License-Identifier: MIT */
/*
 * Asking for a call, from the loop, another thread or a signal handler, and taking it back.
 *
 * Invariants: a call that is not CALL_IDLE is in exactly one place: CLAIMED, with the thread that is
 * about to send it; SENT, in its loop's mailbox, or about to be; TIMED, among the timers, or in the list
 * of those whose time never comes; DUE, in the list of those that are woken, and so made, in the next turn.
 * Only the thread that took it from IDLE to CLAIMED touches it before it is in the mailbox, only the loop
 * afterwards.
 */
#include "call.h"

#include "loop.h"
#include "sys.h"

#include <errno.h>

_Static_assert(sizeof(struct call) <= sizeof(struct bide_handle), "struct bide_handle is too small");

/* It is idle again, or freed. It is in no list. */
static void release(struct call *call)
{
    if (call->on_heap)
        sys_free(call);
    else
        atomic_store_explicit(&call->state, CALL_IDLE, memory_order_release);
}

static void make(struct wait *wait, int result)
{
    (void)result;
    struct call *call = CONTAINER(wait, struct call, timer.wait);
    void (*fn)(void *arg) = call->fn;
    void *arg = call->arg;
    release(call);
    fn(arg);
}

static const struct wait_ops due_ops = {.fire = make};

/* The loop makes it next. Its timer is not armed; it is in no list. */
static void call_due(struct call *call)
{
    atomic_store(&call->state, CALL_DUE);
    timer_init(&call->timer, &due_ops);
    list_append(&loop_current()->calls, &call->timer.wait.link);
    sched_current->budget = 0; /* the next that waits makes room for a turn */
}

static void call_fire(struct wait *wait, int result)
{
    (void)result;
    call_due(CONTAINER(wait, struct call, timer.wait));
}

static const struct wait_ops timed_ops = {.drop = timer_drop, .fire = call_fire};

static void call_open(struct letter *letter)
{
    call_due(CONTAINER(letter, struct call, letter));
}

/* The call for the handle, or one from the heap, taken from CALL_IDLE to `state`; NULL with errno set. */
static struct call *claim(struct bide_handle *handle, void (*fn)(void *arg), void *arg, int state)
{
    struct call *call = (struct call *)(void *)handle;
    if (!call) {
        call = sys_alloc(sizeof *call);
        if (!call) {
            errno = ENOMEM;
            return NULL;
        }
        *call = (struct call){.on_heap = true};
    }
    int idle = CALL_IDLE;
    if (!atomic_compare_exchange_strong(&call->state, &idle, state)) {
        errno = EBUSY;
        return NULL;
    }
    call->fn = fn;
    call->arg = arg;
    call->drop = NULL;
    return call;
}

static int call_at_ns(struct bide_handle *handle, int64_t deadline, void (*fn)(void *arg), void *arg)
{
    if (!sched_current) return -EPERM;
    if (!fn) return -EINVAL;
    struct call *call = claim(handle, fn, arg, CALL_TIMED);
    if (!call) return -errno;
    call->loop = loop_current();
    timer_init(&call->timer, &timed_ops);
    if (deadline <= 0)
        call_due(call);
    else if (deadline == CLOCK_NEVER)
        list_append(&call->loop->calls_never, &call->timer.wait.link);
    else
        timer_start(&call->timer, deadline);
    return 0;
}

int bide_call_soon(struct bide_handle *handle, void (*fn)(void *arg), void *arg)
{
    return call_at_ns(handle, 0, fn, arg);
}

int bide_call_later(struct bide_handle *handle, double seconds, void (*fn)(void *arg), void *arg)
{
    if (!sched_current) return -EPERM;
    if (seconds != seconds) return -EINVAL;
    if (seconds <= 0) return call_at_ns(handle, 0, fn, arg);
    return call_at_ns(handle, clock_after(timers_now(timers_current), clock_ns(seconds)), fn, arg);
}

int bide_call_at(struct bide_handle *handle, double when, void (*fn)(void *arg), void *arg)
{
    if (!sched_current) return -EPERM;
    return when != when ? -EINVAL : call_at_ns(handle, clock_ns(when), fn, arg);
}

int bide_call_soon_threadsafe(struct bide_loop *loop, struct bide_handle *handle, void (*fn)(void *arg),
                              void *arg)
{
    if (!loop || !fn) return -EINVAL;
    if (loop_is_inherited(loop)) return -EPERM;
    const int saved = errno; /* a signal handler's caller must not see it change */
    struct call *call = claim(handle, fn, arg, CALL_CLAIMED);
    const int refused = call ? 0 : -errno;
    errno = saved;
    if (refused) return refused;
    call->loop = loop;
    call->letter.open = call_open;
    atomic_store(&call->state, CALL_SENT);
    const int code = mailbox_send(&loop->mailbox, &call->letter);
    if (code < 0) release(call);
    errno = saved;
    return code;
}

int bide_handle_cancel(struct bide_handle *handle)
{
    struct call *call = (struct call *)(void *)handle;
    const int state = call ? atomic_load(&call->state) : CALL_IDLE;
    if (state == CALL_IDLE || state == CALL_CLAIMED) return 0;
    const struct visit visit = visit_begin(call->loop);
    if (state == CALL_SENT)
        (void)mailbox_open_all(&call->loop->mailbox); /* which makes it due, if it is there yet */
    const int present = atomic_load(&call->state);    /* idle again, or claimed, if the box has refused it */
    const bool is_here = present == CALL_TIMED || present == CALL_DUE;
    if (is_here) {
        timer_stop(&call->timer);
        list_remove(&call->timer.wait.link);
        if (call->drop) call->drop(call->arg);
        release(call);
    }
    visit_end(visit);
    return is_here;
}

void calls_drop(struct bide_loop *loop)
{
    struct timer *timer;
    while ((timer = timers_take(&loop->timers)))
        if (timer->wait.ops == &timed_ops) release(CONTAINER(timer, struct call, timer));
    list_splice(&loop->calls, &loop->calls_never);
    struct node *node;
    while ((node = list_pop(&loop->calls))) release(CONTAINER(node, struct call, timer.wait.link));
}
