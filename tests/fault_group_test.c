/* SPDX-License-Identifier: MIT */
/* Programs of many tasks at once, each with every one of its calls to the system failing. */
#include "faults.h"
#include "sweep.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))

TASK(gather)
{
    struct sweep_item *items[6];
    struct bide_call calls[6];
    int results[6], code = 0;
    for (int i = 0; i < 6; i++)
        calls[i] = (struct bide_call){i == 3 ? sweep_fail : sweep_use, items[i] = sweep_item()};
    CHECK_INT(bide_gather(calls, 6, results), 0);
    for (int i = 0; i < 6; i++) {
        items[i]->taken = results[i] != -ENOMEM;
        CHECK(results[i] == -ENOMEM || results[i] == (i == 3 ? -EIO : 0));
        if (results[i] == -ENOMEM) sweep_note(&code, -ENOMEM);
        CHECK(sweep_is_text(bide_error_text(-EIO), -EIO));
    }
    return code;
}

/* Without results the first failure tells the rest to end; what was started does. */
TASK(gather_all_or_none)
{
    struct bide_call calls[4];
    struct sweep_item *items[4];
    for (int i = 0; i < 4; i++) calls[i] = (struct bide_call){sweep_nap, items[i] = sweep_item()};
    int code = bide_gather(calls, 4, NULL);
    for (int i = 0; i < 4 && code == 0; i++) items[i]->taken = 1;
    CHECK(code == 0 || code == -ENOMEM);
    struct bide_task *tasks[3] = {sweep_create(NULL, sweep_nap), sweep_create(NULL, sweep_fail),
                                  sweep_create(NULL, sweep_nap)};
    const bool all = tasks[0] && tasks[1] && tasks[2];
    CHECK_INT(bide_gather_tasks(tasks, 3, NULL), all ? -EIO : -ENOMEM);
    CHECK(sweep_is_text(bide_error_text(-EIO), -EIO));
    return all ? code : -ENOMEM;
}

static int refused_starts;

static int fill_group(struct bide_group *group, int n)
{
    int code = 0;
    for (int i = 0; i < n; i++) {
        struct sweep_item *item = sweep_item();
        const int spawned = bide_group_spawn(group, i % 2 ? sweep_nap : sweep_use, item);
        item->taken = spawned >= 0;
        sweep_note(&code, spawned);
        if (!sweep_start(group, i % 2 ? sweep_use : sweep_nap)) sweep_note(&code, -ENOMEM), refused_starts++;
    }
    return code;
}

TASK(group_that_starts_and_spawns)
{
    struct bide_group group;
    struct bide_error errors[8];
    int code = 0;
    refused_starts = 0;
    BIDE_GROUP(group) code = fill_group(&group, 4);
    CHECK_INT(bide_group_result(&group), refused_starts ? -ENOMEM : 0);
    CHECK_INT(bide_group_errors(&group, errors, 8), refused_starts);
    for (int i = 0; i < refused_starts; i++) CHECK(errors[i].code == -ENOMEM && errors[i].text);
    return code;
}

TASK(group_that_fails)
{
    struct bide_group group;
    struct bide_error errors[8];
    int code = 0;
    refused_starts = 0;
    BIDE_GROUP(group) {
        code = fill_group(&group, 1);
        if (!sweep_start(&group, sweep_fail)) sweep_note(&code, -ENOMEM), refused_starts++;
    }
    const int outcome = bide_group_result(&group);
    CHECK_INT(outcome, refused_starts ? -ENOMEM : -EIO);
    CHECK(bide_group_errors(&group, errors, 8) >= 1);
    CHECK(sweep_is_text(bide_error_text(outcome), outcome));
    return code;
}

/* More than the first allocation of anything has room for. */
TASK(group_of_a_hundred)
{
    struct bide_group group;
    refused_starts = 0;
    BIDE_GROUP(group) (void)fill_group(&group, 50);
    return bide_group_result(&group);
}

TASK(fail_when_cancelled)
{
    return bide_sleep(BIDE_FOREVER) < 0 ? -EIO : 0;
}

TASK(fail_at_once)
{
    return -EPIPE;
}

/* Starts tasks until there is no memory for one. */
static bool starts_until_memory_is_out(struct bide_group *group)
{
    struct bide_task *task;
    faults_set(SYS_MMAP, ENOMEM, 0, FOR_EVER);
    do task = bide_group_start(group, fail_when_cancelled, NULL);
    while (task);
    faults_clear();
    return errno == ENOMEM;
}

TASK(the_first_failure_stands_first)
{
    for (int fails = 0; fails < 2; fails++) {
        struct bide_group group;
        struct bide_error errors[3];
        BIDE_GROUP(group) {
            CHECK(bide_group_start(&group, fails ? fail_at_once : fail_when_cancelled, NULL));
            CHECK_INT(bide_yield(), 0);
            CHECK(starts_until_memory_is_out(&group));
            CHECK(starts_until_memory_is_out(&group));
        }
        CHECK_INT(bide_group_result(&group), fails ? -EPIPE : -ENOMEM);
        const size_t n = bide_group_errors(&group, errors, 3);
        CHECK(n > 2);
        CHECK_INT(errors[0].code, fails ? -EPIPE : -ENOMEM);
        CHECK_INT(errors[1].code, fails ? -EIO : -ENOMEM);
        CHECK_INT(errors[2].code, -EIO);
        CHECK_INT(bide_group_errors(&group, errors, 1), n);
        CHECK_INT(bide_group_errors(&group, NULL, 0), n);
    }
    return 0;
}

static void what_could_not_be_started_has_its_place_among_the_failures(void **state)
{
    (void)state;
    assert_int_equal(check_run(the_first_failure_stands_first, NULL), 0);
}

SWEEP(gather, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(gather_all_or_none, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(group_that_starts_and_spawns, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(group_that_fails, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(group_of_a_hundred, .clock = BIDE_CLOCK_VIRTUAL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_not_be_started_has_its_place_among_the_failures),
        SWEEP_TEST(every_fault_of_gather),
        SWEEP_TEST(every_fault_of_gather_all_or_none),
        SWEEP_TEST(every_fault_of_group_that_starts_and_spawns),
        SWEEP_TEST(every_fault_of_group_that_fails),
        SWEEP_TEST(every_fault_of_group_of_a_hundred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
