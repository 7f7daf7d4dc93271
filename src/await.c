/* SPDX-License-Identifier: MIT */
/*
 * bide_await takes a handle and joins, bide_shield only looks.
 *
 * A handle may be another's, who may release the task before the one that waits runs again: so
 * what the task leaves is noted by a wait that fires at its end.
 *
 * A task that awaits another cancels it when it is itself cancelled, but only once it runs: so a
 * chain of any length is cancelled link by link, without recursion.
 */
#include "await.h"

#include "handle.h"

#include <bide/cancel.h>
#include <bide/task.h>
#include <errno.h>
#include <stdio.h>

struct await {
    struct wait wait;  /* parked on */
    struct wait watch; /* the target's: fires when it ends */
    struct bide_task *target;
    bool takes; /* its handle, and so its failure's text */
    bool parked;
    bool ended;
    int result;
};

static void note(struct await *await)
{
    await->ended = true;
    await->result = task_result(await->target);
    task_pass_failure(await->target, await->wait.task, false); /* others may look, too */
}

static void watch_fire(struct wait *wait, int result)
{
    (void)result;
    struct await *await = CONTAINER(wait, struct await, watch);
    note(await);
    if (!await->parked) return;
    await->parked = false;
    wake(&await->wait, 0);
}

static int drop_await(struct wait *wait)
{
    CONTAINER(wait, struct await, wait)->parked = false;
    return 0;
}

static void describe_await(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "awaits task '%s'", task_name(CONTAINER(wait, struct await, wait)->target));
}

static const struct wait_ops watch_ops = {.fire = watch_fire};
static const struct wait_ops await_ops = {.drop = drop_await, .describe = describe_await};
static const struct wait_ops join_ops = {.describe = describe_await};

static void await_begin(struct await *await, struct bide_task *target)
{
    await->target = target;
    await->parked = await->ended = false;
    wait_init(&await->wait, &await_ops);
    wait_init(&await->watch, &watch_ops);
    await->wait.task = task_current;
    if (task_done(target))
        note(await);
    else
        task_await(target, &await->watch);
}

static int await_park(struct await *await)
{
    await->parked = true;
    return park(&await->wait);
}

static void await_join(struct await *await)
{
    await->wait.ops = &join_ops;
    await->parked = true;
    park_join(&await->wait);
}

/* Whom a parked task awaits or shields, or NULL. */
static struct bide_task *awaited_by(const struct bide_task *task)
{
    const struct wait *wait = task_wait(task);
    if (!wait || (wait->ops != &await_ops && wait->ops != &join_ops)) return NULL;
    return CONTAINER(wait, struct await, wait)->target;
}

/*
 * Would waiting for the task close a ring? Not if nobody awaits me: then the walk, which may be
 * long, is not needed. There may be a ring ahead without me, of tasks that were cancelled and
 * join each other; a second walker at half the speed is met there.
 */
static bool closes_ring(const struct bide_task *task)
{
    if (task == task_current) return true;
    if (!task_awaited(task_current)) return false;
    const struct bide_task *slow = task;
    for (bool both = false; task && task != task_current; both = !both) {
        task = awaited_by(task);
        if (both) slow = awaited_by(slow);
        if (task == slow) return false;
    }
    return task == task_current;
}

int bide_await(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (!task) return await_fold(cancel_check(), -ENOMEM, result);
    handle_look("awaits", task);
    if (closes_ring(task)) return -EDEADLK;
    const bool takes = handle_take("awaits", task);
    struct await await;
    await_begin(&await, task);
    int code = cancel_cut();
    if (!await.ended && code == 0)
        code = await_park(&await);
    else if (await.ended && code < 0)
        park_yield();
    if (!await.ended) {
        cancel_by_call(task);
        await_join(&await);
    }
    if (takes) task_release(task);
    return await_fold(code, await.result, result);
}

int bide_shield(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (task) handle_look("shields", task);
    if (task && closes_ring(task)) return -EDEADLK;
    int code = cancel_check();
    if (code < 0) return code;
    if (!task) return await_fold(0, -ENOMEM, result);
    struct await await;
    await_begin(&await, task);
    if (!await.ended) code = await_park(&await);
    list_remove(&await.watch.link);
    return code < 0 ? code : await_fold(0, await.result, result);
}
