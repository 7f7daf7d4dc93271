/* SPDX-License-Identifier: MIT */
/* A scope that is `away` is in no task's list: no timer of its runs, but it may still become due. */
#include "gen_scopes.h"

#include "cancel.h"
#include "misuse.h"

/* Its deadline, or what is left of its grace, waits until it is attached again. */
static void scope_suspend(struct scope *scope)
{
    if (scope->kind == SCOPE_SHIELD && scope->timer.armed) {
        const int64_t left = scope->timer.deadline - timers_now(timers_current);
        scope->grace_ns = left > 0 ? left : 0;
    }
    timer_stop(&scope->timer);
    scope->away = true;
}

struct scope *scopes_detach(struct scope *base)
{
    struct level *level = cancel_change(task_current);
    struct scope *innermost = level->innermost;
    if (innermost == base) return NULL;
    for (struct scope *scope = innermost; scope != base; scope = scope->outer) {
        if (!scope)
            misuse("a generator in task '%s' has left the scope or group at %p, which it had not entered",
                   task_name(task_current), (void *)base);
        scope_suspend(scope);
        if (scope->outer != base) continue;
        scope->outer = NULL;
        break;
    }
    if (base) base->inner = NULL;
    level->innermost = base;
    cancel_refresh(task_current);
    return innermost;
}

static void scope_resume(struct scope *scope)
{
    scope->task = task_current;
    scope->away = false;
    if (scope->kind != SCOPE_TIMEOUT || scope->due || scope->timer.deadline == CLOCK_NEVER) return;
    scope->due = scope->timer.deadline <= timers_now(timers_current);
    task_level(task_current)->unarmed = true;
}

void scopes_attach(struct scope *innermost)
{
    struct level *level = cancel_change(task_current);
    struct scope *outermost = innermost;
    while (outermost->outer) outermost = outermost->outer;
    for (struct scope *scope = innermost; scope; scope = scope->outer) scope_resume(scope);
    outermost->outer = level->innermost;
    if (level->innermost) level->innermost->inner = outermost;
    level->innermost = innermost;
    cancel_refresh(task_current);
}
