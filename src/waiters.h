/* SPDX-License-Identifier: MIT */
/*
 * Tasks in line at something of the user's: a lock, an event, a queue. First come, first served;
 * all zeros is an empty line, which belongs to no loop yet. The line belongs to the loop whose
 * tasks stand in it; whoever else comes near meanwhile is told so. In the child of a fork the
 * parent's line is empty, as its tasks do not run there.
 */
#ifndef WAITERS_H
#define WAITERS_H

#include "cancel.h"

struct waiters {
    struct node line;    /* of struct wait, by link */
    struct sched *sched; /* whose tasks they are */
    unsigned forks;      /* task_forks, when the last one joined */
};

/* How a wait in such a line leaves it; aborts if the line was overwritten under it. */
int waiters_drop(struct wait *wait);

/* The rare part of waiters_check: aborts if the line, not empty, is another loop's. */
void waiters_check_loop(struct waiters *waiters, const char *what, const void *object);

/* The rare part of waiters_wake: for a loop that is between two of its steps. */
void waiters_wake_outside(const struct waiters *waiters, struct wait *wait, int result);

static inline bool waiters_empty(const struct waiters *waiters)
{
    return !waiters->line.next || list_empty(&waiters->line);
}

/*
 * May this thread touch the object? `what` names its kind: "lock". Comes before all else that looks at the
 * line.
 */
static inline void waiters_check(struct waiters *waiters, const char *what, const void *object)
{
    if (!waiters_empty(waiters) && waiters->sched != sched_current) waiters_check_loop(waiters, what, object);
}

/* Puts a wait, whose drop is waiters_drop or ends in it, at the end of the line. */
static inline void waiters_join(struct waiters *waiters, struct wait *wait)
{
    if (!waiters->line.next) list_init(&waiters->line);
    waiters->sched = sched_current;
    waiters->forks = task_forks;
    list_append(&waiters->line, &wait->link);
}

/* Puts it there, and parks the current task on it. After cancel_check gave 0. */
static inline int waiters_park(struct waiters *waiters, struct wait *wait)
{
    waiters_join(waiters, wait);
    return park(wait);
}

/* The first in line, not taken out; NULL if there is none. */
static inline struct wait *waiters_first(const struct waiters *waiters)
{
    return waiters_empty(waiters) ? NULL : CONTAINER(waiters->line.next, struct wait, link);
}

/* The first in line, taken out; NULL if there is none. */
static inline struct wait *waiters_pop(struct waiters *waiters)
{
    if (waiters_empty(waiters)) return NULL;
    return CONTAINER(list_pop(&waiters->line), struct wait, link);
}

/*
 * Wakes a wait that was popped; unlike plain wake also where its loop does not run just now. After
 * waiters_check.
 */
static inline void waiters_wake(const struct waiters *waiters, struct wait *wait, int result)
{
    if (__builtin_expect(waiters->sched == sched_current, 1))
        wake(wait, result);
    else
        waiters_wake_outside(waiters, wait, result);
}

/* The name of a task that holds something, and may have ended without giving it back. */
const char *waiters_holder_name(const struct bide_task *holder);

/* Who uses an object, for a line of misuse. */
static inline const char *waiters_user(void)
{
    return task_current ? task_name(task_current) : "(none)";
}

#endif
