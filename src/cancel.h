/* SPDX-License-Identifier: MIT */
/*
 * Cancellation as a level, and the scopes that cause it or hold it off. Every call of the API
 * that may wait begins with cancel_check and waits by park; this is all that it has to do.
 */
#ifndef CANCEL_H
#define CANCEL_H

#include "task.h"
#include "timer.h"

enum scope_kind { SCOPE_TIMEOUT, SCOPE_SHIELD, SCOPE_GROUP, SCOPE_CLOSING };

/* The inside of struct bide_scope, and the first part of a group. */
struct __attribute__((may_alias)) scope {
    struct timer timer;     /* its deadline; a shield's: the end of its grace, once that counts */
    struct bide_task *task; /* who entered it; NULL: nobody, outside of tasks */
    struct scope *outer;
    struct scope *inner;
    int64_t grace_ns; /* of a shield */
    unsigned char kind;
    bool due;         /* its deadline was seen to pass, or its group was cancelled */
    bool cut;         /* it cut a call short */
    bool cut_outside; /* a cause outside of it cut a call short inside */
    bool away;        /* in no task's list: detached */
};

/* The rare parts of the functions below. */
int cancel_refuse(void);
int cancel_charge(void);
void cancel_start_timers(struct level *level);

/*
 * How a call that may wait begins: -EPERM outside of tasks; the code when a cause is visible:
 * then other tasks have run, so that a loop that retries cannot freeze the program; else 0.
 */
static inline int cancel_check(void)
{
    struct bide_task *self = task_current;
    return __builtin_expect(!self || task_level(self)->code, 0) ? cancel_refuse() : 0;
}

/*
 * Whether a cause is visible, and then its code, counted as a call that it cut short; without letting others
 * run.
 */
static inline int cancel_cut(void)
{
    return task_level(task_current)->code ? cancel_charge() : 0;
}

/* Has the timers of the current task's scopes run, as park does: for a wait that arms one of its own. */
static inline void cancel_arm(void)
{
    struct level *level = task_level(task_current);
    if (__builtin_expect(level->unarmed, 0)) cancel_start_timers(level);
}

/* Parks the current task, with the timers of its scopes running. After cancel_check gave 0. */
static inline int park(struct wait *wait)
{
    cancel_arm();
    return task_park(wait);
}

/* Lets other tasks run once; returns 0. */
static inline int park_yield(void)
{
    cancel_arm();
    return task_yield();
}

/* Parks it for a join, which nothing cuts short: the wait has no drop. */
void park_join(struct wait *wait);

/* Cancels: by its owner, which is never taken back, or by bide_cancel. */
void cancel_by_owner(struct bide_task *task);
void cancel_by_call(struct bide_task *task);
int cancel_take_back(void); /* one bide_cancel of the current task: how many are left */

/*
 * Around every change of the causes that a task can see. Before: if it is the running task, a call that was
 * cut short is charged now, to the causes that there were. After: its code is found anew, and its park cut
 * short if there is a cause.
 */
void cancel_charge_park(struct level *level);
static inline struct level *cancel_change(struct bide_task *task)
{
    struct level *level = task_level(task);
    if (__builtin_expect(task == task_current && level->cut, 0)) cancel_charge_park(level);
    return level;
}
void cancel_refresh(struct bide_task *task);

/* The first half alone: the running task, if there is one, is about to let others act without parking. */
static inline void cancel_settle(void)
{
    if (task_current) (void)cancel_change(task_current);
}

#endif
