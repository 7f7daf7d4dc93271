/* SPDX-License-Identifier: MIT */
/* Corners of failures: who sees their texts, and the reports of those that nobody takes. */
#include "check.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CHECK_TEXT(text, expected)                                                                           \
    do {                                                                                                     \
        if (strcmp((text), (expected)) != 0) {                                                               \
            check_failed(__FILE__, __LINE__, "\"%s\" is not \"%s\"", (text), (expected));                    \
            return -EPROTO;                                                                                  \
        }                                                                                                    \
    } while (0)

static int fail_with_own_text(void *arg)
{
    (void)arg;
    const int code = bide_fail(EIO, "the disk is gone");
    return bide_fail(-code, "loading: %s", bide_error_text(code));
}

static int own_text_in_task_and_thread(void *arg)
{
    int result = fail_with_own_text(arg);
    CHECK_TEXT(bide_error_text(result), "loading: the disk is gone");
    CHECK_INT(bide_to_thread(fail_with_own_text, NULL, &result), 0);
    CHECK_TEXT(bide_error_text(result), "loading: the disk is gone");
    return 0;
}

static void a_failure_may_quote_its_own_text(void **state)
{
    (void)state;
    const int code = fail_with_own_text(NULL);
    assert_int_equal(code, -EIO);
    assert_string_equal(bide_error_text(code), "loading: the disk is gone");
    assert_int_equal(check_run(own_text_in_task_and_thread, NULL), 0);
}

static void the_smallest_code_is_invalid(void **state)
{
    (void)state;
    assert_int_equal(bide_fail(INT_MIN, "smallest"), -EINVAL);
    assert_string_equal(bide_error_text(INT_MIN), "smallest");
}

static int fail_later(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(1), 0);
    return bide_fail(EIO, "the disk is gone");
}

static int shield_sees_text(void *task)
{
    int result = 0;
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_TEXT(bide_error_text(result), "the disk is gone");
    return 0;
}

struct look {
    int how;    /* whether the task is awaited, gathered or let go */
    bool first; /* the other looks before that is done */
};

static int look_at_text(void *arg)
{
    const struct look *look = arg;
    struct bide_task *task = bide_create_task(fail_later, NULL);
    struct bide_task *looker = bide_create_task(shield_sees_text, task);
    if (look->first) CHECK_INT(bide_yield(), 0);
    int result = -EIO;
    if (look->how == 0) CHECK_INT(bide_await(task, &result), 0);
    if (look->how == 1) CHECK_INT(bide_gather_tasks(&task, 1, &result), 0);
    if (look->how == 2) bide_detach(task);
    if (look->how < 2) CHECK_TEXT(bide_error_text(result), "the disk is gone");
    return bide_await(looker, NULL);
}

static void ignore_error(void *arg, const struct bide_error *error)
{
    (void)error;
    ++*(int *)arg;
}

static void all_who_look_see_the_text(void **state)
{
    (void)state;
    int reports = 0;
    const struct bide_options options = {
        .clock = BIDE_CLOCK_VIRTUAL, .on_error = ignore_error, .on_error_arg = &reports};
    for (int i = 0; i < 6; i++) {
        struct look look = {i % 3, i >= 3};
        assert_int_equal(check_run_with(&options, look_at_text, &look), 0);
    }
    assert_int_equal(reports, 2);
}

static int wait_in_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, fail_later, NULL));
        CHECK_INT(bide_group_wait(&group), -EIO);
        CHECK_TEXT(bide_error_text(-EIO), "the disk is gone");
    }
    return 0;
}

static void group_wait_passes_the_text_on(void **state)
{
    (void)state;
    assert_int_equal(check_run(wait_in_group, NULL), 0);
}

static void copy_error(void *arg, struct bide_task *task)
{
    struct bide_error error;
    if (bide_task_error(task, &error))
        snprintf(arg, 100, "%s: %d %s", error.task, error.code, error.file && error.line ? error.text : "?");
}

static int error_in_callback(void *arg)
{
    (void)arg;
    char text[100] = "";
    struct bide_error error;
    const struct bide_task_options named = {.name = "loser"};
    struct bide_task *task = bide_create_task_with(&named, fail_later, NULL);
    CHECK_INT(bide_task_on_done(task, copy_error, text), 0);
    CHECK(!bide_task_error(task, &error));
    CHECK(!bide_task_error(NULL, &error));
    CHECK_INT(bide_await(task, NULL), -EIO);
    char expected[100];
    snprintf(expected, sizeof expected, "loser: %d the disk is gone", -EIO);
    CHECK_TEXT(text, expected);
    return 0;
}

static void task_error_tells_done_callbacks_what_failed(void **state)
{
    (void)state;
    assert_int_equal(check_run(error_in_callback, NULL), 0);
}

/* ---- reports ---- */

static int fail_now(void *arg)
{
    (void)arg;
    return bide_fail(EIO, "the disk is gone");
}

/* Lets a task go that has failed: that is reported on this task's stack, of which 8 KiB are left. */
static int report_here(void *arg)
{
    const size_t size = bide_stack_min(), left = 8 * 1024;
    volatile char used[size > left ? size - left : 1];
    used[0] = 1;
    struct bide_task *task = bide_create_task(fail_now, arg);
    const int code = bide_yield();
    bide_detach(task);
    return code < 0 ? code : used[0] - 1;
}

static int report_on_small_stack(void *arg)
{
    const struct bide_task_options small = {.stack_size = bide_stack_min()};
    return bide_await(bide_create_task_with(&small, report_here, arg), NULL);
}

static int run_report(void *arg)
{
    return bide_run(report_on_small_stack, arg);
}

static void the_default_report_fits_on_the_smallest_stack(void **state)
{
    (void)state;
    char err[4096];
    assert_int_equal(check_child(run_report, NULL, err, sizeof err), 0);
    assert_non_null(strstr(err, "failed: the disk is gone ("));
}

static void create_at_end(void *arg, const struct bide_error *error)
{
    (void)error;
    int *refused = arg;
    struct bide_task *task = bide_create_task(fail_now, NULL);
    if (!task && errno == EPERM) ++*refused;
    bide_detach(task);
}

static int leave_failures(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) CHECK(bide_create_task(fail_now, NULL));
    return bide_sleep(1);
}

/* Nothing runs any more when .debug reports what nobody took, so nothing can be started. */
static void on_error_cannot_start_tasks_at_the_end(void **state)
{
    (void)state;
    int refused = 0;
    const struct bide_options options = {
        .clock = BIDE_CLOCK_VIRTUAL, .debug = true, .on_error = create_at_end, .on_error_arg = &refused};
    assert_int_equal(check_run_with(&options, leave_failures, NULL), 0);
    assert_int_equal(refused, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_may_quote_its_own_text),
        cmocka_unit_test(the_smallest_code_is_invalid),
        cmocka_unit_test(all_who_look_see_the_text),
        cmocka_unit_test(group_wait_passes_the_text_on),
        cmocka_unit_test(task_error_tells_done_callbacks_what_failed),
        cmocka_unit_test(the_default_report_fits_on_the_smallest_stack),
        cmocka_unit_test(on_error_cannot_start_tasks_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
