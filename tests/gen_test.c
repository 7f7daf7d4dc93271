/* SPDX-License-Identifier: MIT */
/* Generators: values, ends and failures, waiting, who may ask. */
#include "check.h"

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

TASK(values_come_in_order_and_then_the_end_for_ever)
{
    int three = 3;
    void *value = NULL;
    struct bide_gen *gen = bide_gen_new(count, &three);
    CHECK(gen);
    for (intptr_t i = 1; i <= 3; i++) {
        CHECK_INT(bide_gen_next(gen, &value), 1);
        CHECK(value == number(i));
    }
    for (int i = 0; i < 3; i++) CHECK_INT(bide_gen_next(gen, &value), 0);
    CHECK(value == number(3));
    CHECK_INT(bide_gen_close(gen), 0);
    gen = bide_gen_new(count, &three);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK_LOG("closed1");
    return 0;
}

TASK(give_one_and_fail)
{
    CHECK_INT(bide_yield_value(arg), 0);
    return bide_fail(EIO, "disk %d is gone", 7);
}

TASK(a_failure_ends_it_and_has_its_text)
{
    void *value = NULL;
    int other = 0;
    struct bide_gen *gen = bide_gen_new(give_one_and_fail, &other);
    CHECK_INT(bide_gen_next(gen, &value), 1);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_gen_next(gen, &value), -EIO);
    CHECK(value == &other);
    CHECK(strcmp(bide_error_text(-EIO), "disk 7 is gone") == 0);
    CHECK_INT(bide_gen_close(gen), 0);
    return 0;
}

/* Gives the sum of what was sent. */
TASK(add_up)
{
    intptr_t sum = 0;
    while (bide_yield_value(number(sum += (intptr_t)bide_gen_sent())) == 0) {
    }
    CHECK(!bide_gen_sent());
    return 0;
}

TASK(what_is_sent_arrives)
{
    void *value = NULL;
    struct bide_gen *gen = bide_gen_new(add_up, NULL);
    static const intptr_t sums[] = {5, 15, 15, 12};
    CHECK_INT(bide_gen_send(gen, number(5), &value), 1);
    CHECK(value == number(sums[0]));
    CHECK_INT(bide_gen_send(gen, number(10), &value), 1);
    CHECK(value == number(sums[1]));
    CHECK_INT(bide_gen_next(gen, &value), 1);
    CHECK(value == number(sums[2]));
    CHECK_INT(bide_gen_send(gen, number(-3), &value), 1);
    CHECK(value == number(sums[3]));
    CHECK(!bide_gen_sent());
    return bide_gen_close(gen);
}

/* ---- waiting, and who asks ---- */

TASK(tick)
{
    for (intptr_t i = 1;; i++) {
        const int slept = bide_sleep(1);
        if (slept < 0) return slept;
        const int code = bide_yield_value(number(i));
        if (code < 0) return code;
    }
}

TASK(other_ticker)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(bide_sleep(0.75), 0);
        log_event("other%d", i);
    }
    return 0;
}

TASK(others_run_while_it_waits)
{
    void *value;
    struct bide_gen *gen = bide_gen_new(tick, NULL);
    struct bide_task *other = bide_create_task(other_ticker, NULL);
    while (bide_gen_next(gen, &value) == 1 && (intptr_t)value < 3) log_event("tick%d", (int)(intptr_t)value);
    CHECK_LOG("other0 tick1 other1 tick2 other2");
    CHECK_INT(bide_gen_close(gen), 0);
    return bide_await(other, NULL);
}

TASK(ask)
{
    void *value;
    return bide_gen_next(*(struct bide_gen **)arg, &value);
}

TASK(only_one_may_ask_at_a_time)
{
    struct bide_gen *gen = bide_gen_new(tick, NULL);
    const struct bide_call calls[] = {{ask, &gen}, {ask, &gen}, {ask, &gen}};
    int results[3];
    CHECK_INT(bide_gather(calls, 3, results), 0);
    CHECK_INT(results[0], 1);
    CHECK_INT(results[1], -EBUSY);
    CHECK_INT(results[2], -EBUSY);
    /* In turn they may: it goes on in one task what another began. */
    for (int i = 0; i < 3; i++) CHECK_INT(bide_await(bide_create_task(ask, &gen), &results[i]), 0);
    CHECK_INT(results[0] + results[1] + results[2], 3);
    CHECK_INT(bide_time() * 10 + 0.5, 40);
    return bide_gen_close(gen);
}

static struct bide_gen *inner, *outer;

TASK(ask_myself)
{
    CHECK_INT(bide_gen_next(inner, NULL), -EDEADLK);
    CHECK_INT(bide_gen_next(outer, NULL), -EDEADLK);
    CHECK_INT(bide_yield_value(NULL), 0);
    CHECK_INT(bide_gen_next(outer, NULL), -EDEADLK);
    return 0;
}

TASK(ask_the_inner_one)
{
    CHECK_INT(bide_gen_next(inner, NULL), 1);
    CHECK_INT(bide_yield_value(NULL), 0);
    CHECK_INT(bide_gen_next(inner, NULL), 0);
    CHECK_INT(bide_gen_next(outer, NULL), -EDEADLK);
    return 0;
}

TASK(it_cannot_ask_itself)
{
    inner = bide_gen_new(ask_myself, NULL);
    outer = bide_gen_new(ask_the_inner_one, NULL);
    CHECK_INT(bide_gen_next(outer, NULL), 1);
    CHECK_INT(bide_gen_next(outer, NULL), 0);
    CHECK_INT(bide_gen_close(inner), 0);
    return bide_gen_close(outer);
}

/* A tree in order: each node's generator passes on what its children's give. */
TASK(walk)
{
    const int depth = *(int *)arg;
    if (depth == 0) return 0;
    int below = depth - 1;
    for (int side = 0; side < 2; side++) {
        struct bide_gen *child = bide_gen_new(walk, &below);
        void *value;
        int code;
        while ((code = bide_gen_next(child, &value)) > 0) {
            code = bide_yield_value(value);
            if (code < 0) break;
        }
        bide_gen_close(child);
        if (code < 0) return code;
        if (side == 0) code = bide_yield_value(number(depth));
        if (code < 0) return code;
    }
    return 0;
}

TASK(generators_of_generators)
{
    int depth = 5, values = 0, sum = 0;
    void *value;
    struct bide_gen *gen = bide_gen_new(walk, &depth);
    for (; bide_gen_next(gen, &value) == 1; values++) sum += (int)(intptr_t)value;
    CHECK_INT(values, 31);
    CHECK_INT(sum, 16 * 1 + 8 * 2 + 4 * 3 + 2 * 4 + 5);
    CHECK_INT(bide_gen_close(gen), 0);
    gen = bide_gen_new(walk, &depth);
    for (int i = 0; i < 10; i++) CHECK_INT(bide_gen_next(gen, &value), 1);
    return bide_gen_close(gen);
}

TASK(who_am_i)
{
    for (;;) {
        const int code = bide_yield_value(bide_current_task());
        if (code < 0) return code;
    }
}

TASK(is_part_of_who_asks)
{
    void *value;
    CHECK_INT(bide_gen_next(arg, &value), 1);
    CHECK(value == bide_current_task());
    return 0;
}

TASK(it_is_part_of_whoever_asks_it)
{
    struct bide_gen *gen = bide_gen_new(who_am_i, NULL);
    CHECK_INT(is_part_of_who_asks(gen), 0);
    CHECK_INT(bide_await(bide_create_task(is_part_of_who_asks, gen), NULL), 0);
    CHECK_INT(is_part_of_who_asks(gen), 0);
    return bide_gen_close(gen);
}

TASK(bug_20_many_stand_still_at_once)
{
    enum { MANY = 3000 };
    static struct bide_gen *gens[MANY];
    int rounds = 3;
    for (int i = 0; i < MANY; i++) CHECK((gens[i] = bide_gen_new(count, &rounds)) != NULL);
    for (intptr_t round = 1; round <= 4; round++) {
        for (int i = 0; i < MANY; i++) {
            void *value = NULL;
            CHECK_INT(bide_gen_next(gens[i], &value), round <= 3);
            CHECK(value == (round <= 3 ? number(round) : NULL));
        }
    }
    for (int i = 0; i < MANY; i++) CHECK_INT(bide_gen_close(gens[i]), 0);
    return 0;
}

TASK(refusals)
{
    int three = 3;
    CHECK(!bide_gen_new(NULL, NULL) && errno == EINVAL);
    CHECK_INT(bide_gen_next(NULL, NULL), -EINVAL);
    CHECK_INT(bide_gen_send(NULL, NULL, NULL), -EINVAL);
    CHECK_INT(bide_yield_value(NULL), -EPERM);
    CHECK_INT(bide_gen_close(NULL), 0);
    struct bide_gen *gen = bide_gen_new(count, &three);
    CHECK_INT(bide_gen_close(gen), 0); /* it has never run */
    CHECK_LOG("");
    return 0;
}

static void stacks_of_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {32, 256, 300, 1024}; /* KiB */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct bide_options options = {.stack_size = sizes[i] * 1024};
        assert_int_equal(check_run_with(&options, generators_of_generators, NULL), 0);
        log_clear();
        assert_int_equal(check_run_with(&options, refusals, NULL), 0);
    }
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
        RUN(values_come_in_order_and_then_the_end_for_ever),
        RUN(a_failure_ends_it_and_has_its_text),
        RUN(what_is_sent_arrives),
        RUN(others_run_while_it_waits),
        RUN(only_one_may_ask_at_a_time),
        RUN(it_cannot_ask_itself),
        RUN(generators_of_generators),
        RUN(it_is_part_of_whoever_asks_it),
        RUN(bug_20_many_stand_still_at_once),
        RUN(refusals),
        cmocka_unit_test(stacks_of_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
