/* SPDX-License-Identifier: MIT */
/*
 * The control block of a task: how it is made, and what others see of it: name, failures, who keeps
 * it. Nothing here switches or wakes.
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
        if (task->extra) *task->extra = (struct extra){.name = NULL};
    }
    return task->extra;
}

/* What the plan would fail with before anything is tried, or 0. */
static int refuse(const struct sched *sched, const struct task_plan *plan)
{
    if (!sched || sched->over) return EPERM;
    if (!plan->fn) return EINVAL;
    return plan->stack_size && plan->stack_size < stack_min() ? EINVAL : 0;
}

/* Gives a new task what few have: a name, what the current task hands down. False without memory. */
static bool dress_up(struct bide_task *task, const struct task_plan *plan)
{
    struct heritage *heritage = task_current ? task_heritage_known(task_current) : NULL;
    if (heritage) {
        if (!extra_of(task)) return false;
        task->extra->heritage = heritage;
        heritage->holders++;
    }
    return !plan->name || task_set_name(task, plan->name) == 0;
}

struct bide_task *task_create_rare(const struct task_plan *plan)
{
    struct sched *sched = sched_current;
    const int refused = refuse(sched, plan);
    if (refused) {
        errno = refused;
        return NULL;
    }
    const size_t size = plan->stack_size ? plan->stack_size : sched->stack_size;
    const uint32_t class = plan->stack_size ? stack_class(size) : sched->stack_class;
    struct stack *own = NULL;
    const char *why = NULL;
    if (ring_reserve(&sched->ready, sched->living + 1) < 0) goto fail;
    if (stack_promise(&sched->stacks, class, size, &own, &why) < 0) goto fail;
    struct bide_task *task = cells_get(&sched->blocks);
    if (!task) goto fail_block;
    block_init(task, sched, plan, class, own);
    if ((plan->name || sched->hands_down) && !dress_up(task, plan)) goto fail_name;
    return task;

fail_name:
    sched->living--;
    task_release(task);
fail_block:
    stack_unpromise(&sched->stacks, class, own);
fail:
    block_explain(why);
    errno = ENOMEM;
    return NULL;
}

static void disinherit(struct extra *extra)
{
    struct heritage *heritage = extra->heritage;
    extra->heritage = NULL;
    if (heritage && --heritage->holders == 0) heritage->free(heritage);
}

void block_forget(struct bide_task *task)
{
    struct extra *extra = task->extra;
    struct deferred *deferred;
    disinherit(extra);
    while ((deferred = extra->deferred)) { /* of a stack that was freed as it stood */
        extra->deferred = deferred->next;
        sys_free(deferred);
    }
    failures_clear(&extra->failures);
    sys_free(extra->name);
    sys_free(extra);
    task->extra = NULL;
}

int block_run_deferred(struct bide_task *task, int result)
{
    struct deferred *deferred;
    while ((deferred = task->extra->deferred)) {
        const struct deferred call = *deferred;
        task->extra->deferred = deferred->next;
        sys_free(deferred);
        const int code = call.fn(call.arg);
        if (code < 0 && result >= 0) result = code;
    }
    return result;
}

void block_end(struct bide_task *task, int result)
{
    disinherit(task->extra);
    if (!task->extra->failures.first) return;
    struct failure *own = result < 0 ? failures_take(&task->extra->failures, result) : NULL;
    failures_clear(&task->extra->failures);
    if (own) failures_see(&task->extra->failures, result, own);
}

void block_explain(const char *why)
{
    struct failure *failure = why && task_current ? sys_alloc(sizeof *failure) : NULL;
    if (!failure) return;
    *failure = (struct failure){.code = -ENOMEM};
    snprintf(failure->text, sizeof failure->text, "%s", why);
    task_see_failure(task_current, -ENOMEM, failure);
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

struct heritage **task_heritage(struct bide_task *task)
{
    struct extra *extra = extra_of(task);
    sched_current->hands_down = true;
    return extra ? &extra->heritage : NULL;
}

struct deferred **task_deferred(struct bide_task *task)
{
    struct extra *extra = extra_of(task);
    return extra ? &extra->deferred : NULL;
}

const struct failure *task_failure(const struct bide_task *task, int code)
{
    if (task) return task->extra ? failures_find(&task->extra->failures, code) : NULL;
    const struct failure *failure = failure_of_thread();
    return failure->code == code ? failure : NULL;
}

void task_see_failure(struct bide_task *task, int code, struct failure *failure)
{
    struct extra *extra = NULL;
    if (!task)
        *failure_of_thread() = failure ? *failure : (struct failure){.code = 0};
    else
        extra = failure ? extra_of(task) : task->extra;
    if (extra)
        failures_see(&extra->failures, code, failure);
    else
        sys_free(failure);
}

void block_pass_failure(struct bide_task *from, struct bide_task *to, bool move)
{
    const int code = task_result(from);
    struct failure *failure = move && from->extra ? failures_take(&from->extra->failures, code)
                                                  : failure_copy(task_failure(from, code));
    task_see_failure(to, code, failure);
}

struct bide_error task_error(struct bide_task *task)
{
    const int code = task_result(task);
    const struct failure *failure = task_failure(task, code);
    return (struct bide_error){.code = code,
                               .line = failure ? failure->line : 0,
                               .file = failure ? failure->file : NULL,
                               .text = failure ? failure->text : strerror(-code),
                               .task = task_name(task)};
}

void task_report(struct bide_task *task)
{
    const int result = task_result(task);
    if (result >= 0 || result == -ECANCELED) return;
    const struct sched *sched = sched_current;
    const struct bide_error error = task_error(task);
    struct bide_task *self = task_current;
    task_current = NULL; /* it is called outside of tasks */
    sched->on_error(sched->on_error_arg, &error);
    task_current = self;
}

void task_abandon(struct bide_task *task)
{
    if ((task->context.flags & (DONE | ENDING)) == DONE) {
        task_report(task);
        task_release(task);
    } else {
        task->context.flags |= ABANDONED;
    }
}

void task_keep(struct bide_task *task, struct node *members)
{
    struct node *node;
    while ((node = list_pop(&task->stack->kept))) task_release(task_of_member(node));
    if (members) list_splice(&task->stack->kept, members);
}

struct node *task_kept(struct bide_task *task)
{
    return &task->stack->kept;
}
