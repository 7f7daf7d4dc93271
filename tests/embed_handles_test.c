/* SPDX-License-Identifier: MIT */
/* What may be done to a loop between its steps, where it runs already, and with several loops. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CALL(name) static void name(void *arg __attribute__((unused)))

static int seven = 7, io_error = -EIO;

TASK(give)
{
    return *(int *)arg;
}

TASK(sleep_for_ever)
{
    return bide_sleep(BIDE_FOREVER);
}

TASK(fail_with_text)
{
    return bide_fail(EIO, "the disk");
}

CALL(say)
{
    log_event("%s", (const char *)arg);
}

static void on_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    log_event("error:%s", error->text);
}

static int open_fds;
static int setup(void **state)
{
    const struct bide_options options = {.on_error = on_error};
    open_fds = check_open_fds();
    log_clear();
    *state = bide_loop_new(&options);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    bide_loop_free(*state);
    return check_open_fds() == open_fds ? 0 : -1;
}

/* Steps, waiting for what may come, until the task has ended. */
static int finish(struct bide_loop *loop, struct bide_task *task)
{
    struct pollfd fd = {bide_loop_fd(loop), POLLIN, 0};
    while (!bide_task_done(task)) {
        bide_loop_step(loop);
        poll(&fd, 1, bide_loop_timeout(loop) > 0 ? 1 : 0);
    }
    const int result = bide_task_result(task);
    bide_detach(task);
    return result;
}

/* ---- between steps ---- */

static int ends[2];
TASK(read_end)
{
    return (int)bide_read(ends[0], &(char){0}, 1);
}

TASK(sleep_long)
{
    return bide_sleep(3600);
}

static atomic_int begun, go;

TASK(block)
{
    begun++;
    while (!go) usleep(100);
    return 5;
}

TASK(wait_for_thread)
{
    int result = 0;
    const int code = bide_to_thread(block, NULL, &result);
    return code == -ECANCELED && result == 5 ? code : -EPROTO;
}

static void bide_cancel_works_between_steps(void **state)
{
    const bide_fn fns[] = {sleep_for_ever, sleep_long, read_end, wait_for_thread};
    assert_int_equal(pipe(ends), 0);
    for (int steps = 0; steps < 3; steps++)
        for (int i = 0; i < 4; i++) {
            begun = go = 0;
            struct bide_task *task = bide_loop_start(*state, fns[i], NULL);
            for (int k = 0; k < steps; k++) bide_loop_step(*state);
            while (i == 3 && steps > 0 && begun == 0) usleep(100);
            assert_int_equal(bide_cancel(task), 1);
            go = 1;
            if (i < 3) assert_true(bide_loop_timeout(*state) <= 0); /* it has to run to see it */
            if (i < 3) assert_false(bide_task_done(task));
            const int result = finish(*state, task);
            if (i < 3 || steps > 0) assert_int_equal(result, -ECANCELED);
        }
    assert_int_equal(bide_loop_step(*state), 0);
    assert_true(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void note_done(void *arg, struct bide_task *task)
{
    log_event("%s:%d", (char *)arg, bide_task_result(task));
}

static void handles_may_be_looked_at_and_given_back_between_steps(void **state)
{
    struct bide_task *task = bide_loop_start(*state, give, &io_error);
    assert_int_equal(bide_task_set_name(task, "x"), 0);
    assert_string_equal(bide_task_name(task), "x");
    assert_int_equal(bide_task_on_done(task, note_done, "first"), 0);
    assert_int_equal(bide_loop_step(*state), 0);
    assert_int_equal(bide_task_on_done(task, note_done, "late"), 0);
    assert_true(bide_task_done(task));
    assert_int_equal(bide_cancel(task), 0);
    bide_detach(task); /* its failure is nobody's now */
    bide_detach(bide_loop_start(*state, fail_with_text, NULL));
    bide_loop_step(*state);
    char expected[128];
    snprintf(expected, sizeof expected, "first:-5 late:-5 error:%s error:the disk", strerror(EIO));
    assert_string_equal(log_text(), expected);
    bide_detach(NULL);
}

static void what_needs_a_running_loop_is_refused_between_steps(void **state)
{
    struct bide_task *task = bide_loop_start(*state, sleep_for_ever, NULL);
    bide_loop_step(*state);
    assert_null(bide_create_task(give, &seven));
    assert_int_equal(errno, EPERM);
    assert_null(bide_current_loop());
    assert_null(bide_current_task());
    assert_int_equal(bide_all_tasks(NULL, 0), 0);
    assert_int_equal(bide_await(task, NULL), -EPERM);
    assert_int_equal(bide_sleep(0), -EPERM);
    assert_int_equal(bide_call_soon(NULL, say, "x"), -EPERM);
    assert_int_equal(bide_loop_step(*state), 1);
}

static struct bide_handle handles[5];

TASK(ask_for_calls)
{
    memset(handles, 0, sizeof handles);
    CHECK_INT(bide_call_later(&handles[0], 3600, say, "never"), 0);
    CHECK_INT(bide_call_later(&handles[1], BIDE_FOREVER, say, "never"), 0);
    CHECK_INT(bide_call_soon(&handles[2], say, "never"), 0);
    return 0;
}

static void calls_can_be_cancelled_between_steps(void **state)
{
    struct bide_task *task = bide_loop_start(*state, ask_for_calls, NULL);
    bide_loop_step(*state);
    assert_int_equal(bide_task_result(task), 0);
    bide_detach(task);
    assert_int_equal(bide_call_soon_threadsafe(*state, &handles[3], say, "never"), 0);
    assert_int_equal(bide_call_soon_threadsafe(*state, &handles[4], say, "made"), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(bide_handle_cancel(&handles[i]), 1);
    for (int i = 0; i < 4; i++) assert_int_equal(bide_handle_cancel(&handles[i]), 0);
    assert_true(bide_loop_timeout(*state) <= 0);
    bide_loop_step(*state);
    assert_true(bide_loop_timeout(*state) >= BIDE_FOREVER);
    assert_string_equal(log_text(), "made");
    assert_int_equal(bide_handle_cancel(&handles[4]), 0);
}

/* ---- where a loop runs already ---- */

TASK(step_inside)
{
    struct bide_loop *own = bide_current_loop(), *other = arg;
    int result = 99;
    CHECK_INT(bide_loop_step(own), -EALREADY);
    CHECK_INT(bide_loop_run(own, give, &seven, &result), -EALREADY);
    CHECK_INT(bide_loop_step(other), -EALREADY);
    CHECK_INT(bide_loop_run(other, give, &seven, &result), -EALREADY);
    CHECK_INT(bide_run(give, &seven), -EALREADY);
    CHECK_INT(result, 99);

    struct bide_task *task = bide_loop_start(own, give, &seven);
    CHECK(bide_await(task, &result) == 0 && result == 7);
    task = bide_loop_start(other, give, &seven);
    CHECK(task && !bide_task_done(task));
    bide_detach(task);
    CHECK_INT(bide_cancel(bide_loop_start(other, sleep_for_ever, NULL)), 1);
    return 5;
}

static void a_running_loop_is_not_entered_again(void **state)
{
    struct bide_loop *loop = bide_loop_new(NULL);
    assert_int_equal(finish(loop, bide_loop_start(loop, step_inside, *state)), 5);
    assert_int_equal(bide_run(step_inside, loop), 5);
    assert_int_equal(bide_loop_step(*state), 0);
    bide_loop_free(loop);
}

TASK(free_own)
{
    bide_loop_free(bide_current_loop());
    return 0;
}

TASK(run_free_own)
{
    return bide_run(free_own, NULL);
}

static void bad_calls_of_loops(void **state)
{
    int result = 99;
    assert_int_equal(bide_loop_fd(NULL), -EINVAL);
    assert_int_equal(bide_loop_step(NULL), -EINVAL);
    assert_true(bide_loop_timeout(NULL) >= BIDE_FOREVER);
    assert_null(bide_loop_start(NULL, give, &seven));
    assert_int_equal(errno, EINVAL);
    assert_null(bide_loop_start(*state, NULL, NULL));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(bide_loop_run(NULL, give, &seven, &result), -EINVAL);
    assert_int_equal(bide_loop_run(*state, NULL, NULL, &result), -EINVAL);
    assert_int_equal(result, 99);
    bide_loop_free(NULL);
    check_aborts(run_free_own, NULL, "is freed while one runs");
}

/* ---- several, and other ways ---- */

TASK(sleep_a_little)
{
    return bide_sleep(0.001) == 0 ? 3 : -EPROTO;
}

static void two_loops_take_turns_in_one_thread(void **state)
{
    struct bide_loop *other = bide_loop_new(NULL);
    struct bide_task *tasks[] = {bide_loop_start(*state, sleep_a_little, NULL),
                                 bide_loop_start(other, sleep_a_little, NULL)};
    while (bide_loop_step(*state) + bide_loop_step(other) > 0) continue;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bide_task_result(tasks[i]), 3);
        bide_detach(tasks[i]);
    }
    bide_loop_free(other);
}

static void *step_in_thread(void *arg)
{
    struct bide_loop *loop = arg ? arg : bide_loop_new(NULL);
    intptr_t sum = 0;
    for (int i = 0; i < 100; i++)
        sum += finish(loop, bide_loop_start(loop, i % 10 ? give : sleep_a_little, &seven));
    bide_loop_free(loop);
    return (void *)sum;
}

static void loops_of_several_threads_do_not_know_each_other(void **state)
{
    pthread_t threads[3]; /* one of them gets a loop that was made and used here */
    assert_int_equal(finish(*state, bide_loop_start(*state, sleep_a_little, NULL)), 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, step_in_thread, i == 0 ? *state : NULL), 0);
    for (int i = 0; i < 3; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        assert_int_equal((intptr_t)sum, 90 * 7 + 10 * 3);
    }
    *state = NULL;
}

static void runs_and_steps_may_alternate(void **state)
{
    int result = 0;
    struct bide_task *task = bide_loop_start(*state, sleep_a_little, NULL);
    assert_int_equal(bide_loop_run(*state, give, &seven, &result), 0);
    assert_int_equal(result, 7);
    assert_int_equal(finish(*state, task), 3);
    task = bide_loop_start(*state, give, &seven);
    assert_int_equal(bide_loop_run(*state, sleep_a_little, NULL, &result), 0);
    assert_int_equal(result, 3);
    assert_int_equal(bide_task_result(task), 7);
    bide_detach(task);
}

TASK(sleep_an_hour)
{
    CHECK_INT(bide_sleep(3600), 0);
    return bide_time() == 3600 ? 1 : 0;
}

static void rule_16_a_virtual_clock_jumps_in_a_step(void **state)
{
    (void)state;
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    struct bide_loop *loop = bide_loop_new(&options);
    struct bide_task *task = bide_loop_start(loop, sleep_an_hour, NULL);
    for (int i = 0; i < 3; i++) {
        assert_true(bide_loop_timeout(loop) <= 0 || bide_task_done(task));
        bide_loop_step(loop);
    }
    assert_int_equal(bide_task_result(task), 1);
    bide_loop_free(loop);
}

#define STEPPED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STEPPED(bide_cancel_works_between_steps),
        STEPPED(handles_may_be_looked_at_and_given_back_between_steps),
        STEPPED(what_needs_a_running_loop_is_refused_between_steps),
        STEPPED(calls_can_be_cancelled_between_steps),
        STEPPED(a_running_loop_is_not_entered_again),
        STEPPED(bad_calls_of_loops),
        STEPPED(two_loops_take_turns_in_one_thread),
        STEPPED(loops_of_several_threads_do_not_know_each_other),
        STEPPED(runs_and_steps_may_alternate),
        STEPPED(rule_16_a_virtual_clock_jumps_in_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
