/* SPDX-License-Identifier: MIT */
/* Groups, and the rest of rule 10: who cancels whom, what the outcome is, and every way out. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

static int seven = 7, cancelled = -ECANCELED;

TASK_OF(give, *(int *)arg);
TASK_OF(nap, bide_sleep(1));
TASK_OF(hang, bide_sleep(BIDE_FOREVER));
TASK_OF(yield_once, bide_yield());
TASK_OF(cancel_it_later, bide_sleep(1) < 0 ? 0 : bide_cancel(arg));
TASK_OF(fail_later, bide_sleep(1) < 0 ? -ECANCELED : -EIO);
TASK_OF(fail_when_cancelled, bide_sleep(BIDE_FOREVER) < 0 ? -EPIPE : 0);

TASK(clean_up_slowly)
{
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    BIDE_SHIELD(10) {
        CHECK_INT(bide_sleep(3), 0);
    }
    log_event("clean");
    return 0;
}

TASK(rule_10_falling_out_of_a_block_joins)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 3; i++) CHECK(bide_group_start(&group, nap, NULL));
        CHECK_AT(0);
    }
    CHECK_AT(1);
    CHECK_INT(bide_group_result(&group), 0);
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, nap, NULL));
        if (bide_time() > 0) continue;
    }
    CHECK_AT(2);
    return bide_group_result(&group);
}

TASK(rule_10_the_first_failure_cancels_the_others_and_the_block)
{
    struct bide_group group;
    struct bide_task *other = NULL;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, fail_later, NULL));
        CHECK(bide_group_start(&group, clean_up_slowly, NULL));
        other = bide_group_start(&group, fail_when_cancelled, NULL);
        CHECK_INT(bide_sleep(5), -ECANCELED);
        CHECK_AT(1);
        CHECK(bide_uncancel() == 0 && bide_cancelled());
        CHECK_INT(bide_await(other, NULL), -EPIPE);
    }
    CHECK_AT(4);
    CHECK_INT(bide_group_result(&group), -EIO);
    CHECK_LOG("clean");
    return bide_sleep(1);
}

TASK(rule_10_a_cancel_is_no_failure)
{
    struct bide_group group;
    bide_group_enter(&group);
    CHECK(bide_group_start(&group, clean_up_slowly, NULL));
    CHECK_INT(bide_yield(), 0);
    bide_group_cancel(&group);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    log_event("block");
    CHECK_INT(bide_group_exit(&group), 0);
    CHECK_LOG("block clean");
    CHECK_AT(3);
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, give, &cancelled));
        CHECK_INT(bide_cancel(bide_group_start(&group, hang, NULL)), 1);
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK_INT(bide_group_errors(&group, NULL, 0), 0);
    return bide_group_result(&group);
}

TASK(start_a_sibling)
{
    CHECK_INT(bide_group_wait(arg), -EPERM);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(bide_group_start(arg, nap, NULL));
    return bide_group_spawn(arg, nap, NULL);
}

TASK(rule_10_a_task_may_start_siblings_until_the_last_has_ended)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, start_a_sibling, &group));
    }
    CHECK_AT(2);
    CHECK_INT(bide_group_result(&group), 0);
    errno = 0;
    CHECK(!bide_group_start(&group, give, &seven) && errno == EINVAL); /* It is not open. */
    CHECK_INT(bide_group_spawn(&group, give, &seven), -EINVAL);
    return 0;
}

TASK(rule_10_a_task_started_in_a_cancelled_group_starts_cancelled)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_cancel(&group);
        struct bide_task *task = bide_group_start(&group, yield_once, NULL);
        CHECK_INT(bide_group_spawn(&group, clean_up_slowly, NULL), 0);
        CHECK(task && bide_await(task, NULL) == -ECANCELED);
        CHECK_INT(bide_task_result(task), -ECANCELED);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_LOG("clean");
    return 0;
}

TASK(rule_10_a_spawned_task_s_failure_goes_to_on_error_and_cancels_nobody)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK_INT(bide_group_spawn(&group, fail_later, NULL), 0);
        CHECK_INT(bide_group_spawn(&group, give, &cancelled), 0);
        CHECK_INT(bide_group_spawn(&group, NULL, NULL), -EINVAL);
        CHECK_INT(bide_sleep(2), 0);
        CHECK_LOG("error:-5");
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_group_errors(&group, NULL, 0), 0);
    return 0;
}

TASK(rule_10_all_failures_stay_readable)
{
    struct bide_group group, inner;
    struct bide_error errors[4];
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, fail_when_cancelled, NULL));
        CHECK(bide_group_start(&group, fail_later, NULL));
    }
    CHECK_INT(bide_group_result(&group), -EIO);
    memset(errors, 0x5a, sizeof errors);
    CHECK_INT(bide_group_errors(&group, errors, 1), 2);
    CHECK(errors[0].code == -EIO && errors[1].code == 0x5a5a5a5a);
    CHECK_INT(bide_group_errors(&group, errors, 4), 2);
    CHECK(errors[0].code == -EIO && errors[1].code == -EPIPE && errors[2].code == 0x5a5a5a5a);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_group_errors(&group, errors, 4), 2);
    BIDE_GROUP(inner) {
        CHECK_INT(bide_group_errors(&group, errors, 4), 2);
    }
    CHECK_INT(bide_group_errors(&group, errors, 4), 0);
    return 0;
}

static int leave(struct bide_group *group, int how)
{
    BIDE_GROUP(*group) {
        CHECK(bide_group_start(group, clean_up_slowly, NULL));
        CHECK_INT(bide_yield(), 0);
        if (how == 0) break;
        if (how == 1) return 1;
        if (how == 2) goto out;
    }
out:
    return 0;
}

TASK(rule_10_break_return_and_goto_cancel_then_join)
{
    for (int how = 0; how < 3; how++) {
        struct bide_group group;
        log_clear();
        CHECK_INT(leave(&group, how), how == 1);
        CHECK_LOG("clean");
        CHECK_AT(3 * (how + 1));
        CHECK_INT(bide_group_result(&group), 0);
        CHECK_INT(bide_sleep(0), 0);
    }
    return 0;
}

TASK(rule_10_the_failure_beats_my_own_code)
{
    struct bide_group group;
    bide_detach(bide_create_task(cancel_it_later, bide_current_task()));
    bide_group_enter(&group);
    CHECK(bide_group_start(&group, fail_when_cancelled, NULL));
    CHECK_INT(bide_group_exit(&group), -EPIPE);
    CHECK_INT(bide_group_result(&group), -EPIPE);
    CHECK_INT(bide_uncancel(), 0);
    bide_detach(bide_create_task(cancel_it_later, bide_current_task()));
    bide_group_enter(&group);
    CHECK(bide_group_start(&group, hang, NULL));
    CHECK_INT(bide_group_exit(&group), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

TASK(group_wait_joins_without_leaving)
{
    struct bide_group group;
    bide_group_enter(&group);
    struct bide_task *task = bide_group_start(&group, nap, NULL);
    BIDE_TIMEOUT(0.5) {
        CHECK_INT(bide_group_wait(&group), -ETIMEDOUT);
    }
    CHECK(!bide_task_done(task));
    CHECK_INT(bide_group_wait(&group), 0);
    CHECK_AT(1);
    CHECK(bide_await(task, NULL) == 0 && bide_await(task, NULL) == 0);
    CHECK(bide_group_start(&group, fail_later, NULL));
    CHECK_INT(bide_group_wait(&group), -EIO);
    CHECK_INT(bide_group_exit(&group), -EIO);
    CHECK_AT(2);
    return 0;
}

static struct bide_group outside;

static void a_group_outside_a_task_starts_nothing(void **state)
{
    (void)state;
    BIDE_GROUP(outside) {
        errno = 0;
        assert_null(bide_group_start(&outside, give, &seven));
        assert_int_equal(errno, EPERM);
        assert_int_equal(bide_group_spawn(&outside, give, &seven), -EPERM);
        bide_group_cancel(&outside);
    }
    assert_int_equal(bide_group_errors(&outside, NULL, 0), 0);
}

TASK(ten_thousand_members_are_joined_and_cancelled)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < 10000; i++) CHECK(bide_group_start(&group, i % 2 ? nap : yield_once, NULL));
    }
    CHECK(bide_group_result(&group) == 0 && bide_time() == 1);
    BIDE_GROUP(group) {
        for (int i = 0; i < 10000; i++) CHECK(bide_group_start(&group, i == 5000 ? fail_later : hang, NULL));
    }
    CHECK_INT(bide_group_result(&group), -EIO);
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    return 0;
}

static long resident_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long all, resident = -1;
    if (file && fscanf(file, "%ld %ld", &all, &resident) != 2) resident = -1;
    if (file) fclose(file);
    return resident;
}

extern void __asan_init(void) __attribute__((weak)); /* They keep memory of their own. */
extern void __tsan_init(void) __attribute__((weak));

TASK(a_long_lived_group_that_spawns_does_not_grow)
{
    struct bide_group group;
    long start = 0;
    BIDE_GROUP(group) {
        for (int i = 0; i < 110000; i++) {
            if (i == 10000) start = resident_pages();
            CHECK_INT(bide_group_spawn(&group, i % 2 ? nap : yield_once, NULL), 0);
            if (i % 10 == 9) CHECK_INT(bide_sleep(1), 0);
        }
        CHECK(__asan_init || __tsan_init || resident_pages() < start + 500);
    }
    return bide_group_result(&group);
}

static struct bide_scope scope;

TASK(be_sloppy)
{
    const int how = *(int *)arg;
    bide_task_set_name(bide_current_task(), "sloppy");
    if (how != 1) bide_group_enter(&outside);
    if (how != 0) bide_timeout_enter(&scope, 1);
    return how == 2 ? bide_group_exit(&outside) : 0;
}

static int run_sloppy(void *arg)
{
    return bide_run(be_sloppy, arg);
}

static void groups_and_scopes_left_open_or_crossed_abort(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) check_aborts(run_sloppy, &how, "sloppy");
}

static void log_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    log_event("error:%d", error->code);
}

static void run_in_a_loop(void **state)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = log_error};
    log_clear();
    assert_int_equal(check_run_with(&options, (bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(rule_10_falling_out_of_a_block_joins),
        IN_A_LOOP(rule_10_the_first_failure_cancels_the_others_and_the_block),
        IN_A_LOOP(rule_10_a_cancel_is_no_failure),
        IN_A_LOOP(rule_10_a_task_may_start_siblings_until_the_last_has_ended),
        IN_A_LOOP(rule_10_a_task_started_in_a_cancelled_group_starts_cancelled),
        IN_A_LOOP(rule_10_a_spawned_task_s_failure_goes_to_on_error_and_cancels_nobody),
        IN_A_LOOP(rule_10_all_failures_stay_readable),
        IN_A_LOOP(rule_10_break_return_and_goto_cancel_then_join),
        IN_A_LOOP(rule_10_the_failure_beats_my_own_code),
        IN_A_LOOP(group_wait_joins_without_leaving),
        cmocka_unit_test(a_group_outside_a_task_starts_nothing),
        IN_A_LOOP(ten_thousand_members_are_joined_and_cancelled),
        IN_A_LOOP(a_long_lived_group_that_spawns_does_not_grow),
        cmocka_unit_test(groups_and_scopes_left_open_or_crossed_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
