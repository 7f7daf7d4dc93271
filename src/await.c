/* SPDX-License-Identifier: MIT */
/*
 * Handles: bide_await takes one and joins, bide_shield only looks, bide_detach lets go.
 *
 * A task that awaits another cancels it when it is itself cancelled, but only once it runs: so a
 * chain of any length is cancelled link by link, without recursion.
 */
#include "await.h"

#include "misuse.h"

#include <bide/cancel.h>
#include <bide/task.h>
#include <errno.h>
#include <stdio.h>

struct await {
    struct wait wait;
    struct bide_task *target;
};

static int drop_watch(struct wait *wait)
{
    list_remove(&wait->link);
    return 0;
}

static void describe_await(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "awaits task '%s'", task_name(CONTAINER(wait, struct await, wait)->target));
}

static const struct wait_ops await_ops = {.drop = drop_watch, .describe = describe_await};
static const struct wait_ops join_ops = {.describe = describe_await};

static void await_init(struct await *await, const struct wait_ops *ops, struct bide_task *task)
{
    wait_init(&await->wait, ops);
    await->target = task;
    task_watch(task, &await->wait);
}

int await_end(struct bide_task *task)
{
    struct await await;
    await_init(&await, &await_ops, task);
    return park(&await.wait);
}

void await_join(struct bide_task *task)
{
    struct await await;
    await_init(&await, &join_ops, task);
    park_join(&await.wait);
}

/* Whom a parked task awaits or shields, or NULL. */
static struct bide_task *awaited_by(const struct bide_task *task)
{
    const struct wait *wait = task_wait(task);
    if (!wait || (wait->ops != &await_ops && wait->ops != &join_ops)) return NULL;
    return CONTAINER(wait, struct await, wait)->target;
}

/* Would waiting for the task close a ring? Nobody can wait for me whose handle nobody has: then
 * the walk, which may be long, is not needed. */
static bool closes_ring(const struct bide_task *task)
{
    if (task == task_current) return true;
    if (!task_watched(task_current)) return false;
    while (task && task != task_current) task = awaited_by(task);
    return task == task_current;
}

/* Waits for the end; when cut short, cancels and joins. */
static int await_or_cancel(struct bide_task *task)
{
    int code = cancel_cut();
    if (task_done(task)) {
        if (code < 0) park_yield();
        return code;
    }
    if (code == 0) code = await_end(task);
    if (code < 0 && !task_done(task)) {
        cancel_by_call(task);
        await_join(task);
    }
    return code;
}

static _Noreturn void taken_before(const char *verb, const struct bide_task *task)
{
    const bool known = task_in_use(task);
    misuse("task '%s' %s the task '%s' at %p, whose handle was taken or given up before",
           bide_task_name(task_current), verb, known ? task_name(task) : "(released)", (const void *)task);
}

int bide_await(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (!task) return await_fold(cancel_check(), -ENOMEM, result);
    if (closes_ring(task)) return -EDEADLK;
    const bool takes = task_in_use(task) && !task_owned(task);
    if (takes ? !task_take(task) : !task_in_use(task)) taken_before("awaits", task);
    const int code = await_or_cancel(task);
    const int work = task_result(task);
    task_pass_failure(task, task_current, takes);
    if (takes) task_release(task);
    return await_fold(code, work, result);
}

int bide_shield(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (task && closes_ring(task)) return -EDEADLK;
    int code = cancel_check();
    if (code < 0) return code;
    if (!task) return await_fold(0, -ENOMEM, result);
    if (!task_done(task) && (code = await_end(task)) < 0) return code;
    task_pass_failure(task, task_current, false);
    return await_fold(0, task_result(task), result);
}

void bide_detach(struct bide_task *task)
{
    if (!task) return;
    if (!task_in_use(task) || task_owned(task) || !task_take(task)) taken_before("detaches", task);
    task_abandon(task);
}
