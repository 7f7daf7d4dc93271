/* SPDX-License-Identifier: MIT */
/*
 * Starting a service in a group and waiting until it is ready. Until then the one who starts it owns the
 * task: its failure is told there, and the group only joins and cancels it. bide_started finds the starter
 * by the task's owner, and hands the task over to the group.
 */
#include "await.h"
#include "group.h"

#include <bide/group.h>
#include <stdio.h>

struct starting {
    struct wait owner;   /* of the task, until it is ready */
    struct wait starter; /* parked until the task is ready or has ended */
    struct bide_group *group;
    struct bide_task *task;
    bool waits;  /* for the task to be ready; not when it was cut short */
    bool parked; /* for that, or for the end */
    bool ready;
    bool ended;
    int outcome; /* what it said when it was ready, or how it ended */
};

static void resume(struct starting *starting)
{
    if (!starting->parked) return;
    starting->parked = starting->waits = false;
    wake(&starting->starter, 0);
}

static void ended_too_early(struct wait *wait, int result)
{
    struct starting *starting = CONTAINER(wait, struct starting, owner);
    struct bide_task *task = wait->task;
    starting->ended = true;
    starting->outcome = result;
    group_forget(starting->group, task);
    task_pass_failure(task, starting->starter.task, true);
    task_release(task);
    resume(starting);
}

static int drop_starter(struct wait *wait)
{
    struct starting *starting = CONTAINER(wait, struct starting, starter);
    starting->parked = starting->waits = false;
    return 0;
}

static void describe_starter(const struct wait *wait, char *text, size_t size)
{
    const struct starting *starting = CONTAINER(wait, struct starting, starter);
    snprintf(text, size, "waits for task '%s' to be ready", task_name(starting->task));
}

static const struct wait_ops owner_ops = {.fire = ended_too_early};
static const struct wait_ops starter_ops = {.drop = drop_starter, .describe = describe_starter};
static const struct wait_ops join_ops = {.describe = describe_starter};

/* Waits until it is ready or has ended; when cut short, cancels and joins it. */
static int wait_until_ready(struct starting *starting)
{
    int code = cancel_cut();
    if (code == 0) {
        starting->waits = starting->parked = true;
        code = park(&starting->starter);
    }
    if (starting->ready || starting->ended) return code;
    cancel_by_owner(starting->task);
    starting->starter.ops = &join_ops;
    starting->parked = true;
    park_join(&starting->starter);
    return code;
}

int bide_group_start_ready(struct bide_group *group, bide_fn fn, void *arg, int *value)
{
    if (!task_current) return -EPERM;
    struct starting starting = {.group = group};
    wait_init(&starting.owner, &owner_ops);
    wait_init(&starting.starter, &starter_ops);
    starting.starter.task = task_current;
    starting.task = group_start_for(group, fn, arg, &starting.owner);
    if (!starting.task) return -errno;
    const int code = wait_until_ready(&starting);
    if (!starting.ready) {
        if (starting.outcome < 0 || code < 0) return await_fold(code, starting.outcome, NULL);
        return bide_fail_at(NULL, 0, ECHILD, "it ended before it was ready, with %d", starting.outcome);
    }
    if (value) *value = starting.outcome;
    return 0;
}

int bide_started(int value)
{
    struct bide_task *task = task_current;
    const struct wait *owner = task ? task_owner(task) : NULL;
    if (!owner || owner->ops != &owner_ops) return task && group_has_adopted(task) ? -EALREADY : 0;
    struct starting *starting = CONTAINER((uintptr_t)owner, struct starting, owner);
    if (!starting->waits) return -ECANCELED;
    starting->ready = true;
    starting->outcome = value;
    group_adopt(starting->group, task);
    resume(starting);
    return 0;
}
