/* SPDX-License-Identifier: MIT */
/*
 * Invariants: a call that is not CALL_IDLE is in exactly one place: CLAIMED, with the thread that is
 * about to send it; SENT, in its loop's mailbox, or about to be; TIMED, among the timers, or in the list
 * of those whose time never comes; DUE, in a list of calls. Only the thread that took it from IDLE to
 * CLAIMED touches it before it is in the mailbox, only the loop afterwards.
 */
#include "calls.h"

#include "loop.h"
#include "sys.h"

void call_due(struct call *call)
{
    atomic_store(&call->state, CALL_DUE);
    list_append(&loop_current()->calls, &call->timer.wait.link);
    sched_current->budget = 0; /* the next that waits makes room for a turn */
}

static void call_fire(struct wait *wait, int result)
{
    (void)result;
    call_due(CONTAINER(wait, struct call, timer.wait));
}

const struct wait_ops call_ops = {.drop = timer_drop, .fire = call_fire};

void call_open(struct letter *letter)
{
    struct call *call = CONTAINER(letter, struct call, letter);
    timer_init(&call->timer, &call_ops);
    call_due(call);
}

void call_release(struct call *call)
{
    if (call->on_heap)
        sys_free(call);
    else
        atomic_store_explicit(&call->state, CALL_IDLE, memory_order_release);
}

void calls_make(struct node *calls)
{
    struct node now;
    list_init(&now);
    list_splice(&now, calls);
    struct node *node;
    while ((node = list_pop(&now))) {
        struct call *call = CONTAINER(node, struct call, timer.wait.link);
        void (*fn)(void *arg) = call->fn;
        void *arg = call->arg;
        call_release(call);
        fn(arg);
    }
}

void calls_drop(struct bide_loop *loop)
{
    struct timer *timer;
    while ((timer = timers_take(&loop->timers)))
        if (timer->wait.ops == &call_ops) call_release(CONTAINER(timer, struct call, timer));
    list_splice(&loop->calls, &loop->calls_never);
    struct node *node;
    while ((node = list_pop(&loop->calls))) call_release(CONTAINER(node, struct call, timer.wait.link));
}
