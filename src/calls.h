/* SPDX-License-Identifier: MIT */
/*
 * Functions that the loop calls between tasks: soon, later, at a time, or because another
 * thread or a signal handler asked for it.
 */
#ifndef CALLS_H
#define CALLS_H

#include "mailbox.h"
#include "timer.h"

#include <bide/call.h>

enum call_state { CALL_IDLE, CALL_CLAIMED, CALL_SENT, CALL_TIMED, CALL_DUE };

/* The inside of struct bide_handle. All zero is one that is not pending. */
struct __attribute__((may_alias)) call {
    struct timer timer; /* its wait's link is in a list of calls where it is not armed */
    struct letter letter;
    struct bide_loop *loop;
    void (*fn)(void *arg);
    void *arg;
    void (*drop)(void *arg); /* what a cancel calls, or NULL */
    atomic_int state;
    bool on_heap; /* made by the library, and freed by it */
};

/* The loop makes it next. Its timer is not armed; it is in no list. */
void call_due(struct call *call);

/* What its timer, and its letter, are set up with. */
extern const struct wait_ops call_ops;
void call_open(struct letter *letter);

/* It is idle again, or freed. It is in no list. */
void call_release(struct call *call);

/* Makes those that are in the list now; ones that they add wait for the next turn. */
void calls_make(struct node *calls);

/* Cancels all that the loop has; whatever else is among its timers goes too. */
void calls_drop(struct bide_loop *loop);

#endif
