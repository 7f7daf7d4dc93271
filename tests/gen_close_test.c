/* SPDX-License-Identifier: MIT */
/* Generators that are closed: early, while cancelled, with clean-up that waits; and wrongly. */
#include "check.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

TASK(clean_up)
{
    const int code = bide_yield_value(NULL);
    log_event("%s", strerror(-code));
    CHECK(bide_cancelled());
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_INT(bide_yield_value(NULL), -ECANCELED);
    CHECK_INT(bide_yield_value(NULL), -ECANCELED);
    BIDE_SHIELD(5) {
        CHECK_INT(bide_sleep(2), 0);
        CHECK_INT(bide_yield_value(NULL), -ECANCELED);
    }
    log_event("clean");
    return arg ? bide_fail(EPIPE, "half") : code;
}

TASK(closing_early_runs_its_clean_up)
{
    struct bide_gen *gen = bide_gen_new(clean_up, NULL);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK_LOG("Operation canceled clean");
    CHECK_AT(2);
    CHECK(!bide_cancelled());
    gen = bide_gen_new(clean_up, &gen); /* which fails */
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), -EPIPE);
    CHECK(strcmp(bide_error_text(-EPIPE), "half") == 0);
    return 0;
}

TASK(close_while_cancelled)
{
    struct bide_gen *gen = bide_gen_new(clean_up, NULL);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK_INT(bide_sleep(9), -ECANCELED);
    return 0;
}

TASK(closing_works_while_cancelled)
{
    struct bide_task *task = bide_create_task(close_while_cancelled, NULL);
    CHECK_INT(bide_yield(), 0);
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("Operation canceled clean");
    CHECK_AT(2);
    return 0;
}

/* The asker is cancelled in the middle of an ask: the generator sees it, and its end is the asker's. */
TASK(wait_for_ever)
{
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    return -ECANCELED;
}

TASK(ask_it)
{
    CHECK_INT(bide_gen_next(arg, NULL), -ECANCELED);
    CHECK_INT(bide_gen_next(arg, NULL), -ECANCELED);
    return bide_gen_close(arg);
}

TASK(it_sees_the_cancel_of_its_asker)
{
    struct bide_task *task = bide_create_task(ask_it, bide_gen_new(wait_for_ever, NULL));
    CHECK_INT(bide_sleep(1), 0);
    bide_cancel(task);
    return bide_await(task, NULL);
}

/* It yields on and on while it is closed: others run all the same. */
TASK(yield_a_thousand_times)
{
    for (int i = 0; i < 1000; i++) (void)bide_yield_value(NULL);
    log_event("end");
    return 0;
}

TASK(log_yields)
{
    for (int i = 0; i < 3; i++) {
        log_event("%d", i);
        CHECK_INT(bide_yield(), 0);
    }
    return 0;
}

TASK(a_generator_that_goes_on_yielding_freezes_nobody)
{
    struct bide_gen *gen = bide_gen_new(yield_a_thousand_times, NULL);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    struct bide_task *task = bide_create_task(log_yields, NULL);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK_LOG("0 1 2 end");
    return bide_await(task, NULL);
}

/* ---- misuse ---- */

static struct bide_gen *running;

TASK(close_running)
{
    return bide_gen_close(running);
}

TASK(sleeps)
{
    return bide_sleep(1);
}

TASK(closed_by_another_task)
{
    running = bide_gen_new(sleeps, NULL);
    bide_detach(bide_create_task(close_running, NULL));
    return bide_gen_next(running, NULL);
}

TASK(closed_by_itself)
{
    running = bide_gen_new(close_running, NULL);
    return bide_gen_next(running, NULL);
}

static struct bide_scope left;

TASK(return_with_a_scope)
{
    bide_timeout_enter(&left, 1);
    return 0;
}

TASK(return_with_a_scope_after_a_value)
{
    bide_timeout_enter(&left, 1);
    return bide_yield_value(NULL);
}

TASK(leave_the_askers_scope)
{
    bide_scope_exit(arg);
    return bide_yield_value(NULL);
}

TASK(leave_the_askers_scope_and_end)
{
    bide_scope_exit(arg);
    return 0;
}

/* Asks it twice, within a scope. */
static int asks(bide_fn fn)
{
    struct bide_scope scope;
    struct bide_gen *gen = bide_gen_new(fn, &scope);
    bide_timeout_enter(&scope, 1);
    bide_gen_next(gen, NULL);
    bide_gen_next(gen, NULL);
    bide_scope_exit(&scope);
    return bide_gen_close(gen);
}

TASK(open_at_its_end)
{
    return asks(return_with_a_scope);
}

TASK(open_at_its_end_after_a_value)
{
    return asks(return_with_a_scope_after_a_value);
}

TASK(askers_left)
{
    return asks(leave_the_askers_scope);
}

TASK(askers_left_at_its_end)
{
    return asks(leave_the_askers_scope_and_end);
}

TASK(exit_a_scope_that_stands_still)
{
    running = bide_gen_new(return_with_a_scope_after_a_value, NULL);
    bide_gen_next(running, NULL);
    bide_scope_exit(&left);
    return 0;
}

static int in_child(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void aborts(bide_fn fn, const char *words)
{
    check_aborts(in_child, &fn, words);
}

static void misuse_aborts(void **state)
{
    (void)state;
    aborts(closed_by_another_task, "is closed by task 'task-2' while it runs");
    aborts(closed_by_itself, "is closed by task 'main' while it runs");
    aborts(open_at_its_end, "is open");
    aborts(open_at_its_end_after_a_value, "is open");
    aborts(askers_left, "which it had not entered");
    aborts(askers_left_at_its_end, "which it had not entered");
    aborts(exit_a_scope_that_stands_still, "which it has not entered");
}

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
        RUN(closing_early_runs_its_clean_up), RUN(closing_works_while_cancelled),
        RUN(it_sees_the_cancel_of_its_asker), RUN(a_generator_that_goes_on_yielding_freezes_nobody),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
