/* SPDX-License-Identifier: MIT */
/*
 * Many at once. The tasks have one wait in common, their owner: it counts those that end, writes
 * their results, and wakes the gatherer after the last. While it waits, nothing is walked but
 * to cancel; so n members cost n tasks.
 */
#include "await.h"

#include "handle.h"

#include <bide/gather.h>
#include <bide/task.h>
#include <errno.h>
#include <stdio.h>

struct gather {
    struct wait owner;    /* of the members */
    struct wait gatherer; /* parked until the last has ended */
    bool parked;
    bool cancelled;      /* by gather itself: what the members then return is no failure */
    struct node members; /* those that run */
    size_t left;
    int *results;
    int first; /* with NULL results: the first failure */
};

static void describe_gather(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "gathers %zu tasks", CONTAINER(wait, struct gather, gatherer)->left);
}

static int drop_gatherer(struct wait *wait)
{
    CONTAINER(wait, struct gather, gatherer)->parked = false;
    return 0;
}

static const struct wait_ops gatherer_ops = {.drop = drop_gatherer, .describe = describe_gather};
static const struct wait_ops joiner_ops = {.describe = describe_gather};

/* No user's code runs in here, and none of the members either: the list is safe to walk. */
static void cancel_members(struct gather *gather)
{
    gather->cancelled = true;
    for (struct node *node = gather->members.next; node != &gather->members; node = node->next)
        cancel_by_call(task_of_member(node));
}

static void note_result(struct gather *gather, size_t i, int result)
{
    if (gather->results) {
        gather->results[i] = result;
        return;
    }
    if (result >= 0 || gather->first < 0 || (gather->cancelled && result == -ECANCELED)) return;
    gather->first = result;
    cancel_members(gather);
}

/* Takes what an ended member has to give, and releases it. */
static void collect(struct gather *gather, struct bide_task *task, struct bide_task *gatherer)
{
    const int result = task_result(task);
    const int first = gather->first;
    gather->left--;
    list_remove(task_member(task));
    note_result(gather, task_index(task), result);
    if (gather->results || gather->first != first) task_pass_failure(task, gatherer, true);
    task_release(task);
}

static void member_ended(struct wait *wait, int result)
{
    (void)result;
    struct gather *gather = CONTAINER(wait, struct gather, owner);
    collect(gather, wait->task, gather->gatherer.task);
    if (gather->left > 0 || !gather->parked) return;
    gather->parked = false;
    wake(&gather->gatherer, 0);
}

static const struct wait_ops member_ops = {.fire = member_ended};

static void gather_init(struct gather *gather, int *results)
{
    *gather = (struct gather){.results = results};
    wait_init(&gather->owner, &member_ops);
    wait_init(&gather->gatherer, &gatherer_ops);
    gather->gatherer.task = task_current;
    list_init(&gather->members);
}

/* Waits for all; when cut short, cancels and joins. */
static int gather_wait(struct gather *gather)
{
    int code = cancel_cut();
    if (gather->left == 0) {
        if (code < 0) park_yield();
    } else if (code == 0) {
        gather->parked = true;
        code = park(&gather->gatherer);
    }
    if (gather->left > 0) {
        cancel_members(gather);
        gather->gatherer.ops = &joiner_ops;
        gather->parked = true;
        park_join(&gather->gatherer);
    }
    return gather->first < 0 ? gather->first : code;
}

int bide_gather(const struct bide_call *calls, size_t n, int *results)
{
    if (!task_current) return -EPERM;
    if (!calls && n > 0) return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (!calls[i].fn) return -EINVAL;
    struct gather gather;
    gather_init(&gather, results);
    for (size_t i = 0; i < n; i++) {
        const struct task_plan plan = {.fn = calls[i].fn,
                                       .arg = calls[i].arg,
                                       .owner = &gather.owner,
                                       .members = &gather.members,
                                       .index = i};
        struct bide_task *task = task_create(&plan);
        if (!task) {
            note_result(&gather, i, -errno);
            continue;
        }
        gather.left++;
        if (gather.cancelled) cancel_by_call(task);
        task_start(task);
    }
    return gather_wait(&gather);
}

/* Takes the handles, or none of them. */
static int take_all(struct bide_task *const *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const bool is_me = tasks[i] == task_current;
        if (tasks[i]) handle_meet("gathers", tasks[i]);
        if (!tasks[i] || (!is_me && !task_owned(tasks[i]) && task_take(tasks[i]))) continue;
        while (i-- > 0)
            if (tasks[i]) task_untake(tasks[i]);
        return is_me ? -EDEADLK : -EINVAL;
    }
    return 0;
}

int bide_gather_tasks(struct bide_task *const *tasks, size_t n, int *results)
{
    if (!task_current) return -EPERM;
    if (!tasks && n > 0) return -EINVAL;
    const int refused = take_all(tasks, n);
    if (refused < 0) return refused;
    struct gather gather;
    gather_init(&gather, results);
    for (size_t i = 0; i < n; i++) {
        if (!tasks[i]) continue;
        task_set_owner(tasks[i], &gather.owner, &gather.members, i);
        gather.left++;
    }
    for (size_t i = 0; i < n; i++) {
        if (!tasks[i])
            note_result(&gather, i, -ENOMEM);
        else if (task_done(tasks[i]))
            collect(&gather, tasks[i], task_current);
    }
    return gather_wait(&gather);
}
