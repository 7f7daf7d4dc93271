/* SPDX-License-Identifier: MIT */
/*
 * The descriptors of a loop and what epoll says of them. bide's own are registered once,
 * edge-triggered; foreign ones are armed one-shot for each wait, so that their owner may close
 * them behind bide's back. It tells that something happened, never what a call would return:
 * each waiter tries again.
 */
#ifndef POLLER_H
#define POLLER_H

#include "task.h"

#include <stdbool.h>
#include <stdint.h>

enum side { SIDE_IN, SIDE_OUT, SIDES };
enum streaming { STREAMING_UNKNOWN, STREAMING_NOT, STREAMING_TCP };
enum { POLLER_CHUNK = 64 };

/*
 * A descriptor number, for as long as the loop lives: what it stands for may change. All of it is one cache
 * line: of a thousand descriptors each comes from far.
 */
struct descriptor {
    int fd;
    uint32_t generation; /* counted up when the number is given up: older events and waits are void */
    uint32_t registered; /* events that epoll was asked for; 0: it does not know this one */
    bool own;
    bool file;               /* own, and a file: used in threads */
    bool closing;            /* given up, but closed only when no thread uses it any more */
    unsigned char streaming; /* enum streaming: is it a plain TCP socket? */
    bool drained;            /* such a one, and there is nothing to read until the next event */
    bool disturbed;          /* there was an end, an error or urgent data: it is never called drained again */
    bool taken[SIDES];       /* somebody has the turn, and waits */
    unsigned threads;        /* how many calls use it in threads */
    int foreign_flags;       /* of the file before bide_adopt; -1: nothing to put back */
    int foreign_fd_flags;    /* likewise of the descriptor */
    struct node waits;       /* struct fd_wait: who is to be woken by events */
    struct node turns;       /* struct turn: who waits for the turn to read, or to write */
};

struct turn {
    struct wait wait;
    enum side side;
};

struct fd_wait {
    struct wait wait;
    struct poller *poller;
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT; errors and hang-ups wake everybody */
    bool background; /* of the loop's own: nobody waits for it */
};

struct poller {
    int epfd;
    struct descriptor **table; /* by number, in chunks */
    size_t chunks;
    size_t waiting;  /* fd_waits of tasks */
    unsigned streak; /* calls since the last poll that did not wait */
};

extern _Thread_local struct poller *poller_current INITIAL_EXEC; /* of the loop that runs in this thread */

int poller_init(struct poller *poller);
void poller_done(struct poller *poller);

/* The descriptor with this number, made if need be; NULL for a bad number (errno EBADF) or without memory. */
struct descriptor *poller_get(struct poller *poller, int fd);

/* The same; no memory is spent on a number that is not open (errno EBADF). */
struct descriptor *poller_get_open(struct poller *poller, int fd);

/* The same, NULL if nothing is known of it. */
static inline struct descriptor *poller_find(const struct poller *poller, int fd)
{
    const size_t index = (size_t)fd / POLLER_CHUNK;
    if (fd < 0 || index >= poller->chunks || !poller->table[index]) return NULL;
    return &poller->table[index][(size_t)fd % POLLER_CHUNK];
}

/*
 * Has the wait woken, with the events, when one of its events happens. 0, or epoll's error: then it is not
 * linked.
 */
int poller_watch(struct poller *poller, struct descriptor *descriptor, struct fd_wait *wait);
void poller_unwatch(struct fd_wait *wait);

/* Forgets what the number stood for; waits and turns are woken with -EBADF. */
void poller_forget(struct poller *poller, struct descriptor *descriptor);

/* False if it was closed behind our back, and the number used again: epoll forgets such ones silently. */
bool poller_knows(const struct poller *poller, const struct descriptor *descriptor);

/*
 * Takes a batch of events, waiting for at most that long (< 0: without limit), and wakes. How many there
 * were.
 * The tasks of one batch run before the next is taken, while what the kernel has just looked at is in the
 * caches.
 */
int poller_poll(struct poller *poller, int64_t timeout_ns);

/* After a batch of that many: takes all that is ready, within bounds. */
void poller_poll_rest(struct poller *poller, int last);

#endif
