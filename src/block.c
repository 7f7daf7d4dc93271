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

/* Gives a new task what few have: a name, the current task's locals. False without memory. */
static bool dress_up(struct bide_task *task, const struct task_plan *plan)
{
    const struct extra *known = task_current ? task_current->extra : NULL;
    if (known && known->bindings) {
        struct extra *extra = extra_of(task);
        if (!extra) return false;
        extra->bindings = bindings_share(known->bindings);
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
    if ((plan->name || sched->has_locals) && !dress_up(task, plan)) goto fail_name;
    return task;

fail_name:
    sched->living--;
    task_release(task);
fail_block:
    stack_unpromise(&sched->stacks, class, own);
fail:
    if (why && task_current) block_tell(task_current, -ENOMEM, why);
    errno = ENOMEM;
    return NULL;
}

static void forget_bindings(struct extra *extra)
{
    struct binding *dead = NULL;
    bindings_release(extra->bindings, &dead);
    extra->bindings = NULL;
    task_destroy(dead);
}

__attribute__((noinline)) static void forget(struct extra *extra)
{
    struct deferred *deferred;
    forget_bindings(extra);
    while ((deferred = extra->deferred)) { /* of a stack that was freed as it stood */
        extra->deferred = deferred->next;
        sys_free(deferred);
    }
    failures_clear(&extra->failures);
    sys_free(extra->name);
    sys_free(extra);
}

void block_forget(struct bide_task *task)
{
    forget(task->extra);
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
    if (task->extra->bindings) forget_bindings(task->extra);
    if (!task->extra->failures.first) return;
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

struct bindings **task_bindings(struct bide_task *task)
{
    struct extra *extra = extra_of(task);
    sched_current->has_locals = true;
    return extra ? &extra->bindings : NULL;
}

const struct bindings *task_bindings_known(const struct bide_task *task)
{
    return task->extra ? task->extra->bindings : NULL;
}

void task_destroy(struct binding *dead)
{
    struct bide_task *self = task_current;
    task_current = NULL;
    while (dead) {
        struct binding *next = dead->former;
        if (dead->local->destroy) dead->local->destroy(dead->value);
        sys_free(dead);
        dead = next;
    }
    task_current = self;
}

bool task_defer(struct bide_task *task, struct deferred *deferred)
{
    struct extra *extra = extra_of(task);
    if (!extra) return false;
    deferred->next = extra->deferred;
    extra->deferred = deferred;
    return true;
}

struct failures *task_failures(struct bide_task *task)
{
    struct extra *extra = extra_of(task);
    return extra ? &extra->failures : NULL;
}

void block_pass_failure(struct bide_task *from, struct bide_task *to, bool move)
{
    const int code = task_result(from);
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

void task_see_failure(struct bide_task *task, int code, const struct failure *failure)
{
    struct failure *copy = failure_copy(failure, code);
    struct failures *seen = !task || (!copy && !task->extra) ? NULL : task_failures(task);
    if (seen) {
        failures_see(seen, code, copy);
        return;
    }
    if (!task) *failure_of_thread() = copy ? *copy : (struct failure){.code = 0};
    sys_free(copy);
}

struct failure *task_recall_failure(int code)
{
    if (!task_current) return failure_copy(failure_of_thread(), code);
    const struct extra *extra = task_current->extra;
    return extra ? failure_copy(failures_find(&extra->failures, code), code) : NULL;
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
