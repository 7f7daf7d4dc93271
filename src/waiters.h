/* SPDX-License-Identifier: MIT */
/*
 * Tasks in line at something of the user's: a lock, an event, a queue. First come, first served;
 * all zeros is an empty line, which belongs to no loop yet. The line belongs to the loop whose
 * tasks stand in it; whoever else comes near meanwhile is told so.
 */
#ifndef WAITERS_H
#define WAITERS_H

#include "cancel.h"

struct waiters {
    struct node line;    /* of struct wait, by link */
    struct sched *sched; /* whose tasks they are */
};

/* How a wait in such a line leaves it. */
int waiters_drop(struct wait *wait);

/* The rare part of waiters_check: aborts if the line, not empty, is another loop's. */
void waiters_check_loop(const struct waiters *waiters, const char *what, const void *object);

static inline bool waiters_empty(const struct waiters *waiters)
{
    return !waiters->line.next || list_empty(&waiters->line);
}

/* May this thread touch the object? `what` names its kind: "lock". */
static inline void waiters_check(const struct waiters *waiters, const char *what, const void *object)
{
    if (!waiters_empty(waiters)) waiters_check_loop(waiters, what, object);
}

/* Puts a wait, whose drop is waiters_drop, at the end of the line. */
static inline void waiters_join(struct waiters *waiters, struct wait *wait)
{
    if (!waiters->line.next) list_init(&waiters->line);
    waiters->sched = sched_current;
    list_append(&waiters->line, &wait->link);
}

/* Puts it there, and parks the current task on it. After cancel_check gave 0. */
static inline int waiters_park(struct waiters *waiters, struct wait *wait)
{
    waiters_join(waiters, wait);
    return park(wait);
}

/* The first in line, taken out; NULL if there is none. */
static inline struct wait *waiters_pop(struct waiters *waiters)
{
    if (waiters_empty(waiters)) return NULL;
    return CONTAINER(list_pop(&waiters->line), struct wait, link);
}

#endif
