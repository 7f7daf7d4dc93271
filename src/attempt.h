/* SPDX-License-Identifier: MIT */
/*
 * Calls on descriptors that try first, wait only on EAGAIN, and then try again. Who must wait to
 * read holds the turn to read; others queue behind and get it in order. A call that is cut short
 * while it waits has done nothing.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "poller.h"

#include <sys/socket.h>
#include <sys/uio.h>

/*
 * How it may be tried: the descriptor never blocks; it may, and its flags are not ours; it may, but in a
 * thread.
 */
enum how { HOW_OWN, HOW_FOREIGN, HOW_THREAD };

/* What a try may say instead of -EAGAIN: it would block, and no event tells when it would not. */
enum { IN_THREAD = -4096 };

/* What is tried until it no longer says -EAGAIN. It stands in the frame of a task that waits: small. */
struct attempt {
    ssize_t (*try)(const struct attempt *attempt, enum how how);
    int fd;
    unsigned char side; /* enum side */
    bool drains; /* a read that takes all there is, up to `size` bytes: less, and a TCP socket is empty */
    int flags;
    int count;
    size_t size;
    union {
        const struct iovec *iov; /* of `count` */
        struct msghdr *message;  /* or that many struct mmsghdr */
        struct sockaddr *address;
    };
    socklen_t *length;
    const void *next; /* two cache lines that the caller looks at afterwards, or NULL */
};

/* The whole call: checks, tries, waits. What the try said at last, or why it was cut short. */
ssize_t attempt_perform(const struct attempt *attempt);

/* Have many calls in a row found data at hand, so that others should run before this one tries? */
bool attempt_is_long(void);

/*
 * Parks until an event of EPOLLIN and EPOLLOUT; the events, or a negative code: -EPERM where epoll knows
 * none.
 */
int attempt_wait(struct descriptor *descriptor, uint32_t events);

/* For tries of HOW_FOREIGN: 0 if it is ready, -EAGAIN if not. Its owner may still be faster. */
ssize_t attempt_ready(const struct attempt *attempt);

/* Has accept failed for a connection that nobody has yet? The next one may be fine. */
bool accept_may_go_on(ssize_t code);

#endif
