/* SPDX-License-Identifier: MIT */
/* A loop: its tasks and its four sources of wake-ups, and what makes them turn. */
#ifndef LOOP_H
#define LOOP_H

#include "cancel.h"
#include "poller.h"
#include "pool.h"
#include "signals.h"
#include "task.h"
#include "timer.h"

#include <bide/loop.h>

struct bide_loop {
    struct sched sched;
    struct timers timers;
    struct poller poller;
    struct pool pool;
    struct signals signals;
    int64_t polled_ns; /* when epoll was asked last */
    bool exposed;      /* a pointer to it was given out: another thread may post to it */
};

/* The loop of the running thread; sched_current must be set. */
static inline struct bide_loop *loop_current(void)
{
    return CONTAINER(sched_current, struct bide_loop, sched);
}

#endif
