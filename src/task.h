/* SPDX-License-Identifier: MIT */
/*
 * Tasks and the one idea: park on a wait, wake the wait.
 *
 * Everything that a task waits for is a struct wait, usually on the parked task's own stack,
 * linked into its source: a timer heap, a descriptor, a lock's queue, a task that is to end.
 * Whoever makes the thing happen takes the wait out of its source and wakes it; the waker knows
 * nothing of tasks, the source nothing of what the waiter wanted. Cancelling is: drop every
 * wait that the task is parked on, and resume it with an error.
 */
#ifndef TASK_H
#define TASK_H

#include "arch/arch.h"
#include "cells.h"
#include "failure.h"
#include "list.h"
#include "ring.h"
#include "stack.h"

#include <bide/base.h>
#include <bide/error.h>
#include <errno.h>

struct wait;

struct wait_ops {
    /* Leaves the source. Negative: it cannot be left now, the task must stay. NULL: never. */
    int (*drop)(struct wait *wait);
    /* Says in words what the task does: "sleeps", "reads from 5". */
    void (*describe)(const struct wait *wait, char *text, size_t size);
    /* Runs in the waker, instead of resuming a task. It must not switch. */
    void (*fire)(struct wait *wait, int result);
};

struct wait {
    const struct wait_ops *ops;
    struct bide_task *task; /* who is parked on it; of an owner's wait: the task that has just ended */
    struct wait *beside;    /* another wait of the same park: the first to be woken drops the rest */
    struct node link;       /* in the source */
};

static inline void wait_init(struct wait *wait, const struct wait_ops *ops)
{
    wait->ops = ops;
    wait->beside = NULL;
    list_init(&wait->link);
}

/* What the cancelling of a task is about. Only cancel.c looks inside. */
enum { CANCELS_MOST = (1 << 27) - 1 };
struct level {
    struct scope *innermost; /* the open scopes, from the inside out */
    int code;                /* what the next call that may wait fails with, or 0 */
    unsigned cancels : 27;   /* how often it was cancelled by bide_cancel */
    unsigned ordered : 1;    /* cancelled by its group or loop: never taken back */
    unsigned unarmed : 1;    /* a scope's timer is not running yet */
    unsigned cut : 1;        /* its last park was cut short, and no scope has been told yet */
    unsigned expired : 1;    /* what the scope that was left last said */
};

/* The tasks of one loop. */
struct sched {
    struct context root; /* the loop's own flow, on the stack of its thread */
    struct stack root_stack;
    struct ring ready; /* first in, first out; room for every task */
    unsigned budget;   /* switches left before the loop's own flow must have its turn */
    struct stack_pool stacks;
    struct context *starter;                /* the flow that began the stack begun last */
    uint64_t control_words;                 /* of the floating-point unit, for fresh tasks */
    uint64_t random;                        /* not 0: the order of ready tasks is drawn from it */
    size_t stack_size;                      /* of tasks that do not say */
    uint32_t stack_class;                   /* its class */
    struct cells blocks;                    /* the control blocks */
    struct node flows;                      /* further stacks that tasks run on: see flow.h */
    void (*end_flows)(struct sched *sched); /* as they stand; NULL: there has been none */
    size_t living;                          /* tasks that have not ended */
    uint32_t next_id;
    bool closing;    /* new tasks are born cancelled */
    int64_t slow_ns; /* not 0: a task that runs that long at a time is reported */
    void (*on_slow)(const char *name, double seconds);
    bool over;        /* nothing can be started any more */
    bool hands_down;  /* a task has had something to hand down */
    bool debug;       /* at the end, failures that nobody took are reported */
    void *exceptions; /* C++: this thread's exception words, or NULL */
    void (*on_error)(void *arg, const struct bide_error *error);
    void *on_error_arg;
    uint64_t tokens; /* of task locals: how many there were */
};

#define INITIAL_EXEC __attribute__((tls_model("initial-exec")))
extern _Thread_local struct bide_task *task_current INITIAL_EXEC; /* NULL outside of tasks */
extern _Thread_local struct sched *sched_current INITIAL_EXEC;    /* of the loop that runs in this thread */

/* How often this process was made by a fork while it ran a loop: what went on before ended there. */
extern unsigned task_forks;

int sched_init(struct sched *sched, size_t stack_size, uint64_t seed);
void sched_done(struct sched *sched);

/* Becomes this thread's, from sched_enter to sched_leave. */
void sched_enter(struct sched *sched);
void sched_leave(void);

/* Resumes ready tasks for one turn: until none is ready, or the budget of a turn is used up. */
void sched_run(struct sched *sched);

/* Gives memory back after a burst; `idle` as for stack_trim. */
void sched_trim(struct sched *sched, bool idle);
bool sched_excess(const struct sched *sched, bool idle);

/* Frees every task as it stands: for stacks that will never move again. */
void sched_abandon(struct sched *sched);

/* Calls fn for each task that has not ended. fn may not switch. */
void sched_each(struct sched *sched, void (*fn)(struct bide_task *task, void *arg), void *arg);

/* How a task is made. */
struct task_plan {
    bide_fn fn;
    void *arg;
    const char *name;
    size_t stack_size;    /* 0: the loop's */
    struct wait *owner;   /* woken when it ends, with `task` set; it then must release it */
    struct node *members; /* a list of its owner's that it joins */
    size_t index;         /* which one of the owner's it is */
};

/* Makes it ready to run; or runs it up to its first park, the current task going to the front. */
static inline void task_start(struct bide_task *task)
{
    ring_push(&sched_current->ready, task);
}
void task_start_eagerly(struct bide_task *task);

/*
 * Parks the current task until one of the waits is woken or it is interrupted; returns what the waker gave.
 */
int task_park(struct wait *wait);

/* Lets the other ready tasks run once; returns 0. */
int task_yield(void);

/* Wakes a wait that its waker has taken out of its source. */
void wake(struct wait *wait, int result);

/* Wakes all in a list, one after the other, each taken out before. */
void wake_list(struct node *waits, int result);

/* Takes the task out of its park and has it return `code`. False if it is not parked, or stays. */
bool task_interrupt(struct bide_task *task, int code);

/* Changes what an interrupted task that has not run since will return. */
void task_set_value(struct bide_task *task, int code);

/* Gives up the handle: the task is released when it has ended. */
void task_abandon(struct bide_task *task);

/* Tells .on_error of the failure, if it is one, of an ended task. */
void task_report(struct bide_task *task);

/* Ended tasks that are released when this one ends, or keeps others; takes the whole list. */
void task_keep(struct bide_task *task, struct node *members);
struct node *task_kept(struct bide_task *task);

const char *task_name(const struct bide_task *task);
int task_set_name(struct bide_task *task, const char *name); /* 0 or -ENOMEM; copied */

/* What a task hands down to those that it makes, which share it: the first part of its task locals. */
struct heritage {
    size_t holders;
    void (*free)(struct heritage *heritage); /* called when nobody has it any more */
};

/* Where the heritage of a task is, to be changed; NULL without memory. */
struct heritage **task_heritage(struct bide_task *task);

/* A call that a task has deferred to its end. */
struct deferred {
    struct deferred *next;
    bide_fn fn;
    void *arg;
};

/* Where those are that the task calls, and frees, at its end, the first one first; NULL without memory. */
struct deferred **task_deferred(struct bide_task *task);

/* What the task, or outside of tasks this thread (NULL), knows of the failure with this code, or NULL. */
const struct failure *task_failure(const struct bide_task *task, int code);

/* The task, or outside of tasks this thread (NULL), sees a failure. Takes its text, which may be NULL. */
void task_see_failure(struct bide_task *task, int code, struct failure *failure);

/* What is known of an ended task's failure, borrowed from it. */
struct bide_error task_error(struct bide_task *task);

/* The inside, and what is asked of a task so often that it is no call. */
#include "block.h"

#endif
