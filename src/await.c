/* SPDX-License-Identifier: MIT */
/*
 * bide_await takes a handle and joins, bide_shield only looks.
 *
 * Whoever took the handle reads from the ended task what it left. A handle that was not taken is
 * another's, who may release the task before the one that waits runs again: then what it leaves is
 * noted by a wait that fires at its end.
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
    struct wait wait; /* parked on; among the target's watchers if the handle was taken */
    struct bide_task *target;
};

/* In a done callback of the target, which has ended then: it is about to wake this wait. */
static int drop_await(struct wait *wait)
{
    if (task_done(CONTAINER(wait, struct await, wait)->target)) return -EBUSY;
    list_remove(&wait->link);
    return 0;
}

static void describe_await(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "awaits task '%s'", task_name(CONTAINER(wait, struct await, wait)->target));
}

static const struct wait_ops await_ops = {.drop = drop_await, .describe = describe_await};
static const struct wait_ops join_ops = {.describe = describe_await};

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
static bool closes_long_ring(const struct bide_task *task)
{
    const struct bide_task *slow = task;
    for (bool both = false; task && task != task_current; both = !both) {
        task = awaited_by(task);
        if (both) slow = awaited_by(slow);
        if (task == slow) return false;
    }
    return task == task_current;
}

static inline bool closes_ring(const struct bide_task *task)
{
    return task == task_current || (task_awaited(task_current) && closes_long_ring(task));
}

/* ---- with the handle taken ---- */

static int watch_and_park(struct await *await)
{
    wait_init(&await->wait, &await_ops);
    task_await(await->target, &await->wait);
    return park(&await->wait);
}

static void watch_and_join(struct await *await)
{
    wait_init(&await->wait, &join_ops);
    task_await(await->target, &await->wait);
    park_join(&await->wait);
}

static int await_taken(struct bide_task *task, int *result)
{
    struct await await = {.target = task};
    int code = cancel_cut();
    if (task_done(task)) {
        if (code < 0) park_yield();
    } else {
        if (code == 0) code = watch_and_park(&await);
        if (!task_done(task)) {
            cancel_by_call(task);
            watch_and_join(&await);
        }
    }
    const int work = task_result(task);
    task_pass_failure(task, task_current, true);
    task_release(task);
    return await_fold(code, work, result);
}

/* ---- without it ---- */

struct look {
    struct await await;
    struct wait watch; /* the target's: fires when it ends */
    bool ended;
    int result;
};

static void note(struct look *look)
{
    look->ended = true;
    look->result = task_result(look->await.target);
    task_pass_failure(look->await.target, look->await.wait.task, false); /* others may look, too */
}

static void watch_fire(struct wait *wait, int result)
{
    struct look *look = CONTAINER(wait, struct look, watch);
    struct wait *parked = &look->await.wait;
    note(look);
    if (task_wait(parked->task) == parked) wake(parked, result);
}

static const struct wait_ops watch_ops = {.fire = watch_fire};

/* Not inlined, as gcc cannot know that the watch is in no list any more when its function returns. */
__attribute__((noinline)) static void look_begin(struct look *look, struct bide_task *target)
{
    look->await.target = target;
    look->ended = false;
    wait_init(&look->await.wait, &await_ops);
    wait_init(&look->watch, &watch_ops);
    look->await.wait.task = task_current;
    if (task_done(target))
        note(look);
    else
        task_await(target, &look->watch);
}

static int await_borrowed(struct bide_task *task, int *result)
{
    struct look look;
    look_begin(&look, task);
    int code = cancel_cut();
    if (!look.ended && code == 0)
        code = park(&look.await.wait);
    else if (look.ended && code < 0)
        park_yield();
    if (!look.ended) {
        cancel_by_call(task);
        look.await.wait.ops = &join_ops;
        park_join(&look.await.wait);
    }
    return await_fold(code, look.result, result);
}

/* ---- the calls ---- */

int bide_await(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (!task) return await_fold(cancel_check(), -ENOMEM, result);
    handle_meet("awaits", task);
    if (closes_ring(task)) return -EDEADLK;
    return handle_take("awaits", task) ? await_taken(task, result) : await_borrowed(task, result);
}

int bide_shield(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (task) handle_meet("shields", task);
    if (task && closes_ring(task)) return -EDEADLK;
    int code = cancel_check();
    if (code < 0) return code;
    if (!task) return await_fold(0, -ENOMEM, result);
    struct look look;
    look_begin(&look, task);
    if (!look.ended) code = park(&look.await.wait);
    list_remove(&look.watch.link);
    return code < 0 ? code : await_fold(0, look.result, result);
}
