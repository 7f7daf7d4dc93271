/* SPDX-License-Identifier: MIT */
/*
 * Shields around waits of every kind, in tasks that end in unusual ways, and the function
 * bide_shield. The clock is virtual, so that times compare exactly.
 */
#include "check.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void cancel_me(void)
{
    bide_cancel(bide_current_task());
}

static int sleeps_9(void *arg)
{
    (void)arg;
    return bide_sleep(9);
}

static int seven_after_3(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(3), 0);
    return 7;
}

static int eio_after_3(void *arg)
{
    (void)arg;
    CHECK_INT(bide_sleep(3), 0);
    return -EIO;
}

static int await_ends(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_await(bide_create_task(sleeps_9, NULL), &result), -ECANCELED);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

static int gather_ends(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {{sleeps_9, NULL}, {sleeps_9, NULL}};
    int results[2] = {-1, -1};
    CHECK_INT(bide_gather(calls, 2, results), -ECANCELED);
    CHECK_INT(results[0], -ECANCELED);
    CHECK_INT(results[1], -ECANCELED);
    return 0;
}

static int wait_for_ends(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_wait_for(sleeps_9, NULL, 5, &result), -ECANCELED);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

static int read_ends(void *arg)
{
    (void)arg;
    char byte;
    int fds[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    CHECK_INT(bide_adopt(fds[0]), 0);
    CHECK_INT(bide_read(fds[0], &byte, 1), -ECANCELED);
    CHECK_INT(bide_close(fds[0]), 0);
    return close(fds[1]);
}

static int shield_ends(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(sleeps_9, NULL);
    CHECK_INT(bide_shield(task, &result), -ECANCELED);
    CHECK_INT(result, -1);
    bide_detach(task);
    return 0;
}

static int all_kinds(void *arg)
{
    (void)arg;
    const bide_fn waits[] = {await_ends, gather_ends, wait_for_ends, read_ends, shield_ends};
    cancel_me();
    for (int i = 0; i < 5; i++) {
        BIDE_SHIELD(1) {
            CHECK_INT(waits[i](NULL), 0);
        }
        CHECK(bide_expired());
        CHECK_AT(i + 1);
    }
    return 0;
}

static void grace_ends_every_wait(void **state)
{
    (void)state;
    runs(all_kinds);
}

static int cleans_up(void *arg)
{
    const double *seconds = arg;
    int code = 1;
    BIDE_SHIELD(2) {
        code = bide_sleep(*seconds);
    }
    if (code == 0 && !bide_expired()) log_event("done");
    if (code == -ECANCELED && bide_expired()) log_event("cut");
    return bide_sleep(1);
}

static int cancelled_before_its_first_run(void *arg)
{
    (void)arg;
    int result = -1;
    double seconds = 1;
    log_clear();
    struct bide_task *task = bide_create_task(cleans_up, &seconds);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, -ECANCELED);
    CHECK_LOG("done");
    CHECK_AT(1);
    return 0;
}

/* At the end of bide_run those that are left are cancelled, and have their grace. */
static int leaves_tasks_behind(void *arg)
{
    double *seconds = arg;
    for (int i = 0; i < 2; i++) bide_detach(bide_create_task(cleans_up, &seconds[i]));
    CHECK_INT(bide_yield(), 0);
    return 0;
}

static void unusual_ends(void **state)
{
    (void)state;
    double seconds[] = {9, 1};
    runs(cancelled_before_its_first_run);
    log_clear();
    assert_int_equal(check_run(leaves_tasks_behind, seconds), 0);
    assert_string_equal(log_text(), "done cut");
}

static int looks(void *task)
{
    int result = -1;
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(result, 7);
    CHECK_AT(3);
    return 0;
}

static int any_number_may_look(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(seven_after_3, NULL);
    const struct bide_call calls[] = {{looks, task}, {looks, task}, {looks, task}};
    CHECK_INT(bide_gather(calls, 3, NULL), 0);
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_await(task, NULL), 0);
    return 0;
}

static int failure_without_result(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(eio_after_3, NULL);
    CHECK_INT(bide_shield(task, NULL), -EIO);
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_INT(bide_await(task, NULL), -EIO);
    return 0;
}

/* Also of a task that has ended: the call checks first, as all that may wait. */
static int cut_short(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(seven_after_3, NULL);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_shield(task, &result), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_AT(1);
    CHECK_INT(bide_sleep(5), 0);
    CHECK(bide_task_done(task));
    cancel_me();
    CHECK_INT(bide_shield(task, &result), -ECANCELED);
    CHECK_INT(bide_shield(task, NULL), -ECANCELED);
    CHECK_INT(result, -1);
    CHECK_INT(bide_await(task, &result), -ECANCELED);
    CHECK_INT(result, 7);
    return 0;
}

static int target_is_cancelled(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(sleeps_9, NULL);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_shield(task, &result), 0);
    CHECK_INT(result, -ECANCELED);
    CHECK_INT(bide_await(task, NULL), -ECANCELED);
    return 0;
}

static int nothing_to_wait_for(void *arg)
{
    (void)arg;
    int result = -1;
    CHECK_INT(bide_shield(bide_current_task(), &result), -EDEADLK);
    CHECK_INT(result, -1);
    CHECK_INT(bide_shield(NULL, &result), 0);
    CHECK_INT(result, -ENOMEM);
    CHECK_INT(bide_shield(NULL, NULL), -ENOMEM);
    return 0;
}

struct parties {
    struct bide_task *target, *waiter;
};

static int gets_it(void *arg)
{
    const struct parties *all = arg;
    int result = -1;
    CHECK_INT(bide_shield(all->target, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

static int cancels_the_waiter(void *arg)
{
    const struct parties *all = arg;
    CHECK_INT(bide_sleep(3), 0);
    CHECK_INT(bide_cancel(all->waiter), 1);
    return 0;
}

/* At 3 the target ends, then the canceller runs, then the waiter, which was handed the result. */
static int result_then_cancel(void *arg)
{
    (void)arg;
    struct parties all;
    all.target = bide_create_task(seven_after_3, NULL);
    struct bide_task *canceller = bide_create_task(cancels_the_waiter, &all);
    all.waiter = bide_create_task(gets_it, &all);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    CHECK_INT(bide_await(canceller, NULL), 0);
    CHECK_INT(bide_await(all.target, NULL), 0);
    return 0;
}

static void shield_function(void **state)
{
    (void)state;
    int result = -1;
    runs(any_number_may_look);
    runs(failure_without_result);
    runs(cut_short);
    runs(target_is_cancelled);
    runs(nothing_to_wait_for);
    runs(result_then_cancel);
    assert_int_equal(bide_shield(NULL, &result), -EPERM);
    assert_int_equal(result, -1);
}

static int only_cancels_of_its_own(void *arg)
{
    (void)arg;
    struct bide_task *task = bide_create_task(sleeps_9, NULL);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_uncancel(), 0);
    cancel_me();
    CHECK_INT(bide_yield(), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_await(task, NULL), -ECANCELED);
    CHECK_INT(bide_cancel(NULL), 0);
    return 0;
}

/* The grace is over only while there is something to hold off; the next cancel has its own. */
static int taken_back_after_the_grace(void *arg)
{
    (void)arg;
    cancel_me();
    BIDE_SHIELD(1) {
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_INT(bide_uncancel(), 0);
        CHECK_INT(bide_sleep(9), 0);
        cancel_me();
        CHECK_INT(bide_sleep(9), -ECANCELED);
        CHECK_AT(11);
    }
    CHECK(bide_expired());
    return 0;
}

static void uncancel(void **state)
{
    (void)state;
    runs(taken_back_after_the_grace);
    runs(only_cancels_of_its_own);
    assert_int_equal(bide_uncancel(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grace_ends_every_wait),
        cmocka_unit_test(unusual_ends),
        cmocka_unit_test(shield_function),
        cmocka_unit_test(uncancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
