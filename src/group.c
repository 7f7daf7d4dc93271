/* SPDX-License-Identifier: MIT */
/*
 * A group is a scope with tasks. Its members have one wait in common, their owner, which counts
 * those that end; the first failure makes the scope a cause and cancels the members.
 *
 * Invariants
 *  - A member is in one list: `members` while it runs, then `failed` or `ended` until the group
 *    is left, so that handles stay good. Spawned ones are released at their end.
 *  - Once `closed`, nobody can join: all have ended and their owner is on its way out.
 *  - `outcome` is set once; the result is fixed when the group is left.
 */
#include "group.h"

#include "await.h"
#include "misuse.h"
#include "scope.h"

#include <errno.h>
#include <stdio.h>

struct __attribute__((may_alias)) group {
    struct scope scope;
    struct wait owner;  /* of the members */
    struct wait joiner; /* parked until the last has ended */
    struct node members;
    struct node failed;
    struct node ended;
    size_t left;
    unsigned not_started; /* for want of memory: failures too */
    int outcome;          /* the first failure, or 0 */
    int result;
    bool parked;
    bool leaving;
    bool closed;
    bool cancelled : 1;
    bool want_first : 1; /* the first failure is a task that could not be started */
};

_Static_assert(sizeof(struct group) <= sizeof(struct bide_group), "struct bide_group is too small");

enum { STARTED, SPAWNED, READY }; /* a member's index */

static struct group *inside(const struct bide_group *group)
{
    return (struct group *)(uintptr_t)group;
}

static void cancel(struct group *group)
{
    if (group->cancelled || group->closed) return;
    group->cancelled = true;
    for (struct node *node = group->members.next; node != &group->members; node = node->next)
        cancel_by_owner(task_of_member(node));
    if (!group->leaving) scope_set_due(&group->scope);
}

static void fail(struct group *group, int code)
{
    if (!group->outcome) group->outcome = code;
    cancel(group);
}

/* Where an ended member goes. */
static void sort_out(struct group *group, struct bide_task *task)
{
    const int result = task_result(task);
    const bool failed = result < 0 && result != -ECANCELED;
    list_remove(task_member(task));
    if (task_index(task) == SPAWNED) {
        task_report(task);
        task_release(task);
        return;
    }
    list_append(failed ? &group->failed : &group->ended, task_member(task));
    if (failed) fail(group, result);
}

static void count_down(struct group *group)
{
    if (--group->left > 0) return;
    if (group->leaving) group->closed = true;
    if (!group->parked) return;
    group->parked = false;
    wake(&group->joiner, 0);
}

static void member_ended(struct wait *wait, int result)
{
    (void)result;
    struct group *group = CONTAINER(wait, struct group, owner);
    sort_out(group, wait->task);
    count_down(group);
}

static void describe_join(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "waits for the %zu tasks of a group", CONTAINER(wait, struct group, joiner)->left);
}

static int drop_joiner(struct wait *wait)
{
    CONTAINER(wait, struct group, joiner)->parked = false;
    return 0;
}

static const struct wait_ops member_ops = {.fire = member_ended};
static const struct wait_ops wait_ops = {.drop = drop_joiner, .describe = describe_join};
static const struct wait_ops join_ops = {.describe = describe_join};

void bide_group_enter(struct bide_group *outside)
{
    struct group *group = inside(outside);
    group->result = task_current ? -EINPROGRESS : -EPERM;
    group->outcome = 0;
    group->left = 0;
    group->not_started = 0;
    group->parked = group->leaving = group->closed = group->cancelled = group->want_first = false;
    list_init(&group->members);
    list_init(&group->failed);
    list_init(&group->ended);
    wait_init(&group->owner, &member_ops);
    scope_push(&group->scope, SCOPE_GROUP, CLOCK_NEVER, 0);
}

/*
 * Whoever starts a member touches the group, and all that are in it. While the group stands still with
 * a generator, who opened it may be gone.
 */
static void must_be_here(const struct group *group)
{
    const struct bide_task *opener = group->scope.task;
    if (!group->scope.away && task_sched(opener) != sched_current)
        misuse("task '%s' starts a task in the group at %p, which task '%s' of another loop opened",
               task_current ? task_name(task_current) : "(none)", (const void *)group, task_name(opener));
}

static struct bide_task *start(struct group *group, bide_fn fn, void *arg, struct wait *owner, size_t index)
{
    const bool outside = !group->scope.task || !sched_current;
    if (outside || group->closed) {
        errno = outside ? EPERM : EINVAL;
        return NULL;
    }
    must_be_here(group);
    const struct task_plan plan = {
        .fn = fn, .arg = arg, .owner = owner, .members = &group->members, .index = index};
    struct bide_task *task = task_create(&plan);
    if (!task) return NULL;
    group->left++;
    if (group->cancelled) cancel_by_owner(task);
    task_start(task);
    return task;
}

struct bide_task *bide_group_start(struct bide_group *outside, bide_fn fn, void *arg)
{
    struct group *group = inside(outside);
    struct bide_task *task = start(group, fn, arg, &group->owner, STARTED);
    if (!task && errno == ENOMEM) {
        group->not_started++;
        if (!group->outcome) group->want_first = true;
        fail(group, -ENOMEM);
        errno = ENOMEM;
    }
    return task;
}

int bide_group_spawn(struct bide_group *outside, bide_fn fn, void *arg)
{
    struct group *group = inside(outside);
    return start(group, fn, arg, &group->owner, SPAWNED) ? 0 : -errno;
}

struct bide_task *group_start_for(struct bide_group *group, bide_fn fn, void *arg, struct wait *owner)
{
    return start(inside(group), fn, arg, owner, STARTED);
}

void group_adopt(struct bide_group *outside, struct bide_task *task)
{
    struct group *group = inside(outside);
    list_remove(task_member(task));
    task_set_owner(task, &group->owner, &group->members, READY);
}

bool group_has_adopted(const struct bide_task *task)
{
    const struct wait *owner = task_owner(task);
    return owner && owner->ops == &member_ops && task_index(task) == READY;
}

void group_forget(struct bide_group *group, struct bide_task *task)
{
    list_remove(task_member(task));
    count_down(inside(group));
}

void bide_group_cancel(struct bide_group *group)
{
    if (inside(group)->scope.task && sched_current) cancel(inside(group));
}

static int wait_for_members(struct group *group, const struct wait_ops *ops)
{
    wait_init(&group->joiner, ops);
    group->parked = true;
    if (ops->drop) return park(&group->joiner);
    park_join(&group->joiner);
    return 0;
}

/* The first failure's text is seen by this task. */
static void pass_text(struct group *group)
{
    if (!list_empty(&group->failed))
        task_pass_failure(task_of_member(group->failed.next), task_current, false);
}

int bide_group_wait(struct bide_group *outside)
{
    struct group *group = inside(outside);
    if (!task_current || group->scope.task != task_current) return -EPERM;
    int code = cancel_check();
    if (code == 0 && group->left > 0) code = wait_for_members(group, &wait_ops);
    pass_text(group);
    return group->outcome < 0 ? group->outcome : code;
}

/* Waits for all; when cut short, cancels and joins. */
static int join(struct group *group)
{
    group->leaving = true;
    int code = cancel_cut();
    if (group->left == 0)
        group->closed = true;
    else if (code == 0)
        code = wait_for_members(group, &wait_ops);
    else
        cancel(group);
    if (group->left > 0) {
        cancel(group);
        (void)wait_for_members(group, &join_ops);
    } else if (code < 0) {
        park_yield();
    }
    return code;
}

/* The handles are over; failures stay readable until this task leaves another group. */
static void hand_over(struct group *group)
{
    struct node *node;
    while ((node = list_pop(&group->ended))) task_release(task_of_member(node));
    pass_text(group);
    task_keep(task_current, &group->failed);
}

int bide_group_exit(struct bide_group *outside)
{
    struct group *group = inside(outside);
    if (!task_current && scope_is_outside(&group->scope)) return -EPERM;
    (void)scope_pop(&group->scope);
    const int code = join(group);
    hand_over(group);
    group->result = group->outcome < 0 ? group->outcome : code;
    return group->result;
}

int bide_group_result(const struct bide_group *group)
{
    return inside(group)->result;
}

size_t bide_group_errors(const struct bide_group *outside, struct bide_error *errors, size_t n)
{
    const struct group *group = inside(outside);
    if (!task_current || group->scope.task != task_current || !group->closed) return 0;
    size_t count = group->want_first ? group->not_started : 0;
    struct node *kept = task_kept(task_current);
    for (struct node *node = kept->next; node != kept; node = node->next) {
        struct bide_task *task = task_of_member(node);
        if (task_owner(task) != &group->owner) return 0;
        if (errors && count < n) errors[count] = task_error(task);
        count++;
    }
    const size_t first = group->want_first ? 0 : count;
    for (size_t i = first; i < first + group->not_started; i++)
        if (errors && i < n)
            errors[i] = (struct bide_error){.code = -ENOMEM, .text = "task not started", .task = "(none)"};
    return group->want_first ? count : count + group->not_started;
}

struct bide_group *bide_group_open_(struct bide_group *group)
{
    bide_group_enter(group);
    return group;
}

struct bide_group *bide_group_close_(struct bide_group *group)
{
    (void)bide_group_exit(group); /* bide_group_result tells */
    return NULL;
}

void bide_group_leave_(struct bide_group **block)
{
    if (!*block) return;
    bide_group_cancel(*block);
    (void)bide_group_exit(*block);
}
