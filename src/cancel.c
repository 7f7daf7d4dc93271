/* SPDX-License-Identifier: MIT */
/*
 * A task's level: what its next call that may wait fails with. Causes are, from the outside in,
 * its own cancel and its scopes that are due; a shield hides what is outside of it until its
 * grace is over. A call fails for the outermost cause that it can see.
 *
 * Invariants
 *  - level.code is always up to date: every change of a cause ends in refresh().
 *  - A parked task whose level.code is not 0 is in a join: park is only reached with code 0,
 *    and refresh interrupts it.
 *  - The grace of a shield counts (its timer runs) exactly while a cause stands right outside of
 *    it; so an inner shield's begins when the outer one's is over.
 *  - A park that was cut short is charged to its cause only once the task has run on (settle):
 *    until then an outer cause of the same turn can still take its place.
 *  - Causes never vanish while the task does not run.
 */
#include "cancel.h"

#include "misuse.h"

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

/* Every change of what the running task can see begins with this. */
static void settle(struct level *level)
{
    if (!level->cut) return;
    level->cut = false;
    charge(level);
}

static struct level *level_to_change(struct bide_task *task)
{
    struct level *level = task_level(task);
    if (task == task_current) settle(level);
    return level;
}

void cancel_settle(void)
{
    if (task_current) settle(task_level(task_current));
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

/* A cause has come or gone: the task's code is found anew, and its park cut short if there is one. */
static void refresh(struct bide_task *task)
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
    struct level *level = task_level(task_current);
    settle(level);
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
    settle(task_level(task_current));
    (void)park(wait);
}

void cancel_by_owner(struct bide_task *task)
{
    level_to_change(task)->ordered = true;
    refresh(task);
}

void cancel_by_call(struct bide_task *task)
{
    struct level *level = level_to_change(task);
    if (level->cancels < CANCELS_MOST) level->cancels = (level->cancels + 1) & CANCELS_MOST;
    refresh(task);
}

int cancel_take_back(void)
{
    struct level *level = level_to_change(task_current);
    if (level->cancels) level->cancels--;
    refresh(task_current);
    return (int)level->cancels;
}

/* ---- scopes ---- */

static void scope_fire(struct wait *wait, int result)
{
    (void)result;
    struct scope *scope = CONTAINER(wait, struct scope, timer.wait);
    scope->due = true;
    refresh(scope->task);
}

static const struct wait_ops scope_ops = {.drop = timer_drop, .fire = scope_fire};

void scope_push(struct scope *scope, enum scope_kind kind, int64_t deadline, int64_t grace_ns)
{
    scope->task = task_current;
    scope->kind = (unsigned char)kind;
    scope->cut = scope->cut_outside = scope->due = scope->away = false;
    if (!scope->task) return;
    struct level *level = level_to_change(scope->task);
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
    if (level->code) refresh(scope->task);
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
    struct level *level = task_current ? task_level(task_current) : NULL;
    if (!level)
        misuse("the %s at %p is left outside of the task that entered it", kind_name(scope), (void *)scope);
    if (level->innermost != scope) crossed(scope, level->innermost);
    settle(level);
    timer_stop(&scope->timer);
    level->innermost = scope->outer;
    if (scope->outer) scope->outer->inner = NULL;
    level->expired = scope->cut && scope->kind <= SCOPE_SHIELD;
    if (level->code || scope->kind == SCOPE_SHIELD) refresh(task_current);
    return level->expired;
}

void scope_set_due(struct scope *scope)
{
    if (!scope->away) (void)level_to_change(scope->task);
    scope->due = true;
    if (!scope->away) refresh(scope->task);
}

void scope_set_deadline(struct scope *scope, int64_t deadline)
{
    timer_stop(&scope->timer);
    scope->timer.deadline = deadline;
    if (scope->away) return;
    struct level *level = task_level(scope->task);
    if (task_current == scope->task)
        level->unarmed = true;
    else
        timer_start(&scope->timer, deadline);
}

struct level *scopes_change(void)
{
    return level_to_change(task_current);
}

void scopes_changed(void)
{
    refresh(task_current);
}
