/* SPDX-License-Identifier: MIT */
/*
 * A task's level: what its next call that may wait fails with. Causes are, from the outside in,
 * its own cancel and its scopes that are due; a shield hides what is outside of it until its
 * grace is over. A call fails for the outermost cause that it can see.
 *
 * Invariants
 *  - level.code is always up to date: every change of a cause ends in cancel_refresh().
 *  - A parked task whose level.code is not 0 is in a join: park is only reached with code 0,
 *    and cancel_refresh interrupts it.
 *  - The grace of a shield counts (its timer runs) exactly while a cause stands right outside of
 *    it; so an inner shield's begins when the outer one's is over.
 *  - A park that was cut short is charged to its cause only once the task has run on
 *    (cancel_settle): until then an outer cause of the same turn can still take its place.
 *  - Causes never vanish while the task does not run.
 */
#include "cancel.h"

#include <errno.h>

/* ---- what can be seen ---- */

static bool is_cancelled(const struct level *level)
{
    return level->cancels || level->ordered;
}

static bool holds(const struct scope *scope)
{
    return scope->kind == SCOPE_SHIELD && !scope->due;
}

/* A call was cut short: tells the outermost visible cause, and all scopes inside of it. */
static void charge(struct level *level)
{
    struct scope *cause = NULL;
    struct scope *scope = level->innermost;
    for (; scope && !holds(scope); scope = scope->outer)
        if (scope->due && scope->kind != SCOPE_SHIELD) cause = scope;
    if (!scope && is_cancelled(level)) cause = NULL;
    for (scope = level->innermost; scope != cause && !holds(scope); scope = scope->outer) {
        if (scope->kind == SCOPE_SHIELD)
            scope->cut = true;
        else
            scope->cut_outside = true;
    }
    if (cause) cause->cut = true;
}

void cancel_charge_park(struct level *level)
{
    level->cut = false;
    charge(level);
}

/* The shield has a cause outside of it, or has none any more: its grace counts, or not. */
static void shield_press(struct scope *shield, bool pressed)
{
    if (shield->timer.armed == pressed) return;
    if (pressed)
        timer_start(&shield->timer, clock_after(timers_now(timers_current), shield->grace_ns));
    else
        timer_stop(&shield->timer);
}

/* Walks from the outside in. Returns the code for the innermost scope. */
static int visible_code(struct level *level)
{
    struct scope *scope = level->innermost;
    while (scope && scope->outer) scope = scope->outer;
    bool visible = is_cancelled(level);
    const struct scope *cause = NULL;
    for (; scope; scope = scope->inner) {
        if (scope->kind != SCOPE_SHIELD) {
            if (!visible && scope->due) cause = scope;
            visible = visible || scope->due;
            continue;
        }
        if (!visible) scope->due = false;
        if (visible && scope->grace_ns <= 0) scope->due = true;
        shield_press(scope, visible && !scope->due);
        visible = visible && scope->due;
    }
    if (!visible) return 0;
    return cause && cause == level->innermost && cause->kind == SCOPE_TIMEOUT ? -ETIMEDOUT : -ECANCELED;
}

void cancel_refresh(struct bide_task *task)
{
    struct level *level = task_level(task);
    level->code = visible_code(level);
    if (!level->code || task == task_current) return;
    if (level->cut)
        task_set_value(task, level->code);
    else if (task_interrupt(task, level->code))
        level->cut = true;
}

/* ---- for the calls that may wait ---- */

int cancel_charge(void)
{
    struct level *level = cancel_change(task_current);
    charge(level);
    return level->code;
}

int cancel_refuse(void)
{
    if (!task_current) return -EPERM;
    const int code = cancel_charge();
    (void)park_yield();
    return code;
}

/* Many scopes are left before anything waits in them, so their timers start only here. */
void cancel_start_timers(struct level *level)
{
    level->unarmed = false;
    for (struct scope *scope = level->innermost; scope; scope = scope->outer)
        if (scope->kind == SCOPE_TIMEOUT && !scope->due && !scope->timer.armed)
            timer_start(&scope->timer, scope->timer.deadline);
}

void park_join(struct wait *wait)
{
    cancel_settle();
    (void)park(wait);
}

void cancel_by_owner(struct bide_task *task)
{
    cancel_change(task)->ordered = true;
    cancel_refresh(task);
}

void cancel_by_call(struct bide_task *task)
{
    struct level *level = cancel_change(task);
    if (level->cancels < CANCELS_MOST) level->cancels = (level->cancels + 1) & CANCELS_MOST;
    cancel_refresh(task);
}

int cancel_take_back(void)
{
    struct level *level = cancel_change(task_current);
    if (level->cancels) level->cancels--;
    cancel_refresh(task_current);
    return (int)level->cancels;
}
