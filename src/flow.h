/* SPDX-License-Identifier: MIT */
/*
 * A flow is a second stack that a task runs on for a while: it stays as it stands when the task
 * goes back to the one that it came from, and any task may enter it again. So generators run as
 * part of whoever asks them. Which scopes are open there is not its business (gen.c).
 */
#ifndef FLOW_H
#define FLOW_H

#include "task.h"

struct flow {
    struct context inside;     /* where it goes on; no sp: it has not begun */
    struct context outside;    /* where the task goes on when it leaves the flow */
    struct stack *stack;       /* from its beginning to its end; of a large one, from flow_prepare */
    struct stack *outer;       /* the stack that it was entered from; NULL: it does not run */
    struct node member;        /* in the list of its loop's flows */
    int (*run)(struct flow *); /* what it does: its end, and what the last flow_enter then gives */
    int (*finish)(void *flow); /* a task function that runs it to its end */
    uint32_t class;            /* the size class of its stack */
    bool ended;
};

/*
 * A flow of the running loop, with a stack set aside for it. Of its loop's flows those that are
 * left at the end are freed with it, by sys_free: they stand first in what sys_alloc gave.
 * Returns 0, or -ENOMEM.
 */
int flow_prepare(struct flow *flow, int (*run)(struct flow *), int (*finish)(void *flow));

/* Gives up its stack; one that has begun and not ended is left as it stands. It must not run. */
void flow_done(struct flow *flow);

static inline bool flow_has_begun(const struct flow *flow)
{
    return flow->inside.sp != NULL;
}

/*
 * One of the loop's that has begun and not ended; NULL if there is none. Those that were passed
 * over come last the next time, so that ending all of them is not quadratic.
 */
struct flow *flow_open(struct sched *sched);

/* Ends all flows of a loop as they stand; each task is back on the stack on which it began. */
void flows_end(struct sched *sched);

/* Frees them, once the loop's tasks and stacks are gone. */
void flows_free(struct sched *sched);

/*
 * The current task goes on in the flow, which does not run and has not ended. Returns what
 * flow_leave was given, or what `run` returned.
 */
int flow_enter(struct flow *flow);

/*
 * It goes back to where it entered the flow, which is the innermost one that it runs. Returns
 * flow->inside.value when that is entered again.
 */
int flow_leave(struct flow *flow, int value);

/* The innermost flow that the current task runs, or NULL: also outside of tasks. */
struct flow *flow_current(void);

#endif
