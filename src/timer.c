/* SPDX-License-Identifier: MIT */
/*
 * Invariants: a timer is armed if and only if it is in the heap or in the overflow list, under
 * its deadline, which is not CLOCK_NEVER. All in the overflow list were armed after all in the
 * heap, and stand there in the order of arming. A timer is taken out before it is woken, and what
 * its wake fires may arm and disarm any timer.
 */
#include "timer.h"

#include "sys.h"

enum { MOST_AT_ONCE = 512 };

_Thread_local struct timers *timers_current INITIAL_EXEC;

void timers_init(struct timers *timers, bool is_virtual)
{
    *timers = (struct timers){.virtual = is_virtual};
    list_init(&timers->overflow);
}

void timers_done(struct timers *timers)
{
    heap_done(&timers->heap);
}

int64_t timers_now(const struct timers *timers)
{
    return timers->virtual ? timers->now_ns : sys_clock_ns();
}

void timers_jump(struct timers *timers, int64_t now_ns)
{
    if (now_ns > timers->now_ns) timers->now_ns = now_ns;
}

/* The first of those that found no memory in the heap, if it is before that one. */
static struct timer *first_in_overflow(const struct timers *timers, struct timer *best)
{
    for (struct node *node = timers->overflow.next; node != &timers->overflow; node = node->next) {
        struct timer *timer = CONTAINER(node, struct timer, wait.link);
        if (!best || timer->deadline < best->deadline) best = timer;
    }
    return best;
}

static struct timer *first(const struct timers *timers)
{
    struct heap_node *node = heap_first(&timers->heap);
    struct timer *timer = node ? CONTAINER(node, struct timer, node) : NULL;
    return list_empty(&timers->overflow) ? timer : first_in_overflow(timers, timer);
}

int64_t timers_next(const struct timers *timers)
{
    if (list_empty(&timers->overflow))
        return timers->heap.count ? heap_first_key(&timers->heap) : CLOCK_NEVER;
    return first_in_overflow(timers, first(timers))->deadline;
}

/* Moves to the heap, in the order of arming, what it has memory for by now. */
static void drain(struct timers *timers)
{
    struct node *node;
    while ((node = list_pop(&timers->overflow))) {
        struct timer *timer = CONTAINER(node, struct timer, wait.link);
        if (heap_insert(&timers->heap, &timer->node, timer->deadline) == 0) continue;
        list_prepend(&timers->overflow, node);
        return;
    }
}

void timer_start(struct timer *timer, int64_t deadline)
{
    struct timers *timers = timers_current;
    timer->deadline = deadline;
    if (deadline == CLOCK_NEVER) return;
    timer->armed = true;
    timer->node.place = 0;
    if (__builtin_expect(!list_empty(&timers->overflow), 0)) drain(timers);
    if (!list_empty(&timers->overflow) || heap_insert(&timers->heap, &timer->node, deadline) < 0)
        list_append(&timers->overflow, &timer->wait.link);
}

void timer_stop(struct timer *timer)
{
    if (!timer->armed) return;
    timer->armed = false;
    if (timer->node.place)
        heap_remove(&timers_current->heap, &timer->node);
    else
        list_remove(&timer->wait.link);
}

int timer_drop(struct wait *wait)
{
    timer_stop(CONTAINER(wait, struct timer, wait));
    return 0;
}

struct timer *timers_take(struct timers *timers)
{
    struct timer *timer = first(timers);
    if (timer) timer_stop(timer);
    return timer;
}

void timers_fire(struct timers *timers)
{
    int64_t next = timers_next(timers);
    if (next == CLOCK_NEVER) return;
    const int64_t now = timers_now(timers);
    int64_t last = next;
    for (int fired = 0; next <= now && (fired < MOST_AT_ONCE || next == last); fired++) {
        struct timer *timer = first(timers);
        last = next;
        timer_stop(timer);
        wake(&timer->wait, 0);
        next = timers_next(timers);
    }
}

bool timers_excess(const struct timers *timers)
{
    return heap_excess(&timers->heap);
}

void timers_trim(struct timers *timers)
{
    heap_trim(&timers->heap);
}
