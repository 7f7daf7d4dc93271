/* SPDX-License-Identifier: MIT */
/* Pools of resources whose users are cut short, do as they like, or find no memory: no place is lost. */
#include "check.h"
#include "factory.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

TASK(acquire_and_be_cut)
{
    void *resource;
    const int code = bide_pool_acquire(things, &resource);
    if (code == 0) bide_pool_release(things, resource);
    log_event("%d", code);
    return 0;
}

/* Cancels the one who acquires at that time, and then takes what must be there. */
static int cut_at(double seconds)
{
    void *resource;
    struct bide_task *task = bide_create_task(acquire_and_be_cut, NULL);
    CHECK_INT(bide_sleep(seconds), 0);
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    BIDE_TIMEOUT(20) {
        CHECK_INT(bide_pool_acquire(things, &resource), 0);
        bide_pool_release(things, resource);
    }
    CHECK_INT(bide_pool_size(things), 1);
    CHECK_INT(bide_pool_idle(things), 1);
    return 0;
}

TASK(bug_08_a_cancel_loses_no_place)
{
    open_things(1);
    factory.make_time = 2;
    CHECK_INT(cut_at(1), 0); /* while it is made */
    CHECK_INT(factory.made, 1);
    factory.check_time = 2;
    CHECK_INT(cut_at(1), 0); /* while it is checked: it stays */
    CHECK_INT(factory.made, 1);
    CHECK_LOG("-125 -125");
    factory.make_time = factory.check_time = 0;
    CHECK_INT(cut_at(0), 0); /* it has it */
    bide_pool_free(things);

    BIDE_TIMEOUT(0) {
        void *resource;
        open_things(1);
        CHECK_INT(bide_pool_acquire(things, &resource), -ETIMEDOUT);
        CHECK_INT(factory.made, 0);
    }
    bide_pool_free(things);
    return 0;
}

/* What was given stays given when a cancel comes in the same turn; else the next one in line has it. */
TASK(bug_07_given_and_cancelled_in_one_turn)
{
    void *resource;
    open_things(1);
    CHECK_INT(bide_pool_acquire(things, &resource), 0);
    struct bide_task *first = bide_create_task(acquire_and_be_cut, NULL);
    struct bide_task *second = bide_create_task(acquire_and_be_cut, NULL);
    CHECK_INT(bide_sleep(1), 0);
    bide_pool_release(things, resource);
    bide_cancel(first);
    CHECK_INT(bide_await(first, NULL), 0);
    CHECK_INT(bide_await(second, NULL), 0);
    CHECK_LOG("0 0");
    CHECK_INT(bide_pool_acquire(things, &resource), 0);
    first = bide_create_task(acquire_and_be_cut, NULL);
    second = bide_create_task(acquire_and_be_cut, NULL);
    CHECK_INT(bide_sleep(1), 0);
    bide_cancel(first);
    bide_pool_release(things, resource);
    CHECK_INT(bide_await(first, NULL), 0);
    CHECK_INT(bide_await(second, NULL), 0);
    CHECK_LOG("0 0 -125 0");
    bide_pool_free(things);
    return 0;
}

/* ---- random tasks ---- */

static uint64_t random_state;
static int got, refused, cut;

static int draw(int n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((random_state >> 33) % (uint64_t)n);
}

TASK(random_user)
{
    for (int n = draw(4); n >= 0; n--) {
        void *resource;
        (void)bide_sleep(draw(4));
        factory.make_code = draw(6) == 0 ? -EIO : 0;
        factory.make_time = draw(3);
        factory.check_time = draw(3);
        factory.destroy_time = draw(2);
        const int code = bide_pool_acquire(things, &resource);
        if (code < 0) {
            CHECK(code == -EIO || bide_cancelled());
            refused += code == -EIO;
            cut += code == -ECANCELED;
            continue;
        }
        struct thing *thing = resource;
        CHECK(!thing->used);
        thing->used = true;
        got++;
        (void)bide_sleep(draw(4));
        thing->used = false;
        thing->broken = draw(4) == 0;
        if (draw(4) == 0)
            bide_pool_discard(things, resource);
        else
            bide_pool_release(things, resource);
    }
    return 0;
}

TASK(random_users)
{
    enum { USERS = 8 };
    struct bide_group group;
    struct bide_task *tasks[USERS];
    const size_t max = (size_t)(1 + draw(4));
    open_things(max);
    BIDE_GROUP(group) {
        for (int i = 0; i < USERS; i++) tasks[i] = bide_group_start(&group, random_user, NULL);
        for (int i = draw(USERS); i > 0; i--) {
            CHECK_INT(bide_sleep(draw(5)), 0);
            bide_cancel(tasks[draw(USERS)]);
        }
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_pool_size(things), bide_pool_idle(things));
    CHECK_INT(bide_pool_size(things), factory.alive);
    CHECK((size_t)factory.most <= max);
    bide_pool_free(things);
    CHECK_INT(factory.alive, 0);
    return 0;
}

static void random_users_find_all_places_again(void **state)
{
    (void)state;
    const char *seeds = getenv("BIDE_SEEDS");
    const uint64_t n = seeds ? strtoull(seeds, NULL, 10) : (uint64_t)rounds(10000);
    for (uint64_t seed = 1; seed <= n; seed++) {
        random_state = seed;
        if (check_run(random_users, NULL) != 0) fail_msg("seed %d", (int)seed);
    }
    assert_true(got > 0 && refused > 0 && cut > 0);
}

/* ---- faults ---- */

TASK(use_under_faults)
{
    int code = 0;
    const struct bide_pool_options options = {
        .max = 9, .create = factory_make, .destroy = factory_destroy, .arg = &factory};
    factory = (struct factory){0};
    struct bide_pool *own = bide_pool_new(&options);
    if (!own) return -errno;
    void *resources[6];
    int taken[6];
    for (int i = 0; i < 6; i++) {
        taken[i] = bide_pool_acquire(own, &resources[i]);
        sweep_note(&code, taken[i]);
    }
    for (int i = 0; i < 6; i++)
        if (taken[i] == 0) bide_pool_release(own, resources[i]);
    CHECK_INT(bide_pool_size(own), bide_pool_idle(own));
    bide_pool_free(own);
    CHECK_INT(factory.alive, 0);
    return code;
}

SWEEP(use_under_faults, .clock = BIDE_CLOCK_VIRTUAL)

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
        RUN(bug_08_a_cancel_loses_no_place),
        RUN(bug_07_given_and_cancelled_in_one_turn),
        cmocka_unit_test(random_users_find_all_places_again),
        SWEEP_TEST(every_fault_of_use_under_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
