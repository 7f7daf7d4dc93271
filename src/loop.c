/* SPDX-License-Identifier: MIT */
/*
 * A turn: take events of descriptors, then what threads have sent, then timers that are due,
 * then make the calls that are due, then resume ready tasks. So a value that is ready in the
 * same turn as its deadline beats it. Epoll is asked when nothing is ready, when a timer is due,
 * and else now and then.
 *
 * When nothing is ready and nothing can ever become ready, every task waits for another: that
 * is reported, all are cancelled, and those that do not move even then are freed as they stand.
 */
#include "loop.h"

#include "misuse.h"
#include "report.h"
#include "sys.h"

#include <errno.h>

static const int64_t GLANCE_NS = 50 * 1000;      /* a busy loop asks epoll at most this often */
static const int64_t IDLE_NS = 50 * 1000 * 1000; /* after that long without work, memory is given back */
static const int64_t LONG_NS = 1000000000;       /* or after a jump that far, where time is virtual */

uint64_t loop_draw(struct bide_loop *loop)
{
    uint64_t x = loop->draws++;
    x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 32);
}

/* ---- a turn ---- */

static bool is_ready(const struct bide_loop *loop)
{
    return loop->sched.ready.count > 0 || !list_empty(&loop->calls);
}

static bool is_due(const struct bide_loop *loop)
{
    const int64_t next = timers_next(&loop->timers);
    return next != CLOCK_NEVER && next <= timers_now(&loop->timers);
}

/*
 * Takes events, letters and timers that are due. Whether there were events or letters. Before a deadline that
 * is due is looked at, all events are taken: what is ready in the same turn beats it.
 */
static bool poll_now(struct bide_loop *loop, int64_t timeout_ns)
{
    const bool sleeps = timeout_ns != 0;
    if (sleeps && !mailbox_sleep(&loop->mailbox)) timeout_ns = 0;
    const int events = poller_poll(&loop->poller, timeout_ns);
    if (sleeps) mailbox_awake(&loop->mailbox);
    loop->polled_ns = sys_clock_ns();
    const bool due = is_due(loop);
    if (due) poller_poll_rest(&loop->poller, events);
    const bool found = mailbox_collect(&loop->mailbox) || events > 0;
    if (due) timers_fire(&loop->timers);
    return found;
}

/* Something is ready: looks at the world without waiting. */
static void glance(struct bide_loop *loop)
{
    if (is_due(loop) || sys_clock_ns() - loop->polled_ns > GLANCE_NS) poll_now(loop, 0);
}

static bool has_excess(const struct bide_loop *loop, bool idle)
{
    return sched_excess(&loop->sched, idle) || timers_excess(&loop->timers);
}

static void trim(struct bide_loop *loop, bool idle)
{
    sched_trim(&loop->sched, idle);
    timers_trim(&loop->timers);
}

/*
 * A busy loop gives memory back that was too much for a while: after a burst, not between two. While a
 * burst ends, stacks would go one by one; a moment later there are whole slabs of them.
 */
static void trim_what_lasts(struct bide_loop *loop)
{
    const size_t living = loop->sched.living;
    const bool ends = living + loop->excess_living / 64 < loop->excess_living;
    if (!has_excess(loop, false)) {
        loop->excess_ns = 0;
    } else if (loop->excess_ns == 0 || ends) {
        loop->excess_ns = loop->polled_ns;
        loop->excess_living = living;
    } else if (loop->polled_ns - loop->excess_ns > IDLE_NS) {
        trim(loop, false);
    }
}

int64_t loop_patience(const struct bide_loop *loop)
{
    const int64_t next = timers_next(&loop->timers);
    if (is_ready(loop) || (next != CLOCK_NEVER && loop->timers.virtual)) return 0;
    int64_t patience = next == CLOCK_NEVER ? CLOCK_NEVER : next - sys_clock_ns();
    const int64_t rest_ns = loop->worked_ns + IDLE_NS - loop->polled_ns; /* what runs meanwhile is no rest */
    if (patience > rest_ns && has_excess(loop, true)) patience = rest_ns;
    return patience > 0 ? patience : 0;
}

/* Real time: takes events, and waits for them until there is something else to do. */
static void look_real(struct bide_loop *loop, bool waits)
{
    const int64_t patience = waits ? loop_patience(loop) : 0;
    poll_now(loop, patience == CLOCK_NEVER ? -1 : patience);
}

/* Has somebody outside something for us? Nobody has to be asked if no task waits for a descriptor. */
static bool was_called(struct bide_loop *loop)
{
    return loop->poller.waiting > 0 ? poll_now(loop, 0) : mailbox_collect(&loop->mailbox);
}

/* Virtual time: jumps to the next deadline, unless something has come or a thread is at work. */
static void look_virtual(struct bide_loop *loop, bool waits)
{
    const int64_t next = timers_next(&loop->timers);
    if (next <= loop->timers.now_ns) {
        glance(loop);
        return;
    }
    const bool blocked = loop->mailbox.expected > 0 || next == CLOCK_NEVER;
    if (blocked) poll_now(loop, waits ? -1 : 0);
    if (blocked || was_called(loop)) return;
    if (next - loop->timers.now_ns >= LONG_NS && has_excess(loop, true)) trim(loop, true);
    timers_jump(&loop->timers, next);
    timers_fire(&loop->timers);
}

/* There was nothing to do in this turn: after long enough memory is given back. */
static void rest(struct bide_loop *loop)
{
    if (loop->polled_ns - loop->worked_ns < IDLE_NS) return;
    loop->worked_ns = loop->polled_ns;
    if (has_excess(loop, true)) trim(loop, true);
}

/* May another thread still wake somebody? */
static bool is_within_reach(const struct bide_loop *loop)
{
    return loop->exposed || (!list_empty(&loop->promises) && !atomic_load(&loop->mailbox.refusing));
}

static bool is_stuck(const struct bide_loop *loop)
{
    return timers_next(&loop->timers) == CLOCK_NEVER && loop->poller.waiting == 0 &&
           loop->mailbox.expected == 0 && list_empty(&loop->signals.waits) && !is_within_reach(loop);
}

/* The first part of a turn. False: every task waits for another. */
static bool look(struct bide_loop *loop, bool waits)
{
    trim_what_lasts(loop);
    if (is_ready(loop))
        glance(loop);
    else if (waits && is_stuck(loop))
        return false;
    else if (loop->timers.virtual)
        look_virtual(loop, waits);
    else
        look_real(loop, waits);
    if (is_ready(loop))
        loop->worked_ns = loop->polled_ns;
    else
        rest(loop);
    return true;
}

/* Makes the calls that are due; ones that they add wait for the next turn. */
static void make_calls(struct bide_loop *loop)
{
    struct node now;
    list_init(&now);
    list_splice(&now, &loop->calls);
    wake_list(&now, 0);
}

static void run(struct bide_loop *loop)
{
    make_calls(loop);
    sched_run(&loop->sched);
    if (sched_current != &loop->sched) misuse("the child of a fork returned to the loop at %p", (void *)loop);
}

void loop_step(struct bide_loop *loop)
{
    (void)look(loop, false);
    run(loop);
}

/* ---- runs ---- */

void loop_enter(struct bide_loop *loop)
{
    if (loop->running) misuse("the loop at %p is entered, but runs already", (void *)loop);
    loop->running = true;
    sched_enter(&loop->sched);
    timers_current = &loop->timers;
    poller_current = &loop->poller;
    signals_enter(&loop->signals);
}

void loop_leave(struct bide_loop *loop)
{
    signals_leave(&loop->signals);
    poller_current = NULL;
    timers_current = NULL;
    sched_leave();
    loop->running = false;
}

static void cancel_each(struct bide_task *task, void *arg)
{
    (void)arg;
    cancel_by_owner(task);
}

void loop_cancel_all(struct bide_loop *loop)
{
    loop->sched.closing = true;
    sched_each(&loop->sched, cancel_each, NULL);
}

static bool is_over(const struct bide_loop *loop, const struct bide_task *until)
{
    return until ? task_done(until) : loop->sched.living == 0;
}

int loop_drive(struct bide_loop *loop, const struct bide_task *until)
{
    bool stuck = false;
    for (;;) {
        run(loop);
        if (is_over(loop, stuck ? NULL : until)) break;
        if (look(loop, true)) continue;
        if (stuck) {
            sched_abandon(&loop->sched);
        } else {
            stuck = true;
            report_stuck(&loop->sched);
            loop_cancel_all(loop);
        }
    }
    mailbox_rest(&loop->mailbox);
    return stuck ? -EDEADLK : 0;
}
