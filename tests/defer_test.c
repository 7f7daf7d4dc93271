/* SPDX-License-Identifier: MIT */
/* Deferred calls: at the end of blocks and of tasks, by every way out. */
#include "check.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static void quiet(void *arg)
{
    log_event("%s", (const char *)arg);
}

TASK(loud)
{
    log_event("%s", (const char *)arg);
    return 5;
}

enum way { TO_THE_END, BREAK, CONTINUE, GOTO, RETURN };

static int leave(enum way way)
{
    for (int i = 0; i < 2; i++) {
        BIDE_DEFER(quiet, "a");
        BIDE_DEFER(loud, "b");
        BIDE_DEFER(free, malloc(10));
        log_event("in");
        if (way == BREAK) break;
        if (way == CONTINUE) continue;
        if (way == GOTO) goto out;
        if (way == RETURN) return 0;
        log_event("end");
    }
out:
    log_event("out");
    return 0;
}

static void blocks_call_in_reverse_by_every_way_out(void **state)
{
    (void)state;
    static const char *const logs[] = {"in end b a in end b a out", "in b a out", "in b a in b a out",
                                       "in b a out", "in b a"};
    for (enum way way = TO_THE_END; way <= RETURN; way++) {
        log_clear();
        leave(way);
        assert_string_equal(log_text(), logs[way]);
    }
}

static void what_is_null_is_not_called(void **state)
{
    (void)state;
    void (*none)(void *) = NULL;
    bide_fn nothing = NULL;
    BIDE_DEFER(none, NULL);
    BIDE_DEFER(nothing, NULL);
    BIDE_DEFER(quiet, "x");
}

TASK(wait_and_log)
{
    log_event("%s%d", (const char *)arg, bide_sleep(1));
    return 0;
}

TASK(blocks_may_wait)
{
    {
        BIDE_DEFER(wait_and_log, "w");
    }
    CHECK_LOG("w0");
    CHECK_INT(bide_time(), 1);
    return 0;
}

/* ---- the end of a task ---- */

TASK(defer_three)
{
    CHECK_INT(bide_defer(loud, "a"), 0);
    CHECK_INT(bide_defer(wait_and_log, "b"), 0);
    CHECK_INT(bide_defer(loud, "c"), 0);
    CHECK_INT(bide_sleep(arg ? BIDE_FOREVER : 0), arg ? -ECANCELED : 0);
    log_event("returns");
    return 7;
}

TASK(a_task_calls_them_at_its_end)
{
    int result;
    CHECK_INT(bide_await(bide_create_task(defer_three, NULL), &result), 0);
    CHECK_INT(result, 7);
    CHECK_LOG("returns c b0 a");
    log_clear();
    struct bide_task *task = bide_create_task(defer_three, "for ever");
    CHECK_INT(bide_sleep(1), 0);
    bide_cancel(task);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 7);
    CHECK_LOG("returns c b-125 a");
    return 0;
}

TASK(defer_more)
{
    log_event("m");
    return bide_defer(loud, "n");
}

TASK(those_that_are_deferred_meanwhile_come_next)
{
    CHECK_INT(bide_defer(loud, "z"), 0);
    CHECK_INT(bide_defer(defer_more, NULL), 0);
    return 0;
}

static int five = 5;

TASK(give)
{
    return *(int *)arg;
}

TASK(fail_io)
{
    return bide_fail(EIO, "disk %d is gone", 7);
}

TASK(fail_pipe)
{
    return bide_fail(EPIPE, "pipe");
}

TASK(end_in_failures)
{
    CHECK_INT(bide_defer(fail_pipe, NULL), 0);
    CHECK_INT(bide_defer(fail_io, NULL), 0);
    CHECK_INT(bide_defer(give, &five), 0);
    return *(int *)arg;
}

TASK(the_first_failure_is_the_result)
{
    int result, seven = 7, failure = -EDOM;
    CHECK_INT(bide_await(bide_create_task(end_in_failures, &seven), &result), 0);
    CHECK_INT(result, -EIO);
    CHECK(!strcmp(bide_error_text(result), "disk 7 is gone"));
    CHECK_INT(bide_await(bide_create_task(end_in_failures, &failure), &result), 0);
    CHECK_INT(result, -EDOM);
    return 0;
}

/* In a call within a task, and in a generator, it is the end of the task. */
TASK(defer_one)
{
    CHECK_INT(bide_defer(loud, arg), 0);
    return bide_yield_value(NULL) == -EPERM ? 0 : -ECANCELED;
}

TASK(defer_in_calls)
{
    CHECK_INT(defer_one("call"), 0);
    struct bide_gen *gen = bide_gen_new(defer_one, "gen");
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    log_event("end");
    return 0;
}

TASK(calls_and_generators_defer_for_the_task)
{
    CHECK_INT(bide_await(bide_create_task(defer_in_calls, NULL), NULL), 0);
    CHECK_LOG("end gen call");
    return 0;
}

/* The main task, and tasks on one hot stack, each with its own. */
TASK(defer_and_return)
{
    return bide_defer(give, &five);
}

TASK(a_thousand_tasks)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 1000; i++) bide_group_start(&group, defer_and_return, NULL);
    }
    return bide_group_result(&group);
}

TASK(refusals)
{
    CHECK_INT(bide_defer(NULL, NULL), -EINVAL);
    return 0;
}

static void outside(void **state)
{
    (void)state;
    assert_int_equal(bide_defer(loud, NULL), -EPERM);
    log_clear();
    assert_int_equal(check_run(those_that_are_deferred_meanwhile_come_next, NULL), 0);
    assert_string_equal(log_text(), "m n z");
}

/* Every task waits for another, for ever: nothing is called, nothing is left. */
TASK(defer_and_wait)
{
    CHECK_INT(bide_defer(loud, "never"), 0);
    (void)bide_await(*(struct bide_task **)arg, NULL);
    return 0;
}

TASK(wait_for_each_other)
{
    static struct bide_task *tasks[2];
    tasks[0] = bide_create_task(defer_and_wait, &tasks[1]);
    tasks[1] = bide_create_task(defer_and_wait, &tasks[0]);
    return bide_sleep(BIDE_FOREVER);
}

static void a_task_that_never_moves_again(void **state)
{
    (void)state;
    log_clear();
    const int code = check_run(wait_for_each_other, NULL);
    assert_true(code == -EDEADLK);
}

/* ---- faults ---- */

TASK(use_item)
{
    struct sweep_item *item = arg;
    sweep_begin(item);
    return sweep_end(item, 0);
}

TASK(defer_under_faults)
{
    int code = 0;
    for (int i = 0; i < 3; i++) {
        struct sweep_item *item = sweep_item();
        const int refused = bide_defer(use_item, item);
        item->taken = refused == 0;
        sweep_note(&code, refused);
    }
    return code;
}

SWEEP(defer_under_faults, .clock = BIDE_CLOCK_VIRTUAL)

static void runs(void **state)
{
    log_clear();
    assert_int_equal(check_run(*(bide_fn *)*state, NULL), 0);
}

#define RUN(fn)                                                                                              \
    {                                                                                                        \
#fn, runs, NULL, NULL, &(bide_fn)                                                                    \
        {                                                                                                    \
            fn                                                                                               \
        }                                                                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_call_in_reverse_by_every_way_out),
        cmocka_unit_test(what_is_null_is_not_called),
        RUN(blocks_may_wait),
        RUN(a_task_calls_them_at_its_end),
        RUN(the_first_failure_is_the_result),
        RUN(calls_and_generators_defer_for_the_task),
        RUN(a_thousand_tasks),
        RUN(refusals),
        cmocka_unit_test(outside),
        cmocka_unit_test(a_task_that_never_moves_again),
        SWEEP_TEST(every_fault_of_defer_under_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
