/* SPDX-License-Identifier: MIT */
/* Failures: the text and the place that go with them, and the errors that wrong use gives. */
#include "check.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "sys.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

#define CHECK_TEXT(code, expected)                                                                           \
    do {                                                                                                     \
        if (strcmp(bide_error_text(code), (expected)) != 0) {                                                \
            check_failed(__FILE__, __LINE__, "\"%s\" is not \"%s\"", bide_error_text(code), (expected));     \
            return -EPROTO;                                                                                  \
        }                                                                                                    \
    } while (0)

static int seven = 7, io_error = -EIO;

TASK_OF(give, *(int *)arg);
TASK_OF(nap, bide_sleep(1));
TASK_OF(lose_the_disk, bide_fail(EIO, "disk %s is gone", (const char *)arg));
TASK_OF(handle_it, bide_fail(EIO, "never seen") == -EIO ? -ENOENT : 0);

TASK(lose_it_later)
{
    CHECK_INT(bide_sleep(1), 0);
    return lose_the_disk(arg);
}

/* Awaits a task that fails, and passes its failure on as a plain call would. */
TASK(pass_on)
{
    int result = 0;
    CHECK_INT(bide_await(bide_create_task(lose_it_later, arg), &result), 0);
    return result;
}

TASK(a_text_is_seen_through_plain_calls)
{
    CHECK_TEXT(-EIO, strerror(EIO));
    CHECK_INT(lose_the_disk("a"), -EIO);
    CHECK_TEXT(-EIO, "disk a is gone");
    CHECK_TEXT(EIO, "disk a is gone");
    CHECK_INT(bide_fail(-EIO, "negative"), -EIO);
    CHECK_TEXT(-EIO, "negative");
    CHECK_INT(bide_fail(0, "none"), -EINVAL);
    CHECK_TEXT(-EINVAL, "none");
    return 0;
}

TASK(a_text_is_seen_through_await)
{
    int result = 0;
    CHECK_INT(bide_await(bide_create_task(lose_it_later, "a"), &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_TEXT(-EIO, "disk a is gone");
    CHECK_INT(bide_await(bide_create_task(pass_on, "b"), NULL), -EIO);
    CHECK_TEXT(-EIO, "disk b is gone");
    CHECK_INT(bide_sleep(1), 0);
    CHECK_TEXT(-EIO, "disk b is gone");
    struct bide_task *task = bide_create_task(lose_the_disk, "c");
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_TEXT(-EIO, "disk c is gone");
    CHECK_INT(bide_await(task, NULL), -EIO);
    return 0;
}

TASK(a_text_is_seen_through_gather)
{
    const struct bide_call calls[] = {{give, &seven}, {pass_on, "a"}, {nap, NULL}};
    int results[3];
    CHECK_INT(bide_gather(calls, 3, results), 0);
    CHECK_INT(results[1], -EIO);
    CHECK_TEXT(results[1], "disk a is gone");
    CHECK_INT(bide_fail(EIO, "other"), -EIO);
    CHECK_INT(bide_gather(calls, 3, NULL), -EIO);
    CHECK_TEXT(-EIO, "disk a is gone");
    return 0;
}

TASK(a_text_is_seen_through_groups_and_wait_for)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, nap, NULL));
        CHECK(bide_group_start(&group, pass_on, "a"));
    }
    CHECK_INT(bide_group_result(&group), -EIO);
    CHECK_TEXT(-EIO, "disk a is gone");
    int result = 0;
    CHECK_INT(bide_wait_for(pass_on, "b", 5, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_TEXT(-EIO, "disk b is gone");
    return 0;
}

TASK(a_text_is_seen_through_threads)
{
    int result = 0;
    CHECK_INT(bide_to_thread(lose_the_disk, "a", &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_TEXT(-EIO, "disk a is gone");
    CHECK_INT(bide_to_thread(give, &io_error, NULL), -EIO);
    CHECK_TEXT(-EIO, strerror(EIO));
    CHECK_INT(bide_to_thread(handle_it, NULL, NULL), -ENOENT);
    CHECK_TEXT(-EIO, strerror(EIO));
    return 0;
}

static void *fail_in_a_thread(void *arg)
{
    const int code = lose_the_disk(arg);
    return strcmp(bide_error_text(code), "disk there is gone") == 0 ? arg : NULL;
}

static void a_text_is_seen_where_bide_run_was_called(void **state)
{
    (void)state;
    assert_int_equal(check_run(pass_on, "main"), -EIO);
    assert_string_equal(bide_error_text(-EIO), "disk main is gone");
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, fail_in_a_thread, "there"), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_string_equal(bide_error_text(-EIO), "disk main is gone");
    assert_int_equal(check_run(give, &io_error), -EIO);
    assert_string_equal(bide_error_text(-EIO), strerror(EIO));
    assert_int_equal(lose_the_disk("here"), -EIO);
    assert_string_equal(bide_error_text(-EIO), "disk here is gone");
}

TASK(an_overlong_text_is_cut)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_INT(bide_fail(EIO, "%s", text), -EIO);
    CHECK_INT(strlen(bide_error_text(-EIO)), 199);
    CHECK(strncmp(bide_error_text(-EIO), text, 199) == 0);
    return 0;
}

TASK(a_stale_text_is_not_told_of_another_failure)
{
    CHECK_INT(bide_await(bide_create_task(lose_the_disk, "a"), NULL), -EIO);
    CHECK_TEXT(-ENOENT, strerror(ENOENT));
    CHECK_INT(bide_await(bide_create_task(give, &io_error), NULL), -EIO);
    CHECK_TEXT(-EIO, strerror(EIO));
    CHECK_INT(bide_await(bide_create_task(handle_it, NULL), NULL), -ENOENT);
    CHECK_TEXT(-ENOENT, strerror(ENOENT));
    CHECK_TEXT(-EIO, strerror(EIO));
    return 0;
}

TASK(see_nothing)
{
    CHECK_TEXT(-EIO, strerror(EIO));
    return lose_the_disk("other");
}

TASK(a_text_is_the_task_s_own)
{
    CHECK_INT(lose_the_disk("mine"), -EIO);
    struct bide_task *task = bide_create_task(see_nothing, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_task_done(task));
    CHECK_TEXT(-EIO, "disk mine is gone");
    CHECK_INT(bide_await(task, NULL), -EIO);
    CHECK_TEXT(-EIO, "disk other is gone");
    return 0;
}

static int place;

TASK(fail_at_a_place)
{
    if (bide_sleep(1) < 0) return -ECANCELED;
    place = __LINE__ + 1;
    return bide_fail(EIO, "%s", "told");
}

TASK(a_group_s_errors_have_text_and_place)
{
    struct bide_error errors[3] = {{.code = 0}};
    struct bide_group group;
    BIDE_GROUP(group) {
        struct bide_task *task = bide_group_start(&group, fail_at_a_place, NULL);
        CHECK_INT(bide_task_set_name(task, "placed"), 0);
        CHECK(bide_group_start(&group, give, &io_error));
    }
    CHECK_INT(bide_group_errors(&group, errors, 3), 1);
    CHECK(errors[0].code == -EIO && strcmp(errors[0].text, strerror(EIO)) == 0);
    CHECK(!errors[0].file && errors[0].line == 0 && strncmp(errors[0].task, "task-", 5) == 0);
    BIDE_GROUP(group) {
        struct bide_task *task = bide_group_start(&group, fail_at_a_place, NULL);
        CHECK_INT(bide_task_set_name(task, "placed"), 0);
    }
    CHECK_INT(bide_group_errors(&group, errors, 3), 1);
    CHECK(strcmp(errors[0].text, "told") == 0 && strcmp(errors[0].task, "placed") == 0);
    CHECK(strstr(errors[0].file, "error_test.c"));
    CHECK_INT(errors[0].line, place);
    return 0;
}

static int refuse_memory(enum sys_call call)
{
    return call == SYS_ALLOC ? ENOMEM : 0;
}

TASK(without_memory_the_code_is_not_lost)
{
    sys_fault = refuse_memory;
    const int code = lose_the_disk("a");
    sys_fault = NULL;
    CHECK_INT(code, -EIO);
    CHECK(strlen(bide_error_text(code)) > 0);
    CHECK_INT(lose_the_disk("b"), -EIO);
    CHECK_TEXT(-EIO, "disk b is gone");
    return 0;
}

static void a_waiting_call_outside_a_task_is_refused(void **state)
{
    (void)state;
    const struct bide_call call = {give, &seven};
    const struct sockaddr_in address = {.sin_family = AF_INET};
    struct bide_task *none = NULL;
    struct bide_group group;
    int result = 99;
    char byte = 0;
    assert_true(!bide_current_task() && !bide_current_loop() && bide_all_tasks(&none, 1) == 0);
    assert_true(!bide_cancelled() && bide_uncancel() == 0 && !bide_expired());
    errno = 0;
    assert_null(bide_create_task(give, &seven));
    assert_int_equal(errno, EPERM);
    assert_int_equal(bide_sleep(0), -EPERM);
    assert_int_equal(bide_yield(), -EPERM);
    assert_int_equal(bide_await(NULL, &result), -EPERM);
    assert_int_equal(bide_shield(NULL, &result), -EPERM);
    assert_int_equal(bide_gather(&call, 1, &result), -EPERM);
    assert_int_equal(bide_gather_tasks(&none, 1, &result), -EPERM);
    assert_int_equal(bide_wait_for(give, &seven, 1, &result), -EPERM);
    assert_int_equal(bide_to_thread(give, &seven, &result), -EPERM);
    assert_int_equal(result, 99);
    bide_group_enter(&group);
    assert_int_equal(bide_group_wait(&group), -EPERM);
    assert_int_equal(bide_group_exit(&group), -EPERM);
    assert_int_equal(bide_socket(AF_INET, SOCK_STREAM, 0), -EPERM);
    assert_int_equal(bide_accept(0, NULL, NULL), -EPERM);
    assert_int_equal(bide_connect(0, (const struct sockaddr *)&address, sizeof address), -EPERM);
    assert_int_equal(bide_read(0, &byte, 1), -EPERM);
    assert_int_equal(bide_write(1, &byte, 0), -EPERM);
    assert_int_equal(bide_write_all(1, &byte, 0, NULL), -EPERM);
    assert_int_equal(bide_poll(0, 1), -EPERM);
    assert_int_equal(bide_adopt(0), -EPERM);
    assert_int_equal(bide_release(0), -EPERM);
}

TASK(wrong_use_inside_a_task_is_refused)
{
    int result = 99;
    CHECK_INT(bide_run(give, &seven), -EALREADY);
    CHECK_INT(bide_run_with(NULL, give, &seven), -EALREADY);
    CHECK_INT(bide_sleep(__builtin_nan("")), -EINVAL);
    CHECK_INT(bide_wait_for(give, &seven, __builtin_nan(""), &result), -EINVAL);
    CHECK_INT(bide_wait_for(NULL, &seven, 1, &result), -EINVAL);
    CHECK_INT(bide_to_thread(NULL, &seven, &result), -EINVAL);
    CHECK_INT(bide_sleep(-1), 0);
    CHECK_INT(result, 99);
    return 0;
}

static int create_errno(size_t stack_size, bide_fn fn)
{
    const struct bide_task_options options = {.stack_size = stack_size};
    errno = 0;
    struct bide_task *task = bide_create_task_with(&options, fn, &seven);
    return task ? bide_await(task, NULL) : -errno;
}

TASK(bad_functions_and_stack_sizes_are_refused)
{
    CHECK_INT(create_errno(0, give), 0);
    CHECK_INT(create_errno(0, NULL), -EINVAL);
    CHECK_INT(create_errno(1, give), -EINVAL);
    CHECK_INT(create_errno(bide_stack_min() - 1, give), -EINVAL);
    CHECK_INT(create_errno(bide_stack_min(), give), 0);
    CHECK_INT(create_errno((size_t)1 << 20, give), 0);
    CHECK_INT(create_errno((size_t)1 << 60, give), -ENOMEM);
    CHECK(create_errno(SIZE_MAX, give) < 0);
    return 0;
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    assert_int_equal(bide_run(NULL, NULL), -EINVAL);
    const struct bide_options tiny = {.stack_size = 1}, huge = {.stack_size = (size_t)1 << 60};
    const struct bide_options no_clock = {.clock = (enum bide_clock)9};
    const struct bide_options odd = {.slow_after = __builtin_nan("")};
    assert_int_equal(check_run_with(&tiny, give, &seven), -EINVAL);
    assert_int_equal(check_run_with(&huge, give, &seven), -ENOMEM);
    assert_int_equal(check_run_with(&no_clock, give, &seven), -EINVAL);
    assert_int_equal(check_run_with(&odd, give, &seven), -EINVAL);
}

static void run_in_a_loop(void **state)
{
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(a_text_is_seen_through_plain_calls),
        IN_A_LOOP(a_text_is_seen_through_await),
        IN_A_LOOP(a_text_is_seen_through_gather),
        IN_A_LOOP(a_text_is_seen_through_groups_and_wait_for),
        IN_A_LOOP(a_text_is_seen_through_threads),
        cmocka_unit_test(a_text_is_seen_where_bide_run_was_called),
        IN_A_LOOP(an_overlong_text_is_cut),
        IN_A_LOOP(a_stale_text_is_not_told_of_another_failure),
        IN_A_LOOP(a_text_is_the_task_s_own),
        IN_A_LOOP(a_group_s_errors_have_text_and_place),
        IN_A_LOOP(without_memory_the_code_is_not_lost),
        cmocka_unit_test(a_waiting_call_outside_a_task_is_refused),
        IN_A_LOOP(wrong_use_inside_a_task_is_refused),
        IN_A_LOOP(bad_functions_and_stack_sizes_are_refused),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
