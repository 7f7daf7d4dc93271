/* SPDX-License-Identifier: MIT */
/* A function in a thread, awaited like a call; in the loop's threads or in an executor's. */
#include "await.h"
#include "bindings.h"
#include "executor.h"
#include "loop.h"
#include "misuse.h"
#include "sys.h"

#include <bide/thread.h>
#include <errno.h>
#include <stdio.h>

struct thread_call {
    struct job job;
    bool cut; /* a cancel or deadline came while it ran: the call returns late */
    bide_fn fn;
    void *arg;
    const struct heritage *bindings; /* the task's, which waits meanwhile and so cannot change them */
};

/* In the thread: with the task's locals. */
static int run_with_locals(void *arg)
{
    const struct thread_call *call = arg;
    bindings_of_thread = call->bindings;
    const int result = call->fn(call->arg);
    bindings_of_thread = NULL;
    return result;
}

static int drop_call(struct wait *wait)
{
    struct thread_call *call = CONTAINER(wait, struct thread_call, job.wait);
    const int code = pool_withdraw(&call->job);
    if (code < 0) call->cut = true;
    return code;
}

static void describe_call(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for a thread");
}

static const struct wait_ops call_ops = {.drop = drop_call, .describe = describe_call};

static int run_in_pool(struct pool *pool, bide_fn fn, void *arg, int *result)
{
    int code = cancel_check();
    if (code < 0) return await_fold(code, -ECANCELED, result);
    struct thread_call call = {.job.fn = run_with_locals, .fn = fn, .arg = arg};
    call.job.arg = &call;
    call.bindings = task_heritage_known(task_current);
    wait_init(&call.job.wait, &call_ops);
    code = pool_submit(pool, &call.job);
    if (code == -EAGAIN && pool->limit) return code;
    if (code < 0) return await_fold(0, -ENOMEM, result);
    code = park(&call.job.wait);
    if (code < 0) return await_fold(code, -ECANCELED, result);
    if (call.cut) code = cancel_cut();
    if (call.job.result < 0) task_see_failure(task_current, call.job.result, call.job.failure);
    return await_fold(code, call.job.result, result);
}

int bide_to_thread(bide_fn fn, void *arg, int *result)
{
    if (!task_current) return -EPERM;
    return fn ? run_in_pool(&loop_current()->pool, fn, arg, result) : -EINVAL;
}

/* ---- threads of one's own ---- */

struct bide_executor *bide_executor_new(unsigned threads, size_t limit)
{
    struct bide_executor *executor = sched_current ? sys_alloc(sizeof *executor) : NULL;
    if (!executor) {
        errno = sched_current ? ENOMEM : EPERM;
        return NULL;
    }
    struct bide_loop *loop = loop_current();
    const int code = pool_init(&executor->pool, &loop->mailbox, threads ? threads : loop->pool.most);
    if (code < 0) {
        sys_free(executor);
        errno = -code;
        return NULL;
    }
    executor->pool.limit = limit;
    list_append(&loop->executors, &executor->link);
    return executor;
}

int bide_executor_submit(struct bide_executor *executor, bide_fn fn, void *arg, int *result)
{
    if (!task_current) return -EPERM;
    if (!executor || !fn) return -EINVAL;
    if (executor->pool.mailbox != &loop_current()->mailbox)
        misuse("task '%s' uses the executor at %p of another loop", task_name(task_current),
               (void *)executor);
    return run_in_pool(&executor->pool, fn, arg, result);
}

void bide_executor_free(struct bide_executor *executor)
{
    if (!executor) return;
    if (executor->pool.jobs > 0)
        misuse("the executor at %p is freed while %zu tasks wait for it", (void *)executor,
               executor->pool.jobs);
    list_remove(&executor->link);
    pool_done(&executor->pool);
    sys_free(executor);
}

void executors_free(struct node *executors)
{
    while (!list_empty(executors)) bide_executor_free(CONTAINER(executors->next, struct bide_executor, link));
}
