/* SPDX-License-Identifier: MIT */
/* Generators and their loop: outside of tasks, in one run after another, left at the end; and faults. */
#include "check.h"
#include "sweep.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static void *number(intptr_t n)
{
    return (void *)n;
}

/* Gives 1 to *arg, and returns what it was told when it is closed. */
TASK(count)
{
    for (intptr_t i = 1; i <= *(int *)arg; i++) {
        const int code = bide_yield_value(number(i));
        if (code < 0) {
            log_event("closed%d", (int)i);
            return code;
        }
    }
    return 99; /* no value: the end */
}

TASK(ask)
{
    void *value;
    return bide_gen_next(*(struct bide_gen **)arg, &value);
}

static void between_tasks(void *arg)
{
    static int three = 3;
    struct bide_gen **gen = arg;
    if (bide_gen_next(*gen, NULL) != -EPERM || bide_gen_close(*gen) != -EPERM)
        check_failed(__FILE__, __LINE__, "asked outside of tasks");
    bide_gen_close(bide_gen_new(count, &three));
    *gen = bide_gen_new(count, &three);
}

TASK(outside_of_tasks_they_are_made_but_not_asked)
{
    struct bide_gen *first = bide_gen_new(count, &(int){3}), *gen = first;
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_call_soon(NULL, between_tasks, &gen), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(gen != first);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    return bide_gen_close(first);
}

static void outside_of_loops(void **state)
{
    (void)state;
    assert_null(bide_gen_new(count, NULL));
    assert_int_equal(errno, EPERM);
    assert_int_equal(bide_yield_value(NULL), -EPERM);
    assert_int_equal(bide_gen_next(NULL, NULL), -EPERM);
    assert_null(bide_gen_sent());
}

TASK(begin_one)
{
    static int three = 3;
    *(struct bide_gen **)arg = bide_gen_new(count, &three);
    return bide_gen_next(*(struct bide_gen **)arg, NULL);
}

static void it_lives_as_long_as_its_loop(void **state)
{
    (void)state;
    int result = 0;
    struct bide_gen *gen = NULL;
    struct bide_loop *loop = bide_loop_new(NULL);
    log_clear();
    assert_int_equal(bide_loop_run(loop, begin_one, &gen, &result), 0);
    assert_int_equal(result, 1);
    assert_int_equal(bide_gen_close(gen), -EPERM);
    assert_int_equal(bide_loop_run(loop, ask, &gen, &result), 0);
    assert_int_equal(result, 1);
    bide_loop_free(loop);
    assert_string_equal(log_text(), "closed2");
}

/* ---- left open at the end of the loop ---- */

static struct bide_gen *gens[3];

TASK(log_the_end)
{
    int code = bide_yield_value(NULL);
    log_event("%s:%d", (const char *)arg, code == -ECANCELED && bide_sleep(1) == -ECANCELED);
    return 0;
}

/* Its clean-up closes what others have made. */
TASK(close_the_others)
{
    (void)bide_yield_value(NULL);
    log_event("closer");
    return bide_gen_close(gens[0]) | bide_gen_close(gens[2]);
}

TASK(nobody)
{
    return 0;
}

TASK(the_loop_closes_what_is_left)
{
    gens[0] = bide_gen_new(log_the_end, "a");
    gens[1] = bide_gen_new(close_the_others, NULL);
    gens[2] = bide_gen_new(log_the_end, "b");
    for (int i = 0; i < 3; i++) CHECK_INT(bide_gen_next(gens[i], NULL), 1);
    struct bide_gen *unasked = bide_gen_new(log_the_end, "never");
    struct bide_gen *ended = bide_gen_new(nobody, NULL);
    CHECK(unasked);
    return bide_gen_next(ended, NULL);
}

static void left_open(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run(the_loop_closes_what_is_left, NULL), 0);
    assert_string_equal(log_text(), "a:1 closer b:1");
}

/* "Every task waits for another", in a generator in a generator, joined for ever: freed as it stands. */
TASK(wait_for_the_other)
{
    (void)bide_await(*(struct bide_task **)arg, NULL);
    return 0;
}

TASK(ask_one_that_waits)
{
    struct bide_gen *gen = bide_gen_new(wait_for_the_other, arg);
    (void)bide_gen_next(gen, NULL);
    return bide_gen_close(gen);
}

TASK(ask_one_that_asks)
{
    struct bide_gen *gen = bide_gen_new(ask_one_that_waits, arg);
    struct bide_gen *other = bide_gen_new(log_the_end, "never");
    (void)bide_gen_next(other, NULL);
    (void)bide_gen_next(gen, NULL);
    return bide_gen_close(gen);
}

TASK(wait_for_each_other)
{
    static struct bide_task *tasks[3];
    tasks[0] = bide_create_task(ask_one_that_asks, &tasks[1]);
    tasks[1] = bide_create_task(ask_one_that_asks, &tasks[2]);
    tasks[2] = bide_create_task(ask_one_that_asks, &tasks[0]);
    return bide_sleep(BIDE_FOREVER);
}

static void stuck_in_generators(void **state)
{
    (void)state;
    assert_int_equal(check_run(wait_for_each_other, NULL), -EDEADLK);
}

TASK(tick)
{
    for (intptr_t i = 1;; i++) {
        const int slept = bide_sleep(1);
        if (slept < 0) return slept;
        const int code = bide_yield_value(number(i));
        if (code < 0) return code;
    }
}

/* ---- faults ---- */

TASK(ask_under_faults)
{
    int code = 0, n = 0;
    for (int i = 0; i < 3; i++) {
        struct bide_gen *gen = bide_gen_new(tick, NULL);
        sweep_note(&code, gen ? 0 : -errno);
        for (n = 0; gen && n < 3; n++) CHECK_INT(bide_gen_next(gen, NULL), 1);
        CHECK_INT(bide_gen_close(gen), 0);
    }
    struct bide_gen *left = bide_gen_new(tick, NULL);
    sweep_note(&code, left ? bide_gen_next(left, NULL) : -errno);
    return code;
}

SWEEP(ask_under_faults, .clock = BIDE_CLOCK_VIRTUAL)

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
        RUN(outside_of_tasks_they_are_made_but_not_asked),
        cmocka_unit_test(outside_of_loops),
        cmocka_unit_test(it_lives_as_long_as_its_loop),
        cmocka_unit_test(left_open),
        cmocka_unit_test(stuck_in_generators),
        SWEEP_TEST(every_fault_of_ask_under_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
