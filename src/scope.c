/* SPDX-License-Identifier: MIT */
/* The API's view of scopes: deadlines, shields, and a call with a deadline. */
#include "await.h"

#include <bide/scope.h>
#include <errno.h>

_Static_assert(sizeof(struct scope) <= sizeof(struct bide_scope), "struct bide_scope is too small");

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
    scope_set_deadline(scope, clock_after(timers_now(timers_current), ns > 0 ? ns : 0));
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
