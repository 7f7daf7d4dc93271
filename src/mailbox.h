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
    _Atomic(struct letter *) letters; /* the newest first; CLOSED once nothing is taken any more */
    atomic_uint posting;              /* calls of mailbox_post that are under way */
    int fd;                           /* an eventfd, written when the first letter comes */
    struct fd_wait wait;
    bool called;     /* the eventfd was written */
    size_t expected; /* letters that are sure to come: the loop must wait for them */
};

/* Registers with the poller. 0, or a negative errno. */
int mailbox_open(struct mailbox *mailbox, struct poller *poller);

/* Opens the letters that have come, and refuses those that come from now on. */
void mailbox_close(struct mailbox *mailbox);

/* From anywhere, also a signal handler. 0, or -ESHUTDOWN: the letter is still the caller's. */
int mailbox_post(struct mailbox *mailbox, struct letter *letter);

/* Opens the letters, if the poller has seen a call; or that there are, called or not. */
void mailbox_collect(struct mailbox *mailbox);
void mailbox_open_all(struct mailbox *mailbox);

#endif
