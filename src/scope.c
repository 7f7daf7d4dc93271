/* SPDX-License-Identifier: MIT */
/*
 * Scopes: deadlines, shields, a call with a deadline, and the list of a task's open scopes, which groups
 * and generators use too. What a scope does to the calls inside of it stands in cancel.c.
 */
#include "scope.h"

#include "await.h"
#include "misuse.h"

#include <bide/scope.h>
#include <errno.h>

_Static_assert(sizeof(struct scope) <= sizeof(struct bide_scope), "struct bide_scope is too small");

/* ---- the list ---- */

static void scope_fire(struct wait *wait, int result)
{
    (void)result;
    struct scope *scope = CONTAINER(wait, struct scope, timer.wait);
    scope->due = true;
    cancel_refresh(scope->task);
}

static const struct wait_ops scope_ops = {.drop = timer_drop, .fire = scope_fire};

void scope_push(struct scope *scope, enum scope_kind kind, int64_t deadline, int64_t grace_ns)
{
    scope->task = task_current;
    scope->kind = (unsigned char)kind;
    scope->cut = scope->cut_outside = scope->due = scope->away = false;
    if (!scope->task) return;
    struct level *level = cancel_change(scope->task);
    for (const struct scope *open = level->innermost; open; open = open->outer)
        if (open == scope)
            misuse("task '%s' enters the scope or group at %p, which is open", task_name(scope->task),
                   (void *)scope);
    timer_init(&scope->timer, &scope_ops);
    scope->timer.deadline = deadline;
    scope->grace_ns = grace_ns;
    scope->inner = NULL;
    scope->outer = level->innermost;
    if (scope->outer) scope->outer->inner = scope;
    level->innermost = scope;
    if (kind == SCOPE_TIMEOUT && deadline != CLOCK_NEVER) level->unarmed = true;
    if (level->code) cancel_refresh(scope->task);
}

static const char *kind_name(const struct scope *scope)
{
    static const char *const names[] = {"timeout scope", "shield", "group", "closing of a generator"};
    return names[scope->kind];
}

static _Noreturn void crossed(struct scope *scope, struct scope *innermost)
{
    if (innermost)
        misuse("task '%s' leaves the %s at %p while the %s at %p is its innermost one",
               task_name(task_current), kind_name(scope), (void *)scope, kind_name(innermost),
               (void *)innermost);
    misuse("task '%s' leaves the %s at %p, which it has not entered", task_name(task_current),
           kind_name(scope), (void *)scope);
}

bool scope_is_outside(const struct scope *scope)
{
    return !scope->task || (!task_current && task_forks > 0);
}

bool scope_pop(struct scope *scope)
{
    if (!task_current && scope_is_outside(scope)) return false;
    if (!task_current)
        misuse("the %s at %p is left outside of the task that entered it", kind_name(scope), (void *)scope);
    struct level *level = task_level(task_current);
    if (level->innermost != scope) crossed(scope, level->innermost);
    (void)cancel_change(task_current);
    timer_stop(&scope->timer);
    level->innermost = scope->outer;
    if (scope->outer) scope->outer->inner = NULL;
    level->expired = scope->cut && scope->kind <= SCOPE_SHIELD;
    if (level->code || scope->kind == SCOPE_SHIELD) cancel_refresh(task_current);
    return level->expired;
}

void scope_set_due(struct scope *scope)
{
    if (!scope->away) (void)cancel_change(scope->task);
    scope->due = true;
    if (!scope->away) cancel_refresh(scope->task);
}

/* Moves the deadline of a scope that is not due. */
static void set_deadline(struct scope *scope, int64_t deadline)
{
    timer_stop(&scope->timer);
    scope->timer.deadline = deadline;
    if (scope->away) return;
    if (task_current == scope->task)
        task_level(scope->task)->unarmed = true;
    else
        timer_start(&scope->timer, deadline);
}

/* ---- the API ---- */

static struct scope *inside(const struct bide_scope *scope)
{
    return (struct scope *)(uintptr_t)scope;
}

/* Pushes a timeout that starts now. */
static void timeout_push(struct scope *scope, double seconds)
{
    if (!task_current || seconds != seconds || clock_ns(seconds) == CLOCK_NEVER) {
        scope_push(scope, SCOPE_TIMEOUT, CLOCK_NEVER, 0);
        return;
    }
    const int64_t ns = clock_ns(seconds);
    const int64_t now = timers_now(timers_current);
    scope_push(scope, SCOPE_TIMEOUT, clock_after(now, ns > 0 ? ns : 0), 0);
    if (seconds <= 0) scope_set_due(scope);
}

void bide_timeout_enter(struct bide_scope *scope, double seconds)
{
    timeout_push(inside(scope), seconds);
}

void bide_shield_enter(struct bide_scope *scope, double grace)
{
    scope_push(inside(scope), SCOPE_SHIELD, CLOCK_NEVER, clock_ns(grace));
}

bool bide_scope_exit(struct bide_scope *scope)
{
    return scope_pop(inside(scope));
}

void bide_scope_leave_(struct bide_scope *scope)
{
    (void)scope_pop(inside(scope));
}

bool bide_expired(void)
{
    return task_current && task_level(task_current)->expired;
}

int bide_timeout_reschedule(struct bide_scope *outside, double seconds)
{
    struct scope *scope = inside(outside);
    if (!scope->task || !timers_current) return 0;
    if (seconds != seconds || scope->kind != SCOPE_TIMEOUT) return -EINVAL;
    if (scope->due) return -ETIMEDOUT;
    const int64_t ns = clock_ns(seconds);
    set_deadline(scope, clock_after(timers_now(timers_current), ns > 0 ? ns : 0));
    if (seconds <= 0) scope_set_due(scope);
    return 0;
}

double bide_timeout_when(const struct bide_scope *outside)
{
    const struct scope *scope = inside(outside);
    return clock_seconds(scope->task ? scope->timer.deadline : CLOCK_NEVER);
}

bool bide_timeout_expired(const struct bide_scope *scope)
{
    return inside(scope)->due;
}

int bide_wait_for_begin_(struct bide_scope *scope, bide_fn fn, double seconds)
{
    if (!task_current) return -EPERM;
    if (!fn || seconds != seconds) return -EINVAL;
    const int code = cancel_check(); /* fn runs all the same */
    timeout_push(inside(scope), seconds);
    return code < 0;
}

int bide_wait_for_end_(struct bide_scope *outside, int pending, int work, int *result)
{
    struct scope *scope = inside(outside);
    const bool expired = scope_pop(scope);
    return await_fold(expired ? -ETIMEDOUT : pending || scope->cut_outside ? -ECANCELED : 0, work, result);
}

int bide_wait_for(bide_fn fn, void *arg, double seconds, int *result)
{
    struct bide_scope scope;
    const int pending = bide_wait_for_begin_(&scope, fn, seconds);
    return pending < 0 ? pending : bide_wait_for_end_(&scope, pending, fn(arg), result);
}
