/* SPDX-License-Identifier: MIT */
/*
 * The control block of a task as others see it: name, failures, result, owner. Nothing here
 * switches or wakes.
 */
#include "block.h"

#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

_Thread_local struct bide_task *task_current INITIAL_EXEC;
_Thread_local struct sched *sched_current INITIAL_EXEC;
unsigned task_forks;

static struct extra *extra_of(struct bide_task *task)
{
    if (!task->extra) {
        task->extra = sys_alloc(sizeof *task->extra);
        if (task->extra) *task->extra = (struct extra){{NULL}, NULL, ""};
    }
    return task->extra;
}

struct bide_task *block_new(struct sched *sched, const struct task_plan *plan, uint32_t class,
                            struct stack *own)
{
    struct bide_task *task = cells_get(&sched->blocks);
    if (!task) return NULL;
    *task = (struct bide_task){.context.flags = class << CLASS_SHIFT,
                               .level.ordered = sched->closing,
                               .fn = plan->fn,
                               .arg = plan->arg,
                               .stack = own,
                               .owner = plan->owner,
                               .index = (uint32_t)plan->index,
                               .id = ++sched->next_id};
    if (sched->closing) task->level.code = -ECANCELED;
    list_init(&task->watchers);
    list_init(&task->member);
    return task;
}

void block_forget(struct bide_task *task)
{
    if (!task->extra) return;
    failures_clear(&task->extra->failures);
    sys_free(task->extra->name);
    sys_free(task->extra);
    task->extra = NULL;
}

void block_keep_failure(struct bide_task *task, int result)
{
    if (!task->extra || !task->extra->failures.first) return;
    struct failure *own = result < 0 ? failures_take(&task->extra->failures, result) : NULL;
    failures_clear(&task->extra->failures);
    if (own) failures_see(&task->extra->failures, result, own);
}

void block_tell(struct bide_task *task, int code, const char *text)
{
    struct failures *failures = task_failures(task);
    struct failure *failure = failures ? sys_alloc(sizeof *failure) : NULL;
    if (!failure) return;
    *failure = (struct failure){.code = code};
    snprintf(failure->text, sizeof failure->text, "%s", text);
    failures_see(failures, code, failure);
}

int task_set_name(struct bide_task *task, const char *name)
{
    struct extra *extra = extra_of(task);
    const size_t size = strlen(name) + 1;
    char *copy = extra ? sys_alloc(size) : NULL;
    if (!copy) return -ENOMEM;
    memcpy(copy, name, size);
    sys_free(extra->name);
    extra->name = copy;
    return 0;
}

const char *task_name(const struct bide_task *task)
{
    /* An automatic name is written when it is first asked for; that changes nothing one can see. */
    struct extra *extra = extra_of((struct bide_task *)(uintptr_t)task);
    if (!extra) return "task";
    if (extra->name) return extra->name;
    if (!extra->automatic[0]) snprintf(extra->automatic, sizeof extra->automatic, "task-%u", task->id);
    return extra->automatic;
}

bool task_done(const struct bide_task *task)
{
    return task->context.flags & DONE;
}

bool task_owned(const struct bide_task *task)
{
    return task->owner != NULL;
}

const struct wait *task_owner(const struct bide_task *task)
{
    return task->owner;
}

void task_set_owner(struct bide_task *task, struct wait *owner, struct node *members, size_t index)
{
    task->owner = owner;
    task->index = (uint32_t)index;
    list_append(members, &task->member);
}

size_t task_index(const struct bide_task *task)
{
    return task->index;
}

int task_result(const struct bide_task *task)
{
    return task->context.flags & DONE ? task->context.value : -EINPROGRESS;
}

struct wait *task_wait(const struct bide_task *task)
{
    return task->wait;
}

struct bide_task *task_of_member(struct node *member)
{
    return CONTAINER(member, struct bide_task, member);
}

struct node *task_member(struct bide_task *task)
{
    return &task->member;
}

void task_watch(struct bide_task *task, struct wait *wait)
{
    list_append(&task->watchers, &wait->link);
}

void task_await(struct bide_task *task, struct wait *wait)
{
    task->context.flags |= AWAITED;
    task_watch(task, wait);
}

bool task_awaited(const struct bide_task *task)
{
    return task->context.flags & AWAITED;
}

struct sched *task_sched(const struct bide_task *task)
{
    return CONTAINER(cells_of(task), struct sched, blocks);
}

bool task_in_use(const struct bide_task *task)
{
    return cells_in_use(task);
}

bool task_take(struct bide_task *task)
{
    if (task->context.flags & (TAKEN | ABANDONED)) return false;
    task->context.flags |= TAKEN;
    return true;
}

void task_untake(struct bide_task *task)
{
    task->context.flags &= ~(uint32_t)TAKEN;
}

bool task_taken(const struct bide_task *task)
{
    return task->context.flags & TAKEN;
}

struct failures *task_failures(struct bide_task *task)
{
    struct extra *extra = extra_of(task);
    return extra ? &extra->failures : NULL;
}

void task_pass_failure(struct bide_task *from, struct bide_task *to, bool move)
{
    const int code = task_result(from);
    if (code >= 0) return;
    struct failure *failure = NULL;
    if (from->extra) {
        struct failures *known = &from->extra->failures;
        failure = move ? failures_take(known, code) : failure_copy(failures_find(known, code), code);
    }
    if (!to) {
        struct failure *of_thread = failure_of_thread();
        if (failure)
            *of_thread = *failure;
        else
            of_thread->code = 0;
        sys_free(failure);
        return;
    }
    if (!failure && !to->extra) return;
    struct failures *seen = task_failures(to);
    if (seen)
        failures_see(seen, code, failure);
    else
        sys_free(failure);
}

struct failure *task_copy_failure(const struct bide_task *task)
{
    const int code = task_result(task);
    return task->extra && code < 0 ? failure_copy(failures_find(&task->extra->failures, code), code) : NULL;
}

struct bide_error task_error(struct bide_task *task)
{
    const int code = task_result(task);
    const struct failure *failure = task->extra ? failures_find(&task->extra->failures, code) : NULL;
    return (struct bide_error){.code = code,
                               .line = failure ? failure->line : 0,
                               .file = failure ? failure->file : NULL,
                               .text = failure ? failure->text : strerror(-code),
                               .task = task_name(task)};
}

void task_call_outside(void (*fn)(void *arg, struct bide_task *task), void *arg, struct bide_task *task)
{
    struct bide_task *self = task_current;
    task_current = NULL;
    fn(arg, task);
    task_current = self;
}

static void report(void *arg, struct bide_task *task)
{
    const struct sched *sched = arg;
    const struct bide_error error = task_error(task);
    sched->on_error(sched->on_error_arg, &error);
}

void task_report(struct bide_task *task)
{
    const int result = task_result(task);
    if (result < 0 && result != -ECANCELED) task_call_outside(report, sched_current, task);
}
