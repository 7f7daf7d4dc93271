/* SPDX-License-Identifier: MIT */
/* What a random task may do, but for its dealings with tasks of its own. */
#include "schedule.h"

static double seconds(int64_t ticks)
{
    return ticks == NEVER ? BIDE_FOREVER : (double)ticks / TICKS;
}

/* Often due at once, often at the same time as others; seldom never. */
static int64_t draw_ticks(struct actor *actor)
{
    const int ticks = draw(actor, 10);
    return ticks < 8 ? ticks : ticks < 9 ? 20 : NEVER;
}

/* ---- waiting ---- */

static int do_yield(struct actor *actor)
{
    const int64_t now = model_now();
    const int before = flow_before(actor->flow);
    const int which = draw(actor, 3);
    const int code = which == 0 ? bide_yield() : bide_sleep(1 - which);
    EXPECT(code == before && now == model_now(), "yield gave %d, not %d", code, before);
    return code;
}

static int do_sleep(struct actor *actor)
{
    const int64_t ticks = 1 + draw(actor, MOST_SLEEP), until = model_now() + ticks;
    const int before = flow_before(actor->flow);
    const int code = bide_sleep(seconds(ticks));
    EXPECT(model_now() <= until, "slept for too long");
    flow_after(actor->flow, before, code, model_now() == until);
    return code;
}

/* bide_shield: looks, and harms nobody. */
static int do_look(struct actor *actor)
{
    const struct record *target = record_pick(actor, is_awaitable);
    if (!target) return 0;
    int result = -EDOM;
    const int64_t now = model_now();
    const int before = flow_before(actor->flow);
    const int code = bide_shield(target->handle, &result);
    flow_after(actor->flow, before, code, target->ended);
    if (code < 0)
        EXPECT(result == -EDOM, "cut short, but wrote a result");
    else
        EXPECT(result == target->result, "looked at task %d and saw %d, not %d", target->id, result,
               target->result);
    EXPECT(code < 0 || model_now() == (now > target->ended_at ? now : target->ended_at),
           "looked for too long");
    return code;
}

/* ---- cancelling ---- */

static bool is_known(const struct actor *actor, const struct record *record)
{
    (void)actor;
    return record_known(record);
}

static void cancel(struct record *target)
{
    struct bide_task *task = record_known(target);
    if (!target->ended) flow_sync(&target->flow);
    const int code = bide_cancel(task);
    EXPECT(code == !target->ended, "bide_cancel gave %d", code);
    if (!target->ended) flow_cancel(&target->flow);
}

void cancel_any(uint64_t random)
{
    struct actor nobody = {.random = random};
    struct record *target = record_pick(&nobody, is_known);
    if (target && draw(&nobody, 3) == 0) cancel(target);
}

/* Any task; a task's starter is often in the middle of something. */
static int do_cancel(struct actor *actor)
{
    struct record *target = actor->record;
    const int whom = draw(actor, 6);
    if (whom == 0 && target->parent && !target->parent->ended) target = target->parent;
    if (whom > 1) target = record_pick(actor, is_known);
    note(actor->record, "cancels", target->id);
    cancel(target);
    return 0;
}

static int do_uncancel(struct actor *actor)
{
    const unsigned left = flow_uncancel(actor->flow);
    const int code = bide_uncancel();
    EXPECT(code == (int)left, "%d cancels are left, not %u", code, left);
    return 0;
}

/* A done callback; some cancel a task, as any code may. */
static void on_done(void *arg, struct bide_task *task)
{
    const struct callback *callback = arg;
    struct record *record = callback->record;
    note(record, "tells", (int)callback->index);
    EXPECT(record->ended && bide_task_done(task) && bide_task_result(task) == record->result,
           "told too early");
    EXPECT(record->called++ == callback->index, "not in the order of registration");
    EXPECT(!bide_current_task() && bide_yield() == -EPERM && !bide_cancelled(), "told inside of a task");
    cancel_any((uint64_t)record->id * 31 + callback->index);
}

static int do_on_done(struct actor *actor)
{
    struct record *target = record_pick(actor, is_known);
    if (target->registered == MOST_CALLBACKS) return 0;
    struct callback *callback = &target->callbacks[target->registered];
    *callback = (struct callback){target, target->registered++};
    const bool at_once = target->ended;
    EXPECT(bide_task_on_done(record_known(target), on_done, callback) == 0, "the callback");
    EXPECT(!at_once || target->called == target->registered, "not told at once");
    return 0;
}

static int do_count(struct actor *actor)
{
    (void)actor;
    const size_t count = bide_all_tasks(NULL, 0);
    EXPECT(count == (size_t)program.living, "%zu tasks, not %d", count, program.living);
    return 0;
}

/* ---- scopes ---- */

static void check_exit(struct actor *actor, const struct model_scope *scope, bool expired)
{
    static const char *const names[] = {"a timeout", "a shield", "a group"};
    note(actor->record, "leaves", expired);
    flow_pop(actor->flow, scope);
    EXPECT(scope->cut & (expired ? MAY_BE_TRUE : MAY_BE_FALSE), "%s that says %d", names[scope->kind],
           expired);
    EXPECT(bide_expired() == expired, "bide_expired says otherwise");
}

static int do_timeout(struct actor *actor)
{
    struct model_scope model;
    struct bide_scope scope;
    const int64_t ticks = draw_ticks(actor);
    int code = 0;
    flow_push(actor->flow, &model, TIMEOUT, ticks);
    if (draw(actor, 2)) {
        BIDE_TIMEOUT(seconds(ticks)) {
            code = act_some(actor);
            if (code < 0) break;
        }
        check_exit(actor, &model, bide_expired());
    } else {
        struct bide_scope *const outer = actor->scope;
        struct model_scope *const outer_model = actor->model;
        bide_timeout_enter(&scope, seconds(ticks));
        actor->scope = &scope;
        actor->model = &model;
        code = act_some(actor);
        actor->scope = outer;
        actor->model = outer_model;
        check_exit(actor, &model, bide_scope_exit(&scope));
    }
    return code;
}

static int do_shield(struct actor *actor)
{
    struct model_scope model;
    struct bide_scope scope;
    const int64_t grace = draw_ticks(actor);
    int code = 0;
    flow_push(actor->flow, &model, SHIELD, grace);
    if (draw(actor, 2)) {
        BIDE_SHIELD(seconds(grace)) {
            code = act_some(actor);
            if (code < 0) continue;
        }
        check_exit(actor, &model, bide_expired());
    } else {
        bide_shield_enter(&scope, seconds(grace));
        code = act_some(actor);
        check_exit(actor, &model, bide_scope_exit(&scope));
    }
    return code;
}

/* Only a deadline that has not been reached can be moved. */
static int do_reschedule(struct actor *actor)
{
    if (!actor->scope) return 0;
    const int64_t ticks = draw_ticks(actor), now = model_now();
    const bool due = actor->model->limit <= now;
    const int code = bide_timeout_reschedule(actor->scope, seconds(ticks));
    EXPECT(code == (due ? -ETIMEDOUT : 0), "rescheduling gave %d", code);
    if (!due) actor->model->limit = ticks == NEVER ? NEVER : now + ticks;
    EXPECT(bide_timeout_expired(actor->scope) == (due || ticks == 0), "bide_timeout_expired");
    return 0;
}

/* Without the timeout it would hang, so it is right around the sleep. */
static int do_sleep_for_ever(struct actor *actor)
{
    struct model_scope model;
    const int64_t ticks = draw(actor, MOST_SLEEP);
    int code = 0;
    flow_push(actor->flow, &model, TIMEOUT, ticks);
    BIDE_TIMEOUT(seconds(ticks)) {
        const int before = flow_before(actor->flow);
        code = bide_sleep(BIDE_FOREVER);
        flow_after(actor->flow, before, code, false);
    }
    check_exit(actor, &model, bide_expired());
    return code;
}

struct called {
    struct actor *actor;
    int result;
};

static int act_called(void *arg)
{
    struct called *called = arg;
    const int code = act_some(called->actor);
    called->result = draw(called->actor, 3) ? code : -EBUSY;
    return called->result;
}

static int do_wait_for(struct actor *actor)
{
    struct model_scope model;
    struct called called = {.actor = actor, .result = -EDOM};
    const int64_t ticks = draw_ticks(actor);
    const bool folded = draw(actor, 3) == 0;
    int result = -EPIPE;
    flow_sync(actor->flow);
    const int refused = flow_code(actor->flow);
    const bool pending = refused < 0;
    if (pending) flow_after(actor->flow, flow_before(actor->flow), refused, false);
    flow_push(actor->flow, &model, TIMEOUT, ticks);
    const int code = bide_wait_for(act_called, &called, seconds(ticks), folded ? NULL : &result);
    check_exit(actor, &model, bide_expired());
    unsigned codes = model.cut & MAY_BE_TRUE ? code_bit(-ETIMEDOUT) : 0;
    if (model.cut & MAY_BE_FALSE) {
        if (pending || (model.outside & MAY_BE_TRUE)) codes |= code_bit(-ECANCELED);
        if (!pending && (model.outside & MAY_BE_FALSE)) codes |= code_bit(0);
    }
    (void)expect_code(codes, code, folded, called.result); /* no call was cut short by that */
    EXPECT(folded || result == called.result, "the result is %d, not %d", result, called.result);
    return code;
}

unsigned expect_code(unsigned codes, int code, bool folded, int work)
{
    static const int possible[] = {0, -ECANCELED, -ETIMEDOUT};
    unsigned left = 0;
    for (int i = 0; i < 3; i++) {
        const bool is_failure = work < 0 && !(possible[i] < 0 && work == -ECANCELED);
        const int given = folded && is_failure ? work : possible[i];
        if ((codes & code_bit(possible[i])) && code == given) left |= code_bit(possible[i]);
    }
    EXPECT(left, "the wait gave %d, not one of %#x", code, codes);
    return left;
}

/* ---- one of them ---- */

static const struct {
    int (*fn)(struct actor *actor);
    int weight;
    bool nests;
} actions[] = {
    {do_yield, 10, false},       {do_sleep, 14, false},        {do_look, 6, false},
    {do_cancel, 6, false},       {do_uncancel, 6, false},      {do_on_done, 3, false},
    {do_count, 1, false},        {do_reschedule, 4, false},    {do_start, 8, false},
    {do_await_member, 4, false}, {do_group_wait, 4, false},    {do_group_cancel, 2, false},
    {do_timeout, 10, true},      {do_sleep_for_ever, 4, true}, {do_shield, 10, true},
    {do_wait_for, 6, true},      {do_children, 14, true},      {do_gather, 8, true},
    {do_group, 10, true},
};

int act(struct actor *actor)
{
    argument_check(actor->argument);
    flow_sync(actor->flow);
    EXPECT(bide_current_task() == actor->flow->task, "another task");
    EXPECT(bide_cancelled() == (flow_code(actor->flow) < 0), "%d", bide_cancelled());
    if (program.actions-- <= 0) return 0;
    int left = draw(actor, 130), i = 0;
    while (left >= actions[i].weight) left -= actions[i++].weight;
    if (actions[i].nests && actor->nesting >= MOST_NESTING) return do_sleep(actor);
    actor->nesting += actions[i].nests;
    const int code = actions[i].fn(actor);
    actor->nesting -= actions[i].nests;
    note(actor->record, "did", i * 1000 - code);
    return code;
}

int act_some(struct actor *actor)
{
    int code = 0;
    for (int n = draw(actor, 5); n >= 0; n--) {
        code = act(actor);
        if (code < 0 && draw(actor, 3) == 0) break;
    }
    return code;
}
