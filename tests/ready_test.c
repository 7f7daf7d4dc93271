/* SPDX-License-Identifier: MIT */
/* bide_group_start_ready and bide_started: ready, failed before, cut short; and what the group does. */
#include "check.h"

#include "faults.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

struct service {
    double until_ready;
    int value;
    double until_end;
    int result;
};

/* Is ready after a while, runs for another. */
TASK(serve)
{
    const struct service *service = arg;
    int code = bide_sleep(service->until_ready);
    if (code < 0) return code;
    CHECK_INT(bide_started(service->value), 0);
    log_event("ready");
    CHECK_INT(bide_started(service->value), -EALREADY);
    code = bide_sleep(service->until_end);
    return code < 0 ? code : service->result;
}

TASK(it_waits_until_the_service_is_ready)
{
    struct service service = {1, 80, 5, 7}, another = {0, -3, 1, 0};
    struct bide_group group;
    int value = 0;
    BIDE_GROUP(group) {
        CHECK_INT(bide_group_start_ready(&group, serve, &service, &value), 0);
        CHECK_AT(1);
        CHECK_INT(value, 80);
        CHECK_LOG("ready");
        CHECK_INT(bide_group_start_ready(&group, serve, &another, &value), 0);
        CHECK_INT(value, -3);
        CHECK_INT(bide_group_start_ready(&group, serve, &another, NULL), 0);
    }
    CHECK_AT(6);
    return bide_group_result(&group);
}

TASK(once_ready_its_failure_is_the_group_s)
{
    struct service service = {0, 1, 2, -EIO};
    struct bide_group group;
    bide_group_enter(&group);
    CHECK_INT(bide_group_start_ready(&group, serve, &service, NULL), 0);
    CHECK_INT(bide_sleep(9), -ECANCELED);
    CHECK_AT(2);
    CHECK_INT(bide_group_exit(&group), -EIO);
    CHECK_INT(bide_group_errors(&group, NULL, 0), 1);
    return 0;
}

TASK(fail_at_once)
{
    return bide_fail(EADDRINUSE, "port %d", 80);
}

TASK(end_at_once)
{
    return 7;
}

TASK(before_that_it_is_the_starter_s)
{
    struct bide_group group;
    int value = 99;
    BIDE_GROUP(group) {
        CHECK_INT(bide_group_start_ready(&group, fail_at_once, NULL, &value), -EADDRINUSE);
        CHECK(strcmp(bide_error_text(EADDRINUSE), "port 80") == 0);
        CHECK_INT(bide_group_start_ready(&group, end_at_once, NULL, &value), -ECHILD);
        CHECK(strcmp(bide_error_text(ECHILD), "it ended before it was ready, with 7") == 0);
        CHECK_INT(value, 99);
        CHECK_INT(bide_sleep(1), 0); /* the group has not failed */
    }
    CHECK_INT(bide_group_errors(&group, NULL, 0), 0);
    return bide_group_result(&group);
}

/* Cleans up for a second when it is cancelled, and says that it is ready all the same. */
TASK(be_ready_too_late)
{
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    BIDE_SHIELD(9) {
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK_INT(bide_started(1), -ECANCELED);
    log_event("clean");
    return arg ? -EIO : 3;
}

TASK(bug_10_cut_short_it_cancels_and_joins)
{
    struct bide_group group;
    int value = 99;
    bide_group_enter(&group);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_group_start_ready(&group, be_ready_too_late, NULL, &value), -ETIMEDOUT);
        CHECK_AT(2);
    }
    CHECK(bide_expired());
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_group_start_ready(&group, be_ready_too_late, &group, &value), -EIO);
    }
    CHECK_AT(3);
    CHECK_LOG("clean clean");
    CHECK_INT(value, 99);
    CHECK_INT(bide_group_exit(&group), 0);
    return 0;
}

TASK(a_cancelled_group_cancels_it)
{
    struct service service = {1, 80, 5, 7};
    struct bide_group group;
    bide_group_enter(&group);
    bide_group_cancel(&group);
    CHECK_INT(bide_group_start_ready(&group, serve, &service, NULL), -ECANCELED);
    CHECK_INT(bide_group_exit(&group), 0);
    CHECK_AT(0);
    return 0;
}

TASK(say_so)
{
    const int code = bide_started(1);
    log_event("%d", code);
    return code;
}

struct starter {
    struct bide_group *group;
    struct service service;
    int code, value;
};

TASK(start_what_is_ready_at_once)
{
    struct starter *starter = arg;
    starter->code = bide_group_start_ready(starter->group, say_so, NULL, &starter->value);
    return 0;
}

TASK(start_from_elsewhere)
{
    struct starter *starter = arg;
    starter->code = bide_group_start_ready(starter->group, serve, &starter->service, &starter->value);
    return 0;
}

/* Neither the group's own task nor one of its members: the group stays open for what is being started. */
TASK(anyone_may_start_it)
{
    struct bide_group group;
    struct starter starter = {&group, {1, 80, 1, 0}, 99, 99};
    struct bide_task *task = bide_create_task(start_from_elsewhere, &starter);
    BIDE_GROUP(group) {
        CHECK_INT(bide_yield(), 0);
    }
    CHECK_AT(2);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(starter.code == 0 && starter.value == 80);
    CHECK_INT(bide_group_start_ready(&group, end_at_once, NULL, NULL), -EINVAL); /* it is closed */
    return bide_group_result(&group);
}

/* The group that is left early cancels what is being started for somebody else. */
TASK(bug_09_the_group_is_cancelled_while_it_starts)
{
    struct bide_group group;
    struct starter starter = {&group, {5, 80, 1, 0}, 99, 99};
    struct bide_task *task = bide_create_task(start_from_elsewhere, &starter);
    BIDE_GROUP(group) {
        CHECK_INT(bide_sleep(1), 0);
        break;
    }
    CHECK_AT(1);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(starter.code == -ECANCELED && starter.value == 99);
    return bide_group_result(&group);
}

/* Ready first, then the service stays; cancelled first, then it is told so. */
TASK(bug_09_ready_and_cancel_in_one_turn)
{
    struct bide_group group;
    struct starter starter = {&group, {1, 80, 1, 0}, 99, 99};
    bide_group_enter(&group);
    struct bide_task *task = bide_create_task(start_from_elsewhere, &starter);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_INT(bide_sleep(0.5), 0); /* armed after the service's own sleep */
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(starter.code == 0 && starter.value == 80);
    task = bide_create_task(start_what_is_ready_at_once, &starter);
    CHECK_INT(bide_yield(), 0);
    log_clear();
    bide_cancel(task); /* the service is about to run */
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("-125");
    CHECK_INT(starter.code, -ECANCELED);
    CHECK_INT(bide_group_exit(&group), 0);
    return 0;
}

TASK(nobody_asked)
{
    struct bide_group group;
    int result = 99;
    BIDE_GROUP(group) {
        CHECK_INT(bide_await(bide_group_start(&group, say_so, NULL), NULL), 0);
    }
    CHECK_INT(bide_await(bide_create_task(say_so, NULL), &result), 0);
    CHECK_INT(result, 0);
    CHECK_INT(bide_gather(&(struct bide_call){say_so, NULL}, 1, NULL), 0);
    CHECK_INT(bide_to_thread(say_so, NULL, &result), 0);
    CHECK_INT(result, 0);
    return say_so(NULL);
}

/* Its own tasks cannot say it in its place. */
TASK(have_a_child_say_so)
{
    CHECK_INT(bide_await(bide_create_task(say_so, NULL), NULL), 0);
    return 0;
}

TASK(wrong_use)
{
    struct bide_group group;
    bide_group_enter(&group);
    CHECK_INT(bide_group_start_ready(&group, have_a_child_say_so, NULL, NULL), -ECHILD);
    CHECK_INT(bide_group_start_ready(&group, NULL, NULL, NULL), -EINVAL);
    struct bide_task *tasks[200]; /* memory that is at hand is used up first */
    int started = 0, code = -ENOMEM;
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    while (started < 200 && (tasks[started] = bide_create_task(end_at_once, NULL))) started++;
    if (started < 200) code = bide_group_start_ready(&group, say_so, NULL, NULL);
    faults_clear();
    CHECK_INT(code, -ENOMEM);
    while (started > 0) CHECK_INT(bide_await(tasks[--started], NULL), 0);
    CHECK_INT(bide_group_exit(&group), 0); /* the caller knows; the group has not failed */
    return 0;
}

static void outside_a_task(void **state)
{
    (void)state;
    struct bide_group group;
    bide_group_enter(&group);
    assert_int_equal(bide_group_start_ready(&group, say_so, NULL, NULL), -EPERM);
    assert_int_equal(bide_group_exit(&group), -EPERM);
    assert_int_equal(bide_started(1), 0);
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(it_waits_until_the_service_is_ready),
        IN_A_LOOP(once_ready_its_failure_is_the_group_s),
        IN_A_LOOP(before_that_it_is_the_starter_s),
        IN_A_LOOP(bug_10_cut_short_it_cancels_and_joins),
        IN_A_LOOP(a_cancelled_group_cancels_it),
        IN_A_LOOP(anyone_may_start_it),
        IN_A_LOOP(bug_09_the_group_is_cancelled_while_it_starts),
        IN_A_LOOP(bug_09_ready_and_cancel_in_one_turn),
        IN_A_LOOP(nobody_asked),
        IN_A_LOOP(wrong_use),
        cmocka_unit_test(outside_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
