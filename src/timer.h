/* SPDX-License-Identifier: MIT */
/*
 * The timers of a loop: waits that are woken, with 0, once their deadline has passed; in the
 * order of the deadlines, then of arming. It owns the loop's clock too, real or virtual.
 */
#ifndef TIMER_H
#define TIMER_H

#include "clock.h"
#include "heap.h"
#include "task.h"

struct timers {
    struct heap heap;
    struct node overflow; /* timers that found no memory in the heap: few, unsorted, but not lost */
    bool virtual;         /* now_ns is the time, and moves only by timers_jump */
    int64_t now_ns;
};

struct timer {
    struct wait wait;
    int64_t deadline;
    struct heap_node node;
    bool armed;
};

extern _Thread_local struct timers *timers_current INITIAL_EXEC; /* of the loop that runs in this thread */

void timers_init(struct timers *timers, bool is_virtual);
void timers_done(struct timers *timers);

int64_t timers_now(const struct timers *timers);
int64_t timers_next(const struct timers *timers);        /* the first deadline, or CLOCK_NEVER */
void timers_jump(struct timers *timers, int64_t now_ns); /* moves a virtual clock forward */
struct timer *timers_take(struct timers *timers);        /* the first one, disarmed and not woken; or NULL */
void timers_trim(struct timers *timers);
bool timers_excess(const struct timers *timers); /* is there much to trim? */

/*
 * Wakes all whose deadline has passed; of very many the first ones, but all that share a deadline: what
 * they wake runs while it is in the caches, the rest are for the next turn.
 */
void timers_fire(struct timers *timers);

static inline void timer_init(struct timer *timer, const struct wait_ops *ops)
{
    wait_init(&timer->wait, ops);
    timer->armed = false;
}

/* Arms a timer that is not armed. Cannot fail; CLOCK_NEVER arms nothing. */
void timer_start(struct timer *timer, int64_t deadline);

/* Disarms it, if it is armed. */
void timer_stop(struct timer *timer);

/* For wait_ops: leaves the timers. */
int timer_drop(struct wait *wait);

#endif
