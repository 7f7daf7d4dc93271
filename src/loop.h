/* SPDX-License-Identifier: MIT */
/* A loop: its tasks and its sources of wake-ups, and what makes them turn. */
#ifndef LOOP_H
#define LOOP_H

#include "cancel.h"
#include "mailbox.h"
#include "misuse.h"
#include "poller.h"
#include "pool.h"
#include "signals.h"
#include "task.h"
#include "timer.h"

#include <bide/loop.h>
#include <bide/sync.h>

struct bide_loop {
    struct sched sched;
    struct timers timers;
    struct poller poller;
    struct mailbox mailbox;
    struct pool pool;
    struct signals signals;
    struct node calls;       /* waits that are woken in the next turn: functions to be called */
    struct node calls_never; /* those whose time never comes */
    struct node executors;   /* struct bide_executor */
    struct node leftovers;   /* the nodes that begin memory which is freed with the loop */
    void *spare;             /* memory that the streams hand on; see stream_buffer.c */
    struct node promises;    /* thread-safe futures that tasks and callbacks wait for */
    int64_t polled_ns;       /* when epoll was asked last */
    int64_t worked_ns;       /* when a turn last had something to do */
    int64_t excess_ns;       /* since when there has been memory to give back; 0: there is none */
    size_t excess_living;    /* how many tasks there were then */
    unsigned forks;          /* task_forks, when it was made */
    bool running;            /* between loop_enter and loop_leave */
    bool exposed;            /* a pointer to it was given out: another thread may post to it */
    uint64_t draws;          /* see loop_draw */
    struct bide_sem lookups; /* permits for resolving names: at most half of the threads do */
    bool cancel_on_interrupt;
    struct bide_loop *retired; /* the next of those that have ended, but may still be posted to */
};

/* The loop of the running thread; sched_current must be set. */
static inline struct bide_loop *loop_current(void)
{
    return CONTAINER(sched_current, struct bide_loop, sched);
}

/* A number that is another one each time, though the same in each run of a program; the first is 0. */
uint64_t loop_draw(struct bide_loop *loop);

/* Is it the parent's, in the child of a fork? */
static inline bool loop_is_inherited(const struct bide_loop *loop)
{
    return loop->forks != task_forks;
}

/* Becomes this thread's running loop, from loop_enter to loop_leave. */
void loop_enter(struct bide_loop *loop);
void loop_leave(struct bide_loop *loop);

/*
 * What a function that is also called outside of the loop's runs needs, around its work: the loop
 * as the thread's present one. Aborts if it runs in another thread.
 */
struct visit {
    struct sched *sched;
    struct timers *timers;
    struct poller *poller;
    struct bide_task *task;
};

static inline struct visit visit_begin(struct bide_loop *loop)
{
    const struct visit visit = {sched_current, timers_current, poller_current, task_current};
    if (sched_current == &loop->sched) return visit;
    if (loop->running)
        misuse("a task of the loop at %p is handled outside of the thread where it runs", (void *)loop);
    sched_current = &loop->sched;
    timers_current = &loop->timers;
    poller_current = &loop->poller;
    task_current = NULL;
    return visit;
}

static inline void visit_end(struct visit visit)
{
    sched_current = visit.sched;
    timers_current = visit.timers;
    poller_current = visit.poller;
    task_current = visit.task;
}

/* One turn, then ready tasks: without waiting. */
void loop_step(struct bide_loop *loop);

/* In how many nanoseconds a step has something to do at the latest, or CLOCK_NEVER. */
int64_t loop_patience(const struct bide_loop *loop);

/*
 * Turns until the task has ended (NULL: all have, and the calls that were due are made). -EDEADLK: all tasks
 * had to be given up.
 */
int loop_drive(struct bide_loop *loop, const struct bide_task *until);

/* Cancels all tasks; new ones are born cancelled. */
void loop_cancel_all(struct bide_loop *loop);

#endif
