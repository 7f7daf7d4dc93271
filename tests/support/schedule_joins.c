/* SPDX-License-Identifier: MIT */
/* Tasks of a random task's own: created, then awaited, gathered or detached; and calls gathered. */
#include "schedule.h"

#include <stdio.h>
#include <string.h>

void record_join(struct record *record, struct model_join *join)
{
    if (!record->ended) flow_sync(&record->flow);
    record->flow.join = join;
    record->flow.delivered = 0;
    record->awaited = join != NULL;
}

void join_check_time(const struct model_join *join, int64_t last_end)
{
    const int64_t due = last_end > join->entered ? last_end : join->entered;
    EXPECT(model_now() == due, "joined at %lld, not %lld", (long long)model_now(), (long long)due);
}

/* ---- await ---- */

void record_check_text(const struct record *record)
{
    if (!record->has_text) return;
    char text[32];
    snprintf(text, sizeof text, "task %d fails", record->id);
    const char *seen = bide_error_text(record->result);
    EXPECT(strcmp(seen, text) == 0, "'%s' instead of '%s'", seen, text);
}

static int await(struct actor *actor, struct record *target)
{
    struct model_join join;
    int result = -EDOM;
    const bool folded = draw(actor, 3) == 0;
    join_begin(&join, actor->flow, target->ended);
    record_join(target, &join);
    const int code = bide_await(target->handle, folded ? NULL : &result);
    EXPECT(target->ended, "await returned before task %d had ended", target->id);
    EXPECT(folded || result == target->result, "awaited %d, not %d", result, target->result);
    join_check_time(&join, target->ended_at);
    join_charge(&join, expect_code(join_codes(&join), code, folded, target->result));
    record_check_text(target);
    record_join(target, NULL);
    if (target->how != STARTED) target->handle = NULL;
    return code;
}

static bool is_member(const struct actor *actor, const struct record *record)
{
    return record->how == STARTED && !record->awaited && is_awaitable(actor, record);
}

int do_await_member(struct actor *actor)
{
    struct record *target = record_pick(actor, is_member);
    return target ? await(actor, target) : 0;
}

/* ---- gather ---- */

static void gather_failed(struct gather_frame *gather, const struct record *record)
{
    gather->first = record->result;
    gather->failed = record;
    gather->join.failed_at = model_now();
    gather->join.failed_surely = true;
}

/* A member's -ECANCELED counts if gather had not cancelled it: within one tick that cannot be known. */
void gather_member_ended(struct gather_frame *gather, const struct record *record)
{
    gather->last_end = record->ended_at;
    if (gather->keeps || gather->first < 0 || record->result >= 0) return;
    const int64_t cut = join_cut_at(&gather->join);
    const bool cut_before = cut < record->ended_at || gather->join.before < 0;
    if (record->result != -ECANCELED || cut > record->ended_at) {
        gather_failed(gather, record);
    } else if (!cut_before) {
        gather->may_be_cancelled = true;
        gather->join.failed_at = record->ended_at;
    }
}

static void gather_check(struct gather_frame *gather, int code)
{
    unsigned codes = join_codes(&gather->join);
    join_check_time(&gather->join, gather->last_end);
    if (gather->may_be_cancelled && code == -ECANCELED) {
        if (gather->first == 0) codes |= code_bit(code);
    } else if (gather->first < 0) {
        EXPECT(code == gather->first, "the first failure is %d, not %d", gather->first, code);
        record_check_text(gather->failed);
    } else {
        codes = expect_code(codes, code, false, 0);
    }
    join_charge(&gather->join, codes);
}

static void member_check(const struct gather_frame *gather, struct record *member, int result)
{
    EXPECT(member->ended, "gather returned before task %d had ended", member->id);
    EXPECT(!gather->keeps || result == member->result, "task %d gave %d, not %d", member->id, member->result,
           result);
    record_join(member, NULL);
    member->gather = NULL;
    member->handle = NULL;
}

int do_gather(struct actor *actor)
{
    struct argument arguments[SOME];
    struct bide_call calls[SOME];
    struct gather_frame gather = {.keeps = draw(actor, 2)};
    int results[SOME], n = 0;
    for (const int most = draw(actor, SOME + 1); n < most; n++) {
        struct record *member = record_new(actor, GATHERED, &arguments[n]);
        if (member) member->flow.spared = flow_spares(actor->flow);
        if (!member) break;
        member->gather = &gather;
        calls[n] = (struct bide_call){record_main, &arguments[n]};
    }
    join_begin(&gather.join, actor->flow, n == 0);
    for (int i = 0; i < n; i++) record_join(arguments[i].record, &gather.join);
    const int code = bide_gather(calls, (size_t)n, gather.keeps ? results : NULL);
    for (int i = 0; i < n; i++) {
        member_check(&gather, arguments[i].record, results[i]);
        argument_end(&arguments[i]);
    }
    gather_check(&gather, code);
    return code;
}

/* Those that have ended already are looked at in the order of the array. */
static void gather_take(struct gather_frame *gather, struct record *const *members, int n)
{
    for (int i = 0; i < n; i++) {
        struct record *member = members[i];
        record_join(member, &gather->join);
        member->gather = gather;
        if (member->ended && !gather->keeps && gather->first == 0 && member->result < 0)
            gather_failed(gather, member);
    }
}

static int gather_tasks(struct actor *actor, struct record *const *members, int n)
{
    struct gather_frame gather = {.keeps = draw(actor, 2)};
    struct bide_task *handles[SOME];
    int results[SOME];
    bool complete = true;
    for (int i = 0; i < n; i++) {
        handles[i] = members[i]->handle;
        complete = complete && members[i]->ended;
    }
    join_begin(&gather.join, actor->flow, complete);
    gather_take(&gather, members, n);
    const int code = bide_gather_tasks(handles, (size_t)n, gather.keeps ? results : NULL);
    for (int i = 0; i < n; i++) member_check(&gather, members[i], results[i]);
    gather_check(&gather, code);
    return code;
}

/* ---- create ---- */

static struct record *create(struct actor *actor, struct argument *argument)
{
    struct record *child = record_new(actor, argument ? CREATED : DETACHED, argument);
    if (!child) return NULL;
    const struct bide_task_options options = {.eager = draw(actor, 3) == 0};
    record_has_handle(child, bide_create_task_with(&options, record_main, argument ? argument : &child->own));
    return child;
}

static void detach(struct record *child)
{
    struct bide_task *handle = child->handle;
    child->handle = NULL;
    bide_detach(handle);
}

static int await_each(struct actor *actor, struct record *const *children, int n)
{
    const int first = draw(actor, 4);
    int code = 0;
    for (int i = 0; i < n; i++) code = await(actor, children[(first + i) % n]);
    return code;
}

int do_children(struct actor *actor)
{
    struct argument arguments[SOME];
    struct record *children[SOME];
    int n = 0;
    for (const int most = draw(actor, SOME) + 1; n < most; n++)
        if (!(children[n] = create(actor, &arguments[n]))) break;
    struct record *alone = draw(actor, 3) == 0 ? create(actor, NULL) : NULL;
    int code = draw(actor, 3) ? act_some(actor) : 0;
    if (alone) detach(alone);
    if (n > 0) code = draw(actor, 2) ? await_each(actor, children, n) : gather_tasks(actor, children, n);
    for (int i = 0; i < n; i++) argument_end(&arguments[i]);
    return code;
}
