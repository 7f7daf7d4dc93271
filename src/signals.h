/* SPDX-License-Identifier: MIT */
/*
 * Signals. While a loop runs, SIGPIPE is blocked in its thread: a write to a broken pipe is just
 * -EPIPE. A signal that a loop waits for is handled, for the whole process, until no loop does any
 * more; the handler tells each of these loops by its mailbox.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "mailbox.h"

#include <signal.h>
#include <stdbool.h>

enum { SIGNALS = 65 }; /* numbers from 1 */

struct signals {
    struct mailbox *mailbox;
    sigset_t old_mask;  /* of the thread, before the loop ran; what is handled is not blocked in it */
    pthread_t thread;   /* where some signals were blocked, until they were handled: */
    uint64_t unblocked; /* these, a bit for each number */
    bool was_pending;   /* a SIGPIPE that is not ours: it stays */
    struct subscriber *subscriber; /* NULL: it has never waited for a signal */
    struct node waits;             /* struct signal_wait, in order */
    uint64_t asked;                /* tasks have waited for these: they are handled to the end */
    uint64_t pending;              /* have come, and nobody waited */
};

struct signal_wait {
    struct wait wait;
    struct signals *signals;
    uint64_t set;
    int number; /* which one came */
};

void signals_init(struct signals *signals, struct mailbox *mailbox);

/* The running loop's thread has its signals blocked again once the loop is left. */
void signals_reblock(struct signals *signals);

/* Gives up what was subscribed to; the last loop that does restores the dispositions. */
void signals_done(struct signals *signals);

/* In the child of a fork: no loop handles any signal. */
void signals_forget(void);

/* Around each run of the loop. */
void signals_enter(struct signals *signals);
void signals_leave(struct signals *signals);

/* Handles these signals for this loop from now on. 0, or a negative errno. */
int signals_subscribe(struct signals *signals, uint64_t set);

/* No longer handles this one for this loop. */
void signals_unsubscribe(struct signals *signals, int number);

/*
 * The wait is woken, with 0 and its number set, when one of its signals comes; false: one had come, number
 * is set.
 */
bool signals_watch(struct signals *signals, struct signal_wait *wait);

#endif
