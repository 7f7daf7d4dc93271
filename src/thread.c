/* SPDX-License-Identifier: MIT */
/* A function in a thread, awaited like a call. */
#include "await.h"
#include "loop.h"
#include "sys.h"

#include <bide/thread.h>
#include <errno.h>
#include <stdio.h>

struct thread_call {
    struct job job;
    bool cut; /* a cancel or deadline came while it ran: the call returns late */
};

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

int bide_to_thread(bide_fn fn, void *arg, int *result)
{
    if (!task_current) return -EPERM;
    if (!fn) return -EINVAL;
    int code = cancel_check();
    if (code < 0) return await_fold(code, -ECANCELED, result);
    struct thread_call call = {.job.fn = fn, .job.arg = arg};
    wait_init(&call.job.wait, &call_ops);
    if (pool_submit(&loop_current()->pool, &call.job) < 0) return await_fold(0, -ENOMEM, result);
    code = park(&call.job.wait);
    if (code < 0) return await_fold(code, -ECANCELED, result);
    if (call.cut) code = cancel_cut();
    struct failures *seen = call.job.result < 0 ? task_failures(task_current) : NULL;
    if (seen)
        failures_see(seen, call.job.result, call.job.failure);
    else
        sys_free(call.job.failure);
    return await_fold(code, call.job.result, result);
}
