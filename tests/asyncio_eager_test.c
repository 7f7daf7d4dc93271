/* SPDX-License-Identifier: MIT */
/* What asyncio's tests say of eager tasks (interop/cpython.md). */
#include "check.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static const struct bide_task_options eager = {.name = "eager", .eager = true};

TASK(give_seven)
{
    return 7;
}

TASK(await_an_ended_one)
{
    struct bide_task *ended = bide_create_task_with(&eager, give_seven, NULL);
    int result = 0;
    CHECK_INT(bide_await(ended, &result), 0);
    return result + 1;
}

TASK(one_that_never_waits_has_ended_at_once)
{
    struct bide_task *task = bide_create_task_with(&eager, give_seven, NULL);
    CHECK(bide_task_done(task));
    CHECK_INT(bide_task_result(task), 7);
    int result = 0;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_await(bide_create_task_with(&eager, await_an_ended_one, NULL), &result), 0);
    CHECK_INT(result, 8);
    return 0;
}

TASK(a_cancel_after_its_end_changes_nothing)
{
    struct bide_task *task = bide_create_task_with(&eager, give_seven, NULL);
    CHECK_INT(bide_cancel(task), 0);
    int result = 0;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 7);
    return 0;
}

TASK(nap)
{
    return bide_sleep(1);
}

TASK(a_cancel_while_it_waits)
{
    struct bide_task *task = bide_create_task_with(&eager, nap, NULL);
    CHECK(!bide_task_done(task));
    CHECK_INT(bide_cancel(task), 1);
    int result = 0;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

TASK(tell_my_name)
{
    log_event("%s", bide_task_name(bide_current_task()));
    const int code = bide_yield();
    log_event("%s", bide_task_name(bide_current_task()));
    return code;
}

TASK(it_is_the_current_task)
{
    struct bide_task *self = bide_current_task();
    struct bide_task *task = bide_create_task_with(&eager, tell_my_name, NULL);
    CHECK(bide_current_task() == self);
    CHECK_LOG("eager");
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("eager eager");
    return 0;
}

TASK(count_the_tasks)
{
    struct bide_task *tasks[8];
    const size_t n = bide_all_tasks(tasks, 8);
    for (size_t i = 0; i < n && i < 8; i++)
        if (tasks[i] == bide_current_task()) return (int)n;
    return -EPROTO;
}

TASK(it_is_among_all_tasks_while_it_runs)
{
    struct bide_task *tasks[8];
    struct bide_task *counter = bide_create_task_with(&eager, count_the_tasks, NULL);
    CHECK_INT(bide_task_result(counter), 2);
    CHECK_INT(bide_all_tasks(tasks, 8), 1);
    struct bide_task *napper = bide_create_task_with(&eager, nap, NULL);
    CHECK_INT(bide_all_tasks(tasks, 8), 2);
    CHECK_INT(bide_await(counter, NULL), 0);
    CHECK_INT(bide_await(napper, NULL), 0);
    CHECK_INT(bide_all_tasks(tasks, 8), 1);
    return 0;
}

/* ---- groups and gathers ---- */

TASK(fail_now)
{
    log_event("fails");
    return -EIO;
}

TASK(start_one_that_fails)
{
    (void)bide_group_start(arg, fail_now, NULL);
    int code = bide_yield();
    if (code == 0) code = bide_yield();
    log_event(code == -ECANCELED ? "cancelled" : "not-cancelled");
    return code;
}

TASK(a_member_that_fails_at_once_cancels_the_starter)
{
    struct bide_group group;
    bide_group_enter(&group);
    (void)bide_group_start(&group, start_one_that_fails, &group);
    CHECK_INT(bide_group_exit(&group), -EIO);
    CHECK_LOG("fails cancelled");
    return 0;
}

enum { DEPTH = 4, WIDTH = 5, TASKS = 5 + 25 + 125 + 625 };

static int begun;

struct level {
    int depth;
};

static struct level levels[DEPTH + 1] = {{0}, {1}, {2}, {3}, {4}};

TASK(open_groups)
{
    const struct level *level = arg;
    begun++;
    if (level->depth == DEPTH) return bide_sleep(1);
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < WIDTH; i++)
            (void)bide_group_start(&group, open_groups, &levels[level->depth + 1]);
    }
    return bide_group_result(&group);
}

TASK(groups_in_groups)
{
    begun = 0;
    CHECK_INT(open_groups(&levels[0]), 0);
    CHECK_INT(begun, 1 + TASKS);
    return 0;
}

TASK(gather_more)
{
    const struct level *level = arg;
    begun++;
    if (level->depth == DEPTH) return bide_sleep(1);
    struct bide_call calls[WIDTH];
    for (int i = 0; i < WIDTH; i++) calls[i] = (struct bide_call){gather_more, &levels[level->depth + 1]};
    return bide_gather(calls, WIDTH, NULL);
}

TASK(gathers_in_gathers)
{
    begun = 0;
    CHECK_INT(gather_more(&levels[0]), 0);
    CHECK_INT(begun, 1 + TASKS);
    return 0;
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(one_that_never_waits_has_ended_at_once),
        IN_A_LOOP(a_cancel_after_its_end_changes_nothing),
        IN_A_LOOP(a_cancel_while_it_waits),
        IN_A_LOOP(it_is_the_current_task),
        IN_A_LOOP(it_is_among_all_tasks_while_it_runs),
        IN_A_LOOP(a_member_that_fails_at_once_cancels_the_starter),
        IN_A_LOOP(groups_in_groups),
        IN_A_LOOP(gathers_in_gathers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
