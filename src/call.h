/* SPDX-License-Identifier: MIT */
/*
 * Functions that the loop calls between tasks: soon, later, at a time, or because another
 * thread or a signal handler asked for it.
 */
#ifndef CALL_H
#define CALL_H

#include "mailbox.h"
#include "timer.h"

#include <bide/call.h>

enum call_state { CALL_IDLE, CALL_CLAIMED, CALL_SENT, CALL_TIMED, CALL_DUE };

/* The inside of struct bide_handle. All zero is one that is not pending. */
struct __attribute__((may_alias)) call {
    struct timer timer; /* its wait is in one of the loop's lists of calls where it is not armed */
    struct letter letter;
    struct bide_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    void (*drop)(void *arg); /* what a cancel calls, or NULL */
    atomic_int state;
    bool on_heap; /* made by the library, and freed by it */
};

/* Cancels all that the loop has; whatever else is among its timers goes too. */
void calls_drop(struct bide_loop *loop);

#endif
