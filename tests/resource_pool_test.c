/* SPDX-License-Identifier: MIT */
/* Pools of resources: never too many, first come first served, broken ones replaced. */
#include "check.h"
#include "factory.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static int number_of(const void *resource)
{
    return ((const struct thing *)resource)->number;
}

TASK(made_when_needed_and_kept)
{
    void *a, *b;
    open_things(3);
    CHECK_INT(bide_pool_size(things), 0);
    CHECK_INT(bide_pool_acquire(things, &a), 0);
    CHECK_INT(bide_pool_acquire(things, &b), 0);
    CHECK_INT(bide_pool_size(things), 2);
    CHECK_INT(bide_pool_idle(things), 0);
    bide_pool_release(things, a);
    bide_pool_release(things, b);
    CHECK_INT(bide_pool_idle(things), 2);
    CHECK_INT(bide_pool_acquire(things, &a), 0);
    CHECK_INT(number_of(a), 2); /* the warmest */
    bide_pool_release(things, a);
    CHECK_INT(factory.made, 2);
    bide_pool_free(things);
    CHECK_INT(factory.alive, 0);
    return 0;
}

TASK(use)
{
    void *resource;
    const char *name = arg;
    CHECK_INT(bide_pool_acquire(things, &resource), 0);
    log_event("%s%d", name, number_of(resource));
    CHECK_INT(bide_sleep(1), 0);
    bide_pool_release(things, resource);
    return 0;
}

TASK(first_come_first_served)
{
    struct bide_group group;
    open_things(2);
    BIDE_GROUP(group) {
        for (int i = 0; i < 6; i++)
            bide_group_start(&group, use, (char *[]){"a", "b", "c", "d", "e", "f"}[i]);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_LOG("a1 b2 c1 d2 e1 f2");
    CHECK_AT(3);
    bide_pool_free(things);
    return 0;
}

/* While one is being made it counts, and who comes meanwhile does not overtake who waits. */
TASK(never_too_many_even_while_they_are_made)
{
    struct bide_group group;
    open_things(2);
    factory.make_time = 5;
    BIDE_GROUP(group) {
        for (int i = 0; i < 4; i++) bide_group_start(&group, use, (char *[]){"a", "b", "c", "d"}[i]);
        CHECK_INT(bide_sleep(2), 0);
        CHECK_INT(bide_pool_size(things), 2);
    }
    CHECK_LOG("a1 b2 c1 d2");
    CHECK_AT(7);
    CHECK_INT(factory.most, 2);
    bide_pool_free(things);
    return 0;
}

TASK(broken_ones_are_replaced)
{
    void *a, *b;
    struct bide_group group;
    open_things(1);
    CHECK_INT(bide_pool_acquire(things, &a), 0);
    BIDE_GROUP(group) {
        bide_group_start(&group, use, "w");
        CHECK_INT(bide_yield(), 0);
        factory.destroy_time = 3; /* the place is free only afterwards */
        bide_pool_discard(things, a);
        CHECK_AT(3);
    }
    CHECK_LOG("w2");
    CHECK_AT(4);
    CHECK_INT(bide_pool_acquire(things, &a), 0);
    ((struct thing *)a)->broken = true; /* found out when it is to be used again */
    bide_pool_release(things, a);
    CHECK_INT(bide_pool_acquire(things, &b), 0);
    CHECK_INT(number_of(b), 3);
    CHECK_AT(7);
    CHECK_INT(factory.most, 1);
    bide_pool_release(things, b);
    bide_pool_free(things);
    CHECK_INT(factory.alive, 0);
    return 0;
}

TASK(acquire_in_vain)
{
    void *resource = &resource;
    CHECK_INT(bide_pool_acquire(things, &resource), -ECONNREFUSED);
    CHECK(resource == &resource);
    log_event("refused@%d", (int)bide_time());
    return 0;
}

/* The place that could not be filled goes to the next one, who tries too. */
TASK(what_cannot_be_made_is_the_next_ones_turn)
{
    struct bide_group group;
    open_things(1);
    factory.make_code = -ECONNREFUSED;
    factory.make_time = 1;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) bide_group_start(&group, acquire_in_vain, NULL);
        bide_group_start(&group, use, "u");
        CHECK_INT(bide_sleep(3.5), 0);
        factory.make_code = 0;
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_LOG("refused@1 refused@2 refused@3 u1");
    bide_pool_free(things);
    return 0;
}

/* ---- wrong use ---- */

TASK(refusals)
{
    void *resource;
    const struct bide_pool_options bad[] = {
        {.max = 1}, {.create = factory_make}, {.max = 1, .create = factory_make, .reserved = {1}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!bide_pool_new(&bad[i]) && errno == EINVAL);
    CHECK(!bide_pool_new(NULL) && errno == EINVAL);
    CHECK_INT(bide_pool_acquire(NULL, &resource), -EINVAL);
    open_things(1);
    CHECK_INT(bide_pool_acquire(things, NULL), -EINVAL);
    bide_pool_free(things);
    bide_pool_free(NULL);
    return 0;
}

static int acquires(void *arg)
{
    return bide_pool_acquire(things, arg);
}

static void outside(void **state)
{
    (void)state;
    void *resource;
    open_things(1);
    assert_int_equal(bide_pool_acquire(things, &resource), -EPERM);
    assert_int_equal(check_run(acquires, &resource), 0); /* it outlives loops */
    bide_pool_release(things, resource);
    assert_int_equal(check_run(acquires, &resource), 0);
    assert_int_equal(factory.made, 1);
    bide_pool_release(things, resource);
    bide_pool_free(things);
    assert_int_equal(factory.alive, 0);
}

TASK(acquire_while_freed)
{
    void *resource;
    CHECK_INT(bide_pool_acquire(things, &resource), -EPIPE);
    return 0;
}

TASK(nobody_enters_while_it_is_freed)
{
    void *resource;
    open_things(1);
    factory.destroy_time = 1;
    CHECK_INT(bide_pool_acquire(things, &resource), 0);
    bide_pool_release(things, resource);
    struct bide_task *task = bide_create_task(acquire_while_freed, NULL);
    bide_pool_free(things);
    CHECK_AT(1);
    return bide_await(task, NULL);
}

TASK(give_back_twice)
{
    void *a, *b;
    open_things(2);
    bide_pool_acquire(things, &a);
    bide_pool_acquire(things, &b);
    bide_pool_release(things, a);
    bide_pool_release(things, a);
    return 0;
}

TASK(give_back_what_was_not_taken)
{
    open_things(2);
    bide_pool_discard(things, &factory);
    return 0;
}

TASK(free_in_use)
{
    void *a;
    open_things(2);
    bide_pool_acquire(things, &a);
    bide_pool_free(things);
    return 0;
}

static int in_child(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void misuse_aborts(void **state)
{
    (void)state;
    bide_fn twice = give_back_twice, foreign = give_back_what_was_not_taken, in_use = free_in_use;
    check_aborts(in_child, &twice, "task 'main' gives the resource at");
    check_aborts(in_child, &foreign, "back to the pool at");
    check_aborts(in_child, &in_use, "while 1 of its resources are in use");
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
        RUN(made_when_needed_and_kept),
        RUN(first_come_first_served),
        RUN(never_too_many_even_while_they_are_made),
        RUN(broken_ones_are_replaced),
        RUN(what_cannot_be_made_is_the_next_ones_turn),
        RUN(refusals),
        cmocka_unit_test(outside),
        RUN(nobody_enters_while_it_is_freed),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
