/* SPDX-License-Identifier: MIT */
/*
 * Random programs by seed: tasks, gather, groups, deadlines, shields and cancels at once and
 * nested, in a random order, each compared with a model and ended in the zero state.
 *
 * BIDE_SEEDS says how many seeds, BIDE_SEED the first; with BIDE_TRACE what happens is printed.
 */
#include "check.h"
#include "schedule.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 20 }; /* seconds for one program, which takes a few milliseconds */

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* A program hangs: all that is allowed here is to say which. */
static void on_alarm(int signal)
{
    static const char words[] = "hangs: seed ";
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\n';
    for (uint64_t seed = program.seed; seed > 0; seed /= 10) digits[--at] = (char)('0' + seed % 10);
    if (write(STDERR_FILENO, words, sizeof words - 1) > 0 &&
        write(STDERR_FILENO, digits + at, sizeof digits - at) > 0)
        _exit(signal);
    _exit(1);
}

static void random_programs_end_in_the_zero_state(void **state)
{
    (void)state;
    const uint64_t first = number("BIDE_SEED", 1), seeds = number("BIDE_SEEDS", 1000);
    signal(SIGALRM, on_alarm);
    for (uint64_t i = 0; i < seeds; i++) {
        alarm(PATIENCE);
        if (!program_run(first + i)) fail_msg("%s", program.failure);
    }
    alarm(0);
}

/* ---- what they have found ---- */

static int seven_after_1(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(1), 0);
    return 7;
}

static int eight(void *arg)
{
    (void)arg;
    return 8;
}

struct look {
    struct bide_task *task;
    int (*how)(struct bide_task *task, int *result);
    int result;
};

static int looks(void *arg)
{
    struct look *look = arg;
    return look->how(look->task, &look->result);
}

/*
 * The task's owner runs first after its end, and gives its memory to the next task; whoever
 * looked must see the result all the same.
 */
static int looks_at_an_awaited_task(void *arg)
{
    (void)arg;
    struct look look = {bide_create_task(seven_after_1, NULL), bide_shield, 0};
    struct bide_task *looker = bide_create_task(looks, &look);
    CHECK_INT(bide_await(look.task, NULL), 0);
    struct bide_task *next = bide_create_task(eight, NULL);
    CHECK_INT(bide_await(looker, NULL), 0);
    CHECK_INT(look.result, 7);
    return bide_await(next, NULL);
}

static int awaits_a_member_from_outside(void *arg)
{
    (void)arg;
    struct look look = {NULL, bide_await, 0};
    struct bide_task *looker = bide_create_task(looks, &look);
    struct bide_group group;
    bide_group_enter(&group);
    look.task = bide_group_start(&group, seven_after_1, NULL);
    CHECK_INT(bide_group_exit(&group), 0);
    struct bide_task *next = bide_create_task(eight, NULL);
    CHECK_INT(bide_await(looker, NULL), 0);
    CHECK_INT(look.result, 7);
    return bide_await(next, NULL);
}

static void who_looks_needs_no_memory_of_the_task(void **state)
{
    (void)state;
    assert_int_equal(check_run(looks_at_an_awaited_task, NULL), 0);
    assert_int_equal(check_run(awaits_a_member_from_outside, NULL), 0);
}

static int cancels(void *arg)
{
    bide_cancel(arg);
    return 0;
}

static void cancels_too(void *arg, struct bide_task *task)
{
    (void)task;
    bide_cancel(arg);
}

static int cancelled_by_eager_child(void *arg)
{
    (void)arg;
    const struct bide_task_options eager = {.eager = true};
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        bide_detach(bide_create_task_with(&eager, cancels, bide_current_task()));
    }
    CHECK(bide_expired());
    return bide_yield();
}

static int cancelled_by_done_callback(void *arg)
{
    (void)arg;
    struct bide_task *task = bide_create_task(eight, NULL);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
        CHECK_INT(bide_task_on_done(task, cancels_too, bide_current_task()), 0);
    }
    CHECK(bide_expired());
    bide_detach(task);
    return bide_yield();
}

/* A cancel that comes after a call was cut short does not take the blame for it (row 5). */
static void a_cut_call_keeps_its_cause(void **state)
{
    (void)state;
    assert_int_equal(check_run(cancelled_by_eager_child, NULL), -ECANCELED);
    assert_int_equal(check_run(cancelled_by_done_callback, NULL), -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_end_in_the_zero_state),
        cmocka_unit_test(who_looks_needs_no_memory_of_the_task),
        cmocka_unit_test(a_cut_call_keeps_its_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
