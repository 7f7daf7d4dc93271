/* SPDX-License-Identifier: MIT */
/*
 * A turn: resume ready tasks, then take events of descriptors, then what threads have sent,
 * then timers that are due. So a value that is ready in the same
 * turn as its deadline beats it. Epoll is asked when nothing is ready, when a timer is due, and
 * else now and then.
 *
 * When nothing is ready and nothing can ever become ready, every task waits for another: that
 * is reported, all are cancelled, and those that do not move even then are freed as they stand.
 */
#include "loop.h"

#include "misuse.h"
#include "report.h"
#include "sys.h"

#include <bide/run.h>
#include <bide/task.h>
#include <errno.h>

static const int64_t GLANCE_NS = 50 * 1000;      /* a busy loop asks epoll at most this often */
static const int64_t IDLE_NS = 50 * 1000 * 1000; /* after that long without work, memory is given back */

/* ---- a turn ---- */

static int poll_now(struct bide_loop *loop, int64_t timeout_ns)
{
    const int events = poller_poll(&loop->poller, timeout_ns);
    pool_collect(&loop->pool);
    loop->polled_ns = sys_clock_ns();
    return events;
}

/* Tasks are ready: looks at the world without waiting. */
static void glance(struct bide_loop *loop)
{
    const bool due = timers_next(&loop->timers) <= timers_now(&loop->timers);
    if (due || sys_clock_ns() - loop->polled_ns > GLANCE_NS) poll_now(loop, 0);
    if (due) timers_fire(&loop->timers);
}

static void trim(struct bide_loop *loop, bool idle)
{
    sched_trim(&loop->sched, idle);
    timers_trim(&loop->timers);
}

/* Real time: waits for events until the next deadline. */
static void wait_real(struct bide_loop *loop)
{
    const int64_t next = timers_next(&loop->timers);
    int64_t timeout = next == CLOCK_NEVER ? -1 : next - timers_now(&loop->timers);
    if (next != CLOCK_NEVER && timeout < 0) timeout = 0;
    const bool excess = sched_excess(&loop->sched, true) && (timeout < 0 || timeout > IDLE_NS);
    const int events = poll_now(loop, excess ? IDLE_NS : timeout);
    if (excess && events == 0) trim(loop, true);
    timers_fire(&loop->timers);
}

/* Virtual time: jumps to the next deadline, unless a poll finds something or a thread is at work. */
static void wait_virtual(struct bide_loop *loop)
{
    const int64_t next = timers_next(&loop->timers);
    const bool blocked = loop->pool.jobs > 0 || next == CLOCK_NEVER;
    if (poll_now(loop, blocked ? -1 : 0) > 0 || blocked) return;
    if (next - loop->timers.now_ns > IDLE_NS && sched_excess(&loop->sched, true)) trim(loop, true);
    timers_jump(&loop->timers, next);
    timers_fire(&loop->timers);
}

static bool is_stuck(const struct bide_loop *loop)
{
    return timers_next(&loop->timers) == CLOCK_NEVER && loop->poller.waiting == 0 && loop->pool.jobs == 0 &&
           !loop->exposed;
}

/* False: every task waits for another. */
static bool turn(struct bide_loop *loop)
{
    if (sched_excess(&loop->sched, false)) trim(loop, false);
    if (loop->sched.ready.count > 0)
        glance(loop);
    else if (is_stuck(loop))
        return false;
    else if (loop->timers.virtual)
        wait_virtual(loop);
    else
        wait_real(loop);
    return true;
}

/* ---- runs ---- */

static void enter(struct bide_loop *loop)
{
    sched_enter(&loop->sched);
    timers_current = &loop->timers;
    poller_current = &loop->poller;
    pool_current = &loop->pool;
    signals_enter(&loop->signals);
}

static void leave(struct bide_loop *loop)
{
    signals_leave(&loop->signals);
    pool_current = NULL;
    poller_current = NULL;
    timers_current = NULL;
    sched_leave();
}

/* In the child of a fork no loop runs: it shares the parent's epoll, and has none of its threads. */
static void in_forked_child(void)
{
    task_forks++;
    task_current = NULL;
    if (sched_current) leave(loop_current());
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, in_forked_child); /* without memory, a child is as unsafe as any other */
}

static void cancel_each(struct bide_task *task, void *arg)
{
    (void)arg;
    cancel_by_owner(task);
}

static void cancel_all(struct bide_loop *loop)
{
    loop->sched.closing = true;
    sched_each(&loop->sched, cancel_each, NULL);
}

static bool is_over(const struct bide_loop *loop, const struct bide_task *until)
{
    return until ? task_done(until) : loop->sched.living == 0;
}

/* Turns until the task has ended (NULL: all have). -EDEADLK: all had to be given up. */
static int drive(struct bide_loop *loop, const struct bide_task *until)
{
    bool stuck = false;
    for (;;) {
        sched_run(&loop->sched);
        if (sched_current != &loop->sched)
            misuse("the child of a fork returned to the loop at %p", (void *)loop);
        if (stuck ? loop->sched.living == 0 : is_over(loop, until)) break;
        if (turn(loop)) continue;
        if (stuck) {
            sched_abandon(&loop->sched);
        } else {
            stuck = true;
            report_stuck(&loop->sched);
            cancel_all(loop);
        }
    }
    return stuck ? -EDEADLK : 0;
}

static bool has_reserved(const uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words[i]) return true;
    return false;
}

static bool is_sound(const struct bide_options *opt)
{
    return !has_reserved(opt->reserved, sizeof opt->reserved / sizeof *opt->reserved) &&
           (opt->clock == BIDE_CLOCK_MONOTONIC || opt->clock == BIDE_CLOCK_VIRTUAL) &&
           (opt->stack_size == 0 || opt->stack_size >= stack_min()) && opt->slow_after == opt->slow_after;
}

static unsigned default_threads(void)
{
    const unsigned n = sys_processors() + 4;
    return n < 32 ? n : 32;
}

static int loop_init(struct bide_loop *loop, const struct bide_options *opt)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    *loop = (struct bide_loop){0};
    int code = poller_init(&loop->poller);
    if (code < 0) return code;
    code = pool_init(&loop->pool, opt->threads ? opt->threads : default_threads());
    if (code < 0) goto fail_pool;
    code =
        sched_init(&loop->sched, opt->stack_size ? opt->stack_size : BIDE_STACK_DEFAULT, opt->shuffle_seed);
    if (code < 0) goto fail_sched;
    loop->sched.debug = opt->debug;
    loop->sched.on_error = opt->on_error ? opt->on_error : report_error;
    loop->sched.on_error_arg = opt->on_error_arg;
    timers_init(&loop->timers, opt->clock == BIDE_CLOCK_VIRTUAL);
    return 0;

fail_sched:
    pool_done(&loop->pool);
fail_pool:
    poller_done(&loop->poller);
    return code;
}

struct bide_loop *bide_loop_new(const struct bide_options *opt)
{
    const struct bide_options defaults = {0};
    if (!opt) opt = &defaults;
    int code = is_sound(opt) ? -ENOMEM : -EINVAL;
    struct bide_loop *loop = code == -ENOMEM ? sys_alloc(sizeof *loop) : NULL;
    if (loop && (code = loop_init(loop, opt)) == 0) return loop;
    sys_free(loop);
    errno = -code;
    return NULL;
}

int bide_loop_run(struct bide_loop *loop, bide_fn fn, void *arg, int *result)
{
    if (!loop || !fn) return -EINVAL;
    if (sched_current) return -EALREADY;
    enter(loop);
    loop->sched.closing = false;
    const struct task_plan plan = {.fn = fn, .arg = arg, .name = "main"};
    struct bide_task *task = task_create(&plan);
    int code = -ENOMEM;
    if (task) {
        (void)task_take(task);
        task_start(task);
        code = drive(loop, task);
        if (code == 0 && result) *result = task_result(task);
        task_pass_failure(task, NULL, true);
        task_release(task);
    }
    leave(loop);
    return code;
}

/* Cancels and joins what is left. */
static int loop_close(struct bide_loop *loop)
{
    enter(loop);
    cancel_all(loop);
    const int code = drive(loop, NULL);
    pool_done(&loop->pool);
    sched_done(&loop->sched);
    timers_done(&loop->timers);
    poller_done(&loop->poller);
    leave(loop);
    sys_free(loop);
    return code;
}

void bide_loop_free(struct bide_loop *loop)
{
    if (!loop) return;
    if (sched_current) misuse("the loop at %p is freed while one runs in this thread", (void *)loop);
    (void)loop_close(loop);
}

struct bide_loop *bide_current_loop(void)
{
    if (!sched_current) return NULL;
    struct bide_loop *loop = loop_current();
    loop->exposed = true;
    return loop;
}

int bide_run_with(const struct bide_options *opt, bide_fn fn, void *arg)
{
    if (!fn) return -EINVAL;
    if (sched_current) return -EALREADY;
    struct bide_loop *loop = bide_loop_new(opt);
    if (!loop) return -errno;
    int result = 0;
    const int code = bide_loop_run(loop, fn, arg, &result);
    const int close_code = loop_close(loop);
    return code < 0 ? code : close_code < 0 ? close_code : result;
}

int bide_run(bide_fn fn, void *arg)
{
    return bide_run_with(NULL, fn, arg);
}

double bide_time(void)
{
    return clock_seconds(timers_current ? timers_now(timers_current) : sys_clock_ns());
}
