/* SPDX-License-Identifier: MIT */
/*
 * What other threads, and signal handlers, send to a loop: letters that the loop opens, in the
 * order of posting, after the events of descriptors. Posting takes no lock and no memory.
 */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "poller.h"

#include <stdatomic.h>

struct letter {
    struct letter *next;
    void (*open)(struct letter *letter); /* in the loop, outside of tasks; the letter is its again */
};

struct mailbox {
    _Atomic(struct letter *) letters; /* the newest first */
    atomic_uint sending;              /* calls of mailbox_send that are under way */
    atomic_bool refusing;             /* nothing is taken from others any more */
    int fd;                           /* an eventfd, written when the first letter comes to a loop asleep */
    struct fd_wait wait;
    atomic_bool asleep; /* the loop waits for events, or does not run */
    bool called;        /* the eventfd was written */
    bool can_spin;      /* there is more than one processor */
    bool brisk;         /* the last letter that the loop slept for came soon: next time it stays awake */
    int64_t slept_ns;   /* when the loop went to sleep while letters were expected, or 0 */
    size_t expected;    /* letters that are sure to come: the loop must wait for them */
};

/* Registers with the poller. 0, or a negative errno. */
int mailbox_open(struct mailbox *mailbox, struct poller *poller);

/* Opens the letters that have come; those that others send from now on are refused. */
void mailbox_refuse(struct mailbox *mailbox);

/* No letter may come any more. */
void mailbox_close(struct mailbox *mailbox);

/* For what belongs to the loop, as its threads: from anywhere, also a signal handler. */
void mailbox_post(struct mailbox *mailbox, struct letter *letter);

/* The same for all others. 0, or -ESHUTDOWN: the letter is still the caller's. */
int mailbox_send(struct mailbox *mailbox, struct letter *letter);

/*
 * Around every wait for events. Awake the loop looks into the box itself, and nobody has to call it.
 * False: it need not go to sleep, there are letters.
 */
bool mailbox_sleep(struct mailbox *mailbox);
void mailbox_awake(struct mailbox *mailbox);

/* The loop stops running. */
void mailbox_rest(struct mailbox *mailbox);

/* Opens the letters that there are; false if there was none. The first also takes note of a call. */
bool mailbox_collect(struct mailbox *mailbox);
bool mailbox_open_all(struct mailbox *mailbox);

#endif
