/* SPDX-License-Identifier: MIT */
/* The tasks of random programs: what they do with each other, around what they do with the world. */
#include "world.h"

#include <stdio.h>

/* ---- tasks ---- */

struct body *world_body(uint64_t *random, int depth, enum body_kind kind)
{
    if (depth >= MOST_DEPTH || atomic_load(&world.body_count) >= MOST_BODIES) return NULL;
    const int index = atomic_fetch_add(&world.body_count, 1);
    if (index >= MOST_BODIES) return NULL;
    struct body *body = &world.bodies[index];
    body->random = world.seed ^ *random ^ (uint64_t)index << 32;
    (void)world_draw(random, 2);
    body->depth = depth;
    body->kind = kind;
    return body;
}

static int draw_result(struct body *body, int code)
{
    const int index = (int)(body - world.bodies);
    switch (world_draw(&body->random, 6)) {
    case 0: return code;
    case 1: return -EIO;
    case 2: return bide_fail(EBUSY, "task %d fails", index);
    default: return index;
    }
}

static void body_begin(struct body *body)
{
    char name[16];
    snprintf(name, sizeof name, "%d", (int)(body - world.bodies));
    WORLD_EXPECT(bide_task_set_name(bide_current_task(), name) == 0, "the name");
    WORLD_EXPECT(!body->started, "task %s was started before", name);
    body->started = true;
    world.running[world.running_count++] = bide_current_task();
}

static void body_end(struct body *body, int result)
{
    int i = 0;
    while (world.running[i] != bide_current_task()) i++;
    world.running[i] = world.running[--world.running_count];
    body->result = result;
    body->ended = true;
    if (body->kind == BODY_MAIN) world.closing = true;
}

int world_body_main(void *arg)
{
    struct body *body = arg;
    int code = 0;
    body_begin(body);
    if (body->kind == BODY_MAIN) {
        world_helpers_start(&body->random);
        world_executors_open(&body->random);
        if (world_draw(&body->random, 3) == 0) world_listen(&body->random);
    }
    BIDE_TIMEOUT(body->kind == BODY_MAIN ? world.limit : BIDE_FOREVER) {
        do code = world_act(body);
        while (body->kind == BODY_MAIN && world.actions > 0 && !bide_cancelled());
    }
    const int result = draw_result(body, code);
    body_end(body, result);
    return result;
}

void world_create_alone(uint64_t *random, bool quiet)
{
    struct body *body = world_body(random, MOST_DEPTH - 2, BODY_ALONE);
    if (!body) return;
    body->quiet = quiet;
    struct bide_task *task = bide_create_task(world_body_main, body);
    body->given = task != NULL;
    bide_detach(task);
}

void world_cancel_any(uint64_t *random)
{
    if (world.running_count == 0) return;
    const int which = world_draw(random, world.running_count);
    if (which == 0 && world_draw(random, 16)) return; /* most likely the main task, with which all ends */
    struct bide_task *task = world.running[which];
    WORLD_EXPECT(bide_cancel(task) == 1, "a task that runs cannot be cancelled");
}

/* ---- alone ---- */

static int act_yield(struct body *body)
{
    const bool before = bide_cancelled();
    const int code = world_draw(&body->random, 2) ? bide_yield() : bide_sleep(world_ticks(&body->random));
    world_check_cut(before, code);
    WORLD_EXPECT(code == 0 || is_cut(code), "sleep gave %d", code);
    return code;
}

static int act_cancel(struct body *body)
{
    if (world_draw(&body->random, 3)) world_cancel_any(&body->random);
    return 0;
}

/* Takes back only its own: another's may be all that ends the task. */
static int act_uncancel(struct body *body)
{
    bide_cancel(bide_current_task());
    const int code = world_act(body);
    bide_uncancel();
    return code;
}

static int act_timeout(struct body *body)
{
    int code = 0;
    BIDE_TIMEOUT(world_ticks(&body->random)) {
        code = world_act(body);
    }
    return code;
}

static int act_shield(struct body *body)
{
    int code = 0;
    BIDE_SHIELD(world_ticks(&body->random)) {
        code = world_act(body);
    }
    return code;
}

static int act_again(void *arg)
{
    return world_act(arg);
}

static int act_wait_for(struct body *body)
{
    int result = -EDOM;
    const int code = bide_wait_for(act_again, body, world_ticks(&body->random), &result);
    WORLD_EXPECT(result != -EDOM && (code == 0 || is_cut(code)), "wait_for gave %d, %d", code, result);
    return code;
}

/* ---- with others ---- */

/* Was it the failure of one of them, or the wait's own? */
static void check_folded(int code, struct body *const *bodies, int n)
{
    bool known = code == 0 || is_cut(code);
    for (int i = 0; i < n; i++) known = known || code == bodies[i]->result;
    WORLD_EXPECT(known, "%d is nobody's", code);
}

static int act_gather(struct body *body)
{
    struct body *bodies[MOST_SOME];
    struct bide_call calls[MOST_SOME];
    int results[MOST_SOME], n = 0;
    const int most = 1 + world_draw(&body->random, MOST_SOME);
    while (n < most && (bodies[n] = world_body(&body->random, body->depth + 1, BODY_JOINED))) {
        bodies[n]->given = true;
        bodies[n]->quiet = body->quiet;
        calls[n] = (struct bide_call){world_body_main, bodies[n]};
        n++;
    }
    const bool keeps = world_draw(&body->random, 2);
    const int code = bide_gather(calls, (size_t)n, keeps ? results : NULL);
    for (int i = 0; i < n; i++) {
        WORLD_EXPECT(bodies[i]->ended, "gathered, but it still runs");
        WORLD_EXPECT(!keeps || results[i] == bodies[i]->result, "result %d", results[i]);
    }
    if (keeps) {
        world_check_cut(false, code);
        WORLD_EXPECT(code == 0 || is_cut(code), "gather gave %d", code);
    }
    check_folded(code, bodies, n);
    return code;
}

/* Starts some in the group, with handles or without; how many. */
static int start_some(struct body *body, struct bide_group *group, struct body **bodies)
{
    int n = 0;
    const int most = 1 + world_draw(&body->random, MOST_SOME);
    for (; n < most; n++) {
        const bool alone = world_draw(&body->random, 3) == 0;
        bodies[n] = world_body(&body->random, body->depth + 1, alone ? BODY_ALONE : BODY_JOINED);
        if (!bodies[n]) break;
        bodies[n]->quiet = body->quiet;
        bodies[n]->given = alone ? bide_group_spawn(group, world_body_main, bodies[n]) == 0
                                 : bide_group_start(group, world_body_main, bodies[n]) != NULL;
        WORLD_EXPECT(bodies[n]->given, "not started");
    }
    return n;
}

static int act_group(struct body *body)
{
    struct body *bodies[MOST_SOME];
    struct bide_group group;
    size_t failures = 0;
    bide_group_enter(&group);
    const int n = start_some(body, &group, bodies);
    if (world_draw(&body->random, 2)) world_act(body);
    if (world_draw(&body->random, 4) == 0) bide_group_cancel(&group);
    if (world_draw(&body->random, 4) == 0) bide_group_wait(&group);
    const int code = bide_group_exit(&group);
    for (int i = 0; i < n; i++) {
        WORLD_EXPECT(bodies[i]->ended, "the group was left, but it still runs");
        if (bodies[i]->kind == BODY_ALONE) continue;
        failures += bodies[i]->result < 0 && bodies[i]->result != -ECANCELED;
    }
    WORLD_EXPECT(bide_group_errors(&group, NULL, 0) == failures, "not %zu failures", failures);
    check_folded(code, bodies, n);
    return code;
}

static int act_create(struct body *body)
{
    const bool alone = world_draw(&body->random, 4) == 0;
    const struct bide_task_options options = {.eager = world_draw(&body->random, 4) == 0};
    struct body *child = world_body(&body->random, body->depth + 1, alone ? BODY_ALONE : BODY_JOINED);
    int result = -EDOM;
    if (!child) return 0;
    child->quiet = body->quiet;
    child->given = true;
    struct bide_task *task = bide_create_task_with(&options, world_body_main, child);
    WORLD_EXPECT(task, "no task: errno %d", errno);
    world_act(body);
    if (alone) {
        bide_detach(task);
        return 0;
    }
    if (world_draw(&body->random, 4) == 0) bide_shield(task, NULL);
    const int code = bide_await(task, &result);
    WORLD_EXPECT(child->ended && result == child->result, "awaited, but %d", result);
    world_check_cut(false, code);
    WORLD_EXPECT(code == 0 || is_cut(code), "await gave %d", code);
    return code;
}

/* A connection most likely: nobody else needs to accept it. */
static int act_connection(struct body *body)
{
    const int code = act_connect(body);
    return code < 0 ? code : act_accept(body);
}

typedef int (*action)(struct body *body);
#define DRAW_ACTION(body, actions)                                                                           \
    ((actions)[world_draw(&(body)->random, (int)(sizeof(actions) / sizeof *(actions)))])

/* What waits for the world, mostly not for long. */
static int act_wait(struct body *body)
{
    static const action actions[] = {act_read, act_read,      act_read,   act_write,   act_write,
                                     act_poll, act_write_all, act_accept, act_connect, act_connection};
    const action wait = DRAW_ACTION(body, actions);
    int code = 0;
    if (world_draw(&body->random, 16) == 0) return wait(body);
    BIDE_TIMEOUT(world_ticks(&body->random)) {
        code = wait(body);
    }
    return code;
}

static int act_once(struct body *body)
{
    static const action actions[] = {act_open,   act_open,     act_close,    act_adopt,    act_shutdown,
                                     act_job,    act_job,      act_send_job, act_send_job, act_call,
                                     act_call,   act_yield,    act_yield,    act_cancel,   act_uncancel,
                                     act_gather, act_gather,   act_group,    act_group,    act_create,
                                     act_create, act_wait_for, act_timeout,  act_shield};
    world.actions--;
    return world_draw(&body->random, 2) ? act_wait(body) : DRAW_ACTION(body, actions)(body);
}

int world_act(struct body *body)
{
    if (body->depth >= MOST_DEPTH) return 0;
    body->depth++;
    int code = 0;
    for (int n = 1 + world_draw(&body->random, 6); n > 0 && world.actions > 0; n--) code = act_once(body);
    body->depth--;
    return code;
}
