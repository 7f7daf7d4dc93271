/* SPDX-License-Identifier: MIT */
/* Loops as objects: made from options, run, stepped by a foreign loop, freed. */
#include "call.h"
#include "executor.h"
#include "flow.h"
#include "interrupt.h"
#include "loop.h"
#include "misuse.h"
#include "promise.h"
#include "report.h"
#include "sys.h"

#include <bide/run.h>
#include <bide/task.h>
#include <errno.h>

/* ---- making one ---- */

static bool is_sound(const struct bide_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return (opt->clock == BIDE_CLOCK_MONOTONIC || opt->clock == BIDE_CLOCK_VIRTUAL) &&
           (opt->stack_size == 0 || opt->stack_size >= stack_min()) && opt->slow_after == opt->slow_after;
}

static unsigned default_threads(void)
{
    const unsigned n = sys_processors() + 4;
    return n < 32 ? n : 32;
}

/* In the child of a fork no loop runs: it shares the parent's epoll, and has none of its threads. */
static void in_forked_child(void)
{
    task_forks++;
    task_current = NULL;
    signals_forget();
    if (!sched_current) return;
    signals_reblock(&loop_current()->signals);
    loop_leave(loop_current());
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, in_forked_child); /* without memory, a child is as unsafe as any other */
}

static int loop_init(struct bide_loop *loop, const struct bide_options *opt)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    *loop = (struct bide_loop){
        .exposed = true, .forks = task_forks, .cancel_on_interrupt = opt->cancel_on_interrupt};
    list_init(&loop->calls);
    list_init(&loop->calls_never);
    list_init(&loop->executors);
    list_init(&loop->promises);
    list_init(&loop->leftovers);
    timers_init(&loop->timers, opt->clock == BIDE_CLOCK_VIRTUAL);
    signals_init(&loop->signals, &loop->mailbox);
    int code = poller_init(&loop->poller);
    if (code < 0) return code;
    code = mailbox_open(&loop->mailbox, &loop->poller);
    if (code < 0) goto fail_mailbox;
    code = pool_init(&loop->pool, &loop->mailbox, opt->threads ? opt->threads : default_threads());
    if (code < 0) goto fail_pool;
    code =
        sched_init(&loop->sched, opt->stack_size ? opt->stack_size : BIDE_STACK_DEFAULT, opt->shuffle_seed);
    if (code < 0) goto fail_sched;
    bide_sem_init(&loop->lookups, loop->pool.most > 1 ? loop->pool.most / 2 : 1);
    loop->sched.debug = opt->debug;
    loop->sched.slow_ns = opt->slow_after > 0 ? clock_ns(opt->slow_after) : 0;
    loop->sched.on_slow = report_slow;
    loop->sched.on_error = opt->on_error ? opt->on_error : report_error;
    loop->sched.on_error_arg = opt->on_error_arg;
    return 0;

fail_sched:
    pool_done(&loop->pool);
fail_pool:
    mailbox_close(&loop->mailbox);
fail_mailbox:
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

/* ---- the end of one ---- */

static pthread_mutex_t retired_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bide_loop *retired;

/*
 * Other threads may hold a pointer that bide_current_loop gave: its mailbox, which is closed, must go on
 * refusing them.
 */
static void retire(struct bide_loop *loop)
{
    pthread_mutex_lock(&retired_lock);
    loop->retired = retired;
    retired = loop;
    pthread_mutex_unlock(&retired_lock);
}

__attribute__((destructor)) static void free_retired(void)
{
    while (retired) {
        struct bide_loop *next = retired->retired;
        sys_free(retired);
        retired = next;
    }
}

/* Turns until no task is left, and no generator: those that are still open are closed by a task. */
static int drive_out(struct bide_loop *loop)
{
    int code = loop_drive(loop, NULL);
    struct flow *flow;
    while ((flow = flow_open(&loop->sched))) {
        const struct task_plan plan = {.fn = flow->finish, .arg = flow, .name = "closes a generator"};
        struct bide_task *task = task_create(&plan);
        if (!task) {
            flows_end(&loop->sched); /* without memory, as they stand */
            break;
        }
        task_abandon(task);
        task_start(task);
        const int late_code = loop_drive(loop, NULL);
        if (late_code < 0) code = late_code;
    }
    return code;
}

/* What somebody forgot to free, but could still have used until now. */
static void leftovers_free(struct bide_loop *loop)
{
    struct node *node;
    while ((node = list_pop(&loop->leftovers))) sys_free(node);
}

/* Cancels and joins what is left, makes the calls that are due, and frees all but the loop itself. */
static int loop_close(struct bide_loop *loop)
{
    loop_enter(loop);
    loop_cancel_all(loop);
    int code = drive_out(loop);
    mailbox_refuse(&loop->mailbox);
    for (int last = 0; last < 2; last++) { /* what came last, then the calls that its tasks asked for */
        const int late_code = drive_out(loop);
        if (late_code < 0) code = late_code;
    }
    signals_done(&loop->signals);
    pool_done(&loop->pool);
    (void)mailbox_open_all(&loop->mailbox); /* jobs that were left behind free themselves */
    executors_free(&loop->executors);
    promises_drop(&loop->promises);
    mailbox_close(&loop->mailbox);
    calls_drop(loop);
    leftovers_free(loop);
    sched_done(&loop->sched);
    flows_free(&loop->sched);
    timers_done(&loop->timers);
    poller_done(&loop->poller);
    loop_leave(loop);
    sys_free(loop->spare);
    return code;
}

void bide_loop_free(struct bide_loop *loop)
{
    if (!loop || loop_is_inherited(loop)) return; /* what it has is the parent's */
    if (sched_current) misuse("the loop at %p is freed while one runs in this thread", (void *)loop);
    loop->exposed = false; /* nobody else may use it any more, to wake a task */
    (void)loop_close(loop);
    sys_free(loop);
}

/* ---- running it ---- */

/* Turns until the task has ended, and takes what it has to give. */
static int run_task(struct bide_loop *loop, struct bide_task *task, int *result)
{
    struct interrupt interrupt;
    (void)task_take(task);
    task_start(task);
    int code = loop->cancel_on_interrupt ? interrupt_begin(&interrupt, &loop->signals, task) : 0;
    const bool watched = loop->cancel_on_interrupt && code == 0;
    if (code < 0) cancel_by_owner(task);
    const int drive_code = loop_drive(loop, task);
    if (watched) interrupt_end(&interrupt);
    if (drive_code < 0) code = drive_code;
    const int work = task_result(task);
    if (code == 0 && result) *result = work;
    if (code == 0 && !result && work < 0) code = work;
    task_pass_failure(task, NULL, true);
    task_release(task);
    return code;
}

int bide_loop_run(struct bide_loop *loop, bide_fn fn, void *arg, int *result)
{
    if (!loop || !fn) return -EINVAL;
    if (sched_current) return -EALREADY;
    if (loop_is_inherited(loop)) return -EPERM;
    loop_enter(loop);
    loop->sched.closing = false;
    const struct task_plan plan = {.fn = fn, .arg = arg, .name = "main"};
    struct bide_task *task = task_create(&plan);
    const int code = task ? run_task(loop, task, result) : -ENOMEM;
    loop_leave(loop);
    return code;
}

int bide_run_with(const struct bide_options *opt, bide_fn fn, void *arg)
{
    if (!fn) return -EINVAL;
    if (sched_current) return -EALREADY;
    struct bide_loop *loop = bide_loop_new(opt);
    if (!loop) return -errno;
    loop->exposed = false; /* nobody else knows it yet */
    int result = 0;
    const int code = bide_loop_run(loop, fn, arg, &result);
    const int close_code = loop_close(loop);
    if (loop->exposed)
        retire(loop);
    else
        sys_free(loop);
    return code < 0 ? code : close_code < 0 ? close_code : result;
}

int bide_run(bide_fn fn, void *arg)
{
    return bide_run_with(NULL, fn, arg);
}

struct bide_loop *bide_current_loop(void)
{
    if (!sched_current) return NULL;
    struct bide_loop *loop = loop_current();
    loop->exposed = true;
    return loop;
}

double bide_time(void)
{
    return clock_seconds(timers_current ? timers_now(timers_current) : sys_clock_ns());
}

/* ---- inside a foreign loop ---- */

struct bide_task *bide_loop_start(struct bide_loop *loop, bide_fn fn, void *arg)
{
    if (!loop || loop_is_inherited(loop)) {
        errno = loop ? EPERM : EINVAL;
        return NULL;
    }
    const struct visit visit = visit_begin(loop);
    const struct task_plan plan = {.fn = fn, .arg = arg};
    struct bide_task *task = task_create(&plan);
    if (task) task_start(task);
    visit_end(visit);
    return task;
}

int bide_loop_fd(struct bide_loop *loop)
{
    return loop ? loop->poller.epfd : -EINVAL;
}

double bide_loop_timeout(struct bide_loop *loop)
{
    return loop ? clock_seconds(loop_patience(loop)) : BIDE_FOREVER;
}

int bide_loop_step(struct bide_loop *loop)
{
    if (!loop) return -EINVAL;
    if (sched_current) return -EALREADY;
    if (loop_is_inherited(loop)) return -EPERM;
    loop_enter(loop);
    loop->sched.closing = false;
    loop_step(loop);
    loop_leave(loop);
    return loop->sched.living < INT32_MAX ? (int)loop->sched.living : INT32_MAX;
}
