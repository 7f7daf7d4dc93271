/* SPDX-License-Identifier: MIT */
/*
 * The inside of struct bide_queue, for queue.c and select.c: items, and who waits for them. Who
 * waits stands there with a struct queue_wait, and is given its item, or has it taken, by
 * whoever comes next: it never looks again.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "items.h"
#include "waiters.h"

#include <bide/queue.h>

/* Who waits in a queue; woken with 0 when the item has changed hands, with -EPIPE by a shutdown. */
struct queue_wait {
    struct wait wait; /* first */
    const struct bide_queue *queue;
    void *item; /* where a getter wants it; a putter's is only read */
};

/* Who waits to get, or to put. */
struct queue_line {
    struct waiters waiters;
    struct queue_wait own; /* for one of them, if it is in no line; the others bring theirs */
};

struct bide_queue {
    struct items items;
    size_t unfinished; /* items that were put, without a task_done so far */
    bool shut;
    struct queue_line getters;
    struct queue_line putters;
    struct waiters joiners;
};

/* Puts or gets, if that goes without waiting: 0, -EAGAIN, -EPIPE, and for a put -ENOMEM. */
int queue_try_put(struct bide_queue *queue, const void *item);
int queue_try_get(struct bide_queue *queue, void *item);

/* Aborts if tasks of another loop wait in the line. */
static inline void queue_check(const struct bide_queue *queue, struct waiters *line)
{
    waiters_check(line, "queue", queue);
}

#endif
