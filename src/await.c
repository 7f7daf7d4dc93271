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

/*
 * Waiting with a handle that stays another's, who may release the task before this one runs again:
 * so what the task leaves is noted by a wait that fires at its end, and stays there until then.
 */
struct look {
    struct await await; /* parked on */
    struct wait watch;  /* the task's */
    bool parked;
    bool ended;
    int result;
};

static void look_note(struct look *look)
{
    look->ended = true;
    look->result = task_result(look->await.target);
    task_pass_failure(look->await.target, look->await.wait.task, false);
}

static void look_fire(struct wait *wait, int result)
{
    (void)result;
    struct look *look = CONTAINER(wait, struct look, watch);
    look_note(look);
    if (!look->parked) return;
    look->parked = false;
    wake(&look->await.wait, 0);
}

static int drop_look(struct wait *wait)
{
    CONTAINER(wait, struct look, await.wait)->parked = false;
    return 0;
}

static const struct wait_ops watch_ops = {.fire = look_fire};
static const struct wait_ops look_ops = {.drop = drop_look, .describe = describe_await};
static const struct wait_ops look_join_ops = {.describe = describe_await};

static void look_begin(struct look *look, struct bide_task *task)
{
    *look = (struct look){.await.target = task};
    wait_init(&look->await.wait, &look_ops);
    wait_init(&look->watch, &watch_ops);
    look->await.wait.task = task_current;
    if (task_done(task))
        look_note(look);
    else
        task_watch(task, &look->watch);
}

static int look_park(struct look *look, const struct wait_ops *ops)
{
    look->await.wait.ops = ops;
    look->parked = true;
    if (ops->drop) return park(&look->await.wait);
    park_join(&look->await.wait);
    return 0;
}

/* Whom a parked task awaits or shields, or NULL. */
static struct bide_task *awaited_by(const struct bide_task *task)
{
    const struct wait *wait = task_wait(task);
    const struct wait_ops *ops = wait ? wait->ops : NULL;
    const bool awaits = ops == &await_ops || ops == &join_ops || ops == &look_ops || ops == &look_join_ops;
    return wait && awaits ? CONTAINER(wait, struct await, wait)->target : NULL;
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

/* The handle stays its group's. */
static int await_member(struct bide_task *task, int *result)
{
    struct look look;
    int code = cancel_cut();
    look_begin(&look, task);
    if (look.ended) {
        if (code < 0) park_yield();
    } else if (code == 0) {
        code = look_park(&look, &look_ops);
    }
    if (!look.ended) {
        cancel_by_call(task);
        (void)look_park(&look, &look_join_ops); /* nothing cuts it short */
    }
    return await_fold(code, look.result, result);
}

int bide_await(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (!task) return await_fold(cancel_check(), -ENOMEM, result);
    if (closes_ring(task)) return -EDEADLK;
    const bool takes = task_in_use(task) && !task_owned(task);
    if (takes ? !task_take(task) : !task_in_use(task)) taken_before("awaits", task);
    if (!takes) return await_member(task, result);
    const int code = await_or_cancel(task);
    const int work = task_result(task);
    task_pass_failure(task, task_current, true);
    task_release(task);
    return await_fold(code, work, result);
}

int bide_shield(struct bide_task *task, int *result)
{
    if (!task_current) return -EPERM;
    if (task && closes_ring(task)) return -EDEADLK;
    int code = cancel_check();
    if (code < 0) return code;
    if (!task) return await_fold(0, -ENOMEM, result);
    struct look look;
    look_begin(&look, task);
    if (!look.ended) code = look_park(&look, &look_ops);
    list_remove(&look.watch.link);
    return code < 0 ? code : await_fold(0, look.result, result);
}

void bide_detach(struct bide_task *task)
{
    if (!task) return;
    if (!task_in_use(task) || task_owned(task) || !task_take(task)) taken_before("detaches", task);
    cancel_settle(); /* .on_error may cancel */
    task_abandon(task);
}
