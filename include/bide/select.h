/* SPDX-License-Identifier: MIT */
/* Waiting for whichever comes first: an item in a queue, room for one, a descriptor, a time. */
#ifndef BIDE_SELECT_H
#define BIDE_SELECT_H

#include <bide/base.h>
#include <bide/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One thing that may happen, zero but for one of: queue and get, queue and put, fd and events. All
 * zero, it never happens: so a case can be switched off without moving the others.
 */
struct bide_select_case {
    struct bide_queue *queue;
    void *get;       /* where the item is to go: bide_queue_get */
    const void *put; /* the item to be put: bide_queue_put */
    int fd;
    int events;       /* POLLIN, POLLOUT: bide_poll */
    int code;         /* out, of the case that happened: what its call would have returned */
    int reserved;     /* zero */
    void *opaque[11]; /* zero at first: the library's own */
};

/*
 * Waits until one of the cases can happen, and has exactly that one happen. May wait. When cut short
 * nothing has happened; what was handed over in the same turn stays given: the call succeeds, and the
 * next one fails.
 *
 *     struct bide_select_case cases[] = {
 *         {.queue = jobs, .get = &job},
 *         {.queue = results, .put = &result},
 *         {.fd = socket, .events = POLLIN},
 *     };
 *     for (;;) {
 *         int i = bide_select(cases, 3, 5.0);
 *         if (i == -EAGAIN) continue;               // nothing for five seconds
 *         if (i < 0) return i;
 *         if (cases[i].code == -EPIPE) break;       // that queue was shut down
 *         ...
 *     }
 *
 * cases: n of them; they must not move, nor serve another call, meanwhile. Kept from call to call they
 * are taken in turn: the search for one that is ready begins behind that which happened last. With a
 * fresh array it begins anywhere; so none that is ready starves.
 * timeout: for so many seconds at most; 0 looks, lets other tasks run once, and looks again;
 * BIDE_FOREVER is no limit.
 *
 * Returns the index of the case that happened. Its code is 0 for a queue, or -EPIPE if that queue was
 * shut down (and, for a get, is empty): that counts as ready, each time; -ENOMEM for a put. Of a
 * descriptor it is the events, or bide_poll's error (-EBADF): others may read what is there before you do.
 * Errors: -EAGAIN when the timeout has passed, -EINVAL for no case at all, or none that is switched
 * on, for a case that is none of the three kinds, or a NaN; -EPERM outside a task.
 */
BIDE_API int bide_select(struct bide_select_case *cases, size_t n, double timeout);

#ifdef __cplusplus
}
#endif

#endif
