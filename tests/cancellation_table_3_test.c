/* SPDX-License-Identifier: MIT */
/*
 * The truth table of cancellation, rows 9 to 12: a value beside a deadline or a cancel. Where a
 * deadline passes while the task computes the clock is real; no outcome depends on how long
 * anything takes, only on what the loop has seen.
 */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static void runs_in_real_time(bide_fn fn)
{
    assert_int_equal(check_run_with(NULL, fn, NULL), 0);
}

/* What computing does to the loop: no call, and real time goes by. */
static void compute(double seconds)
{
    const struct timespec time = {0, (long)(seconds * 1e9)};
    nanosleep(&time, NULL);
}

/* A connected pair: bide reads at [0], the test writes at [1] without bide. */
static int open_pair(int fds[2])
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    return bide_adopt(fds[0]);
}

static int close_pair(const int fds[2])
{
    CHECK_INT(bide_close(fds[0]), 0);
    return close(fds[1]);
}

static int put(void *fds)
{
    CHECK_INT(write(((int *)fds)[1], "x", 1), 1);
    return 0;
}

static int get(const int fds[2])
{
    char byte = 0;
    return (int)bide_read(fds[0], &byte, 1);
}

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int data_at_hand(void *arg)
{
    (void)arg;
    int fds[2], n = 99;
    CHECK_INT(open_pair(fds), 0);
    CHECK_INT(put(fds), 0);
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        n = get(fds);
    }
    CHECK(!bide_expired());
    CHECK_INT(n, 1);
    return close_pair(fds);
}

static int ended_task(void *arg)
{
    (void)arg;
    int code = 99, result = -1;
    struct bide_task *task = bide_create_task(seven, NULL);
    CHECK_INT(bide_yield(), 0);
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        code = bide_await(task, &result);
    }
    CHECK(!bide_expired());
    CHECK_INT(code, 0);
    CHECK_INT(result, 7);
    return 0;
}

static void row_09_passed_while_computing_no_wait(void **state)
{
    (void)state;
    runs_in_real_time(data_at_hand);
    runs_in_real_time(ended_task);
}

/* The writer runs only once the reader waits, and before the loop polls. */
static int data_at_the_poll(void *arg)
{
    (void)arg;
    int fds[2], n = 99;
    CHECK_INT(open_pair(fds), 0);
    struct bide_task *writer = bide_create_task(put, fds);
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        n = get(fds);
    }
    CHECK(!bide_expired());
    CHECK_INT(n, 1);
    CHECK_INT(bide_await(writer, NULL), 0);
    return close_pair(fds);
}

static int task_ends_before_the_poll(void *arg)
{
    (void)arg;
    int code = 99, result = -1;
    struct bide_task *task = bide_create_task(seven, NULL);
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        code = bide_await(task, &result);
    }
    CHECK(!bide_expired());
    CHECK_INT(code, 0);
    CHECK_INT(result, 7);
    return 0;
}

static void row_10_passed_while_computing_data_at_the_poll(void **state)
{
    (void)state;
    runs_in_real_time(data_at_the_poll);
    runs_in_real_time(task_ends_before_the_poll);
}

static int no_data(void *arg)
{
    (void)arg;
    int fds[2], n = 99;
    CHECK_INT(open_pair(fds), 0);
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        n = get(fds);
    }
    CHECK(bide_expired());
    CHECK_INT(n, -ETIMEDOUT);
    return close_pair(fds);
}

static int nothing_but_time(void *arg)
{
    (void)arg;
    int code = 99;
    BIDE_TIMEOUT(0.001) {
        compute(0.005);
        code = bide_sleep(60);
    }
    CHECK(bide_expired());
    CHECK_INT(code, -ETIMEDOUT);
    return 0;
}

static void row_11_passed_while_computing_no_data(void **state)
{
    (void)state;
    runs_in_real_time(no_data);
    runs_in_real_time(nothing_but_time);
}

static int reads_in_time(void *fds)
{
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(get(fds), 1);
        CHECK_INT(get(fds), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

/* The reader starts at once and waits; the loop then finds its byte and its deadline together. */
static int byte_and_deadline(void *arg)
{
    (void)arg;
    const struct bide_task_options eager = {.eager = true};
    int fds[2];
    CHECK_INT(open_pair(fds), 0);
    struct bide_task *reader = bide_create_task_with(&eager, reads_in_time, fds);
    compute(0.005);
    CHECK_INT(put(fds), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    return close_pair(fds);
}

static int computes_a_little(void *arg)
{
    (void)arg;
    compute(0.0001);
    return 0;
}

/* Ends behind a crowd of ready tasks: the loop polls once or more before its waiter runs. */
static int ends_before_a_crowd(void *arg)
{
    (void)arg;
    CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < 300; i++) bide_detach(bide_create_task(computes_a_little, NULL));
    return 7;
}

static int task_and_deadline(void *arg)
{
    (void)arg;
    int result = -1;
    struct bide_task *task = bide_create_task(ends_before_a_crowd, NULL);
    BIDE_TIMEOUT(0.005) {
        CHECK_INT(bide_await(task, &result), 0);
        CHECK_INT(bide_sleep(60), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(result, 7);
    return 0;
}

struct parties {
    struct bide_task *waiter, *target;
    int data[2], cue[2];
};

static int cancels_the_waiter(void *arg)
{
    const struct parties *all = arg;
    CHECK_INT(bide_cancel(all->waiter), 1);
    return 0;
}

static int gets_the_result(void *arg)
{
    const struct parties *all = arg;
    int result = -1;
    CHECK_INT(bide_await(all->target, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_yield(), -ECANCELED);
    return 0;
}

/* Runs the waiter, which parks, then the target, which wakes it, then the canceller. */
static int result_then_cancel(void *arg)
{
    (void)arg;
    struct parties all;
    all.waiter = bide_create_task(gets_the_result, &all);
    all.target = bide_create_task(seven, NULL);
    struct bide_task *canceller = bide_create_task(cancels_the_waiter, &all);
    CHECK_INT(bide_await(canceller, NULL), 0);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    return 0;
}

static int cancels_on_cue(void *arg)
{
    struct parties *all = arg;
    CHECK_INT(get(all->cue), 1);
    return cancels_the_waiter(arg);
}

static int gets_the_byte(void *arg)
{
    const struct parties *all = arg;
    CHECK_INT(get(all->data), 1);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return 0;
}

/* One poll brings the reader its byte and the canceller its cue, in either order. */
static int byte_and_cancel(bool cue_first)
{
    struct parties all;
    CHECK_INT(open_pair(all.data), 0);
    CHECK_INT(open_pair(all.cue), 0);
    all.waiter = bide_create_task(gets_the_byte, &all);
    struct bide_task *canceller = bide_create_task(cancels_on_cue, &all);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(put(cue_first ? all.cue : all.data), 0);
    CHECK_INT(put(cue_first ? all.data : all.cue), 0);
    CHECK_INT(bide_await(canceller, NULL), 0);
    CHECK_INT(bide_await(all.waiter, NULL), 0);
    CHECK_INT(close_pair(all.cue), 0);
    return close_pair(all.data);
}

static int byte_and_cancel_in_either_order(void *arg)
{
    (void)arg;
    CHECK_INT(byte_and_cancel(false), 0);
    CHECK_INT(byte_and_cancel(true), 0);
    return 0;
}

static int gets_nothing(void *arg)
{
    CHECK_INT(get(arg), -ECANCELED);
    return 0;
}

/* The cancel came before the byte, which is not lost: nothing had been handed over. */
static int cancel_then_byte(void *arg)
{
    (void)arg;
    int fds[2];
    CHECK_INT(open_pair(fds), 0);
    struct bide_task *reader = bide_create_task(gets_nothing, fds);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(reader), 1);
    CHECK_INT(put(fds), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(get(fds), 1);
    return close_pair(fds);
}

static void row_12_value_with_deadline_or_cancel(void **state)
{
    (void)state;
    runs_in_real_time(byte_and_deadline);
    runs_in_real_time(task_and_deadline);
    runs(result_then_cancel);
    runs(byte_and_cancel_in_either_order);
    runs(cancel_then_byte);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_09_passed_while_computing_no_wait),
        cmocka_unit_test(row_10_passed_while_computing_data_at_the_poll),
        cmocka_unit_test(row_11_passed_while_computing_no_data),
        cmocka_unit_test(row_12_value_with_deadline_or_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
