/* SPDX-License-Identifier: MIT */
/* Groups of a random task: started and spawned members, which start siblings, and cancel them all. */
#include "schedule.h"

/* ---- members ---- */

static void group_cancelled(struct group_frame *group)
{
    const int64_t now = model_now();
    if (group->model.scope.limit > now) group->model.scope.limit = now;
}

void group_member_ended(struct group_frame *group, const struct record *record)
{
    group->left--;
    group->last_end = record->ended_at;
    if (record->how == SPAWNED || record->result >= 0 || record->result == -ECANCELED) return;
    if (group->first == 0) {
        group->first = record->result;
        group->failed = record;
    }
    group->failures++;
    group_cancelled(group);
}

/* The opener's members have their arguments on its stack; a sibling's would not live long enough there. */
static int start(struct actor *actor, struct group_frame *group, bool on_stack)
{
    struct actor starter = {
        .record = group->opener, .random = program_draw(&actor->random), .nesting = actor->nesting};
    const bool spawned = draw(actor, 3) == 0;
    if (on_stack && group->used == SOME) return 0;
    struct record *member =
        record_new(&starter, spawned ? SPAWNED : STARTED, on_stack ? &group->arguments[group->used] : NULL);
    if (!member) return 0;
    struct argument *argument = on_stack ? &group->arguments[group->used++] : &member->own;
    member->group = group;
    member->flow.group = &group->model;
    member->flow.spared = flow_spares(actor->flow);
    group->left++;
    if (!spawned) {
        record_has_handle(member, bide_group_start(&group->group, record_main, argument));
        return 0;
    }
    const int code = bide_group_spawn(&group->group, record_main, argument);
    EXPECT(code == 0, "bide_group_spawn gave %d", code);
    return code;
}

/* In a group of its own, or as a sibling: its group is open for as long as it runs. */
int do_start(struct actor *actor)
{
    if (actor->group && draw(actor, 4)) return start(actor, actor->group, true);
    return actor->record->group ? start(actor, actor->record->group, false) : 0;
}

/* The groups that are certain to be open: its own, its siblings', its ancestors'. */
int do_group_cancel(struct actor *actor)
{
    struct group_frame *group = draw(actor, 2) ? actor->group : actor->record->group;
    const struct record *parent = actor->record->parent;
    if (!group && parent && actor->record->how != DETACHED) group = parent->group;
    if (!group) return 0;
    note(actor->record, "cancels the group of", group->opener->id);
    if (group->left > 0 || group == actor->group) group_cancelled(group);
    bide_group_cancel(&group->group);
    return 0;
}

/* ---- the opener ---- */

int do_group_wait(struct actor *actor)
{
    struct group_frame *group = actor->group;
    if (!group) return 0;
    const int64_t now = model_now();
    const unsigned left = group->left;
    const int before = flow_before(actor->flow);
    const int code = bide_group_wait(&group->group);
    EXPECT(group->first == 0 || code == group->first, "the first failure is %d, not %d", group->first, code);
    if (before < 0) return code;
    /* Its members' failure makes the group a cause, which cuts the wait short. */
    flow_sync(actor->flow);
    const int cut = group->first < 0 ? flow_code(actor->flow) : code;
    flow_after(actor->flow, before, cut, group->left == 0);
    if (cut == 0) EXPECT(model_now() == (left ? group->last_end : now), "waited for too long");
    return code;
}

/* What is left to do is the last thing in the block: to wait, as bide_group_exit does. */
static void leave(struct actor *actor, struct group_frame *group)
{
    flow_pop(actor->flow, &group->model.scope);
    join_begin(&group->exit, actor->flow, group->left == 0);
    group->model.exit = &group->exit;
}

static void check_errors(const struct group_frame *group)
{
    struct bide_error error = {.code = 0};
    const size_t count = bide_group_errors(&group->group, &error, 1);
    EXPECT(count == group->failures && error.code == group->first, "%zu failures, the first is %d", count,
           error.code);
}

static void check_left(struct actor *actor, struct group_frame *group, int code)
{
    unsigned codes = join_codes(&group->exit);
    EXPECT(group->left == 0, "left with %u members", group->left);
    EXPECT(group->first == 0 || code == group->first, "the first failure is %d, not %d", group->first, code);
    join_check_time(&group->exit, group->last_end);
    if (group->first == 0) codes = expect_code(codes, code, false, 0);
    join_charge(&group->exit, codes);
    EXPECT(bide_group_result(&group->group) == code, "bide_group_result gives another code");
    check_errors(group);
    if (group->failed) record_check_text(group->failed);
    for (unsigned i = 0; i < group->used; i++) argument_end(&group->arguments[i]);
    for (int i = 0; i < program.tasks; i++) {
        struct record *record = &program.records[i];
        if (record->group != group) continue;
        record->group = NULL;
        record->handle = NULL;
    }
    note(actor->record, "has left a group", code);
}

/* Its inside: most have some members, and do something meanwhile. */
static int act_inside(struct actor *actor, struct group_frame *group)
{
    actor->group = group;
    group->opener = actor->record;
    flow_push(actor->flow, &group->model.scope, GROUP, NEVER);
    for (int n = draw(actor, SOME); n > 0; n--) (void)start(actor, group, true);
    return draw(actor, 3) ? act_some(actor) : 0;
}

/* Falling out of the block joins, break cancels first. */
static void run_block(struct actor *actor, struct group_frame *group)
{
    BIDE_GROUP(group->group) {
        (void)act_inside(actor, group);
        if (draw(actor, 3) == 0) {
            group_cancelled(group);
            leave(actor, group);
            break;
        }
        leave(actor, group);
    }
}

int do_group(struct actor *actor)
{
    struct group_frame *outer = actor->group;
    struct group_frame group = {.used = 0};
    int code;
    if (draw(actor, 2)) {
        run_block(actor, &group);
        code = bide_group_result(&group.group);
    } else {
        bide_group_enter(&group.group);
        (void)act_inside(actor, &group);
        leave(actor, &group);
        code = bide_group_exit(&group.group);
    }
    actor->group = outer;
    check_left(actor, &group, code);
    return code;
}
