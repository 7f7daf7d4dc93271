/* SPDX-License-Identifier: MIT */
/* Tasks that other threads start, wait for and cancel; and what they send while the loop ends. */
#include "check.h"
#include "faults.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CALL(name) static void name(void *arg __attribute__((unused)))

static struct bide_loop *loop;
static int seven = 7, io_error = -EIO;
static atomic_int sleeping, ran;

TASK(give)
{
    ran++;
    return *(int *)arg;
}

TASK(fail_with_text)
{
    return bide_fail(EIO, "the disk");
}

TASK(sleep_for_ever)
{
    sleeping++;
    const int code = bide_sleep(BIDE_FOREVER);
    sleeping--;
    return code;
}

/* Has a thread run fn(NULL), while this task waits and the loop does what the thread asks for. */
static int in_a_thread(bide_fn fn)
{
    loop = bide_current_loop();
    return bide_to_thread(fn, NULL, NULL);
}

TASK(run_there)
{
    int result = 99;
    CHECK_INT(bide_run_threadsafe(loop, give, &seven, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_run_threadsafe(loop, give, &io_error, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_INT(bide_run_threadsafe(loop, give, &seven, NULL), 0);
    CHECK_INT(bide_run_threadsafe(loop, give, &io_error, NULL), -EIO);
    CHECK_INT(ran, 4);
    CHECK_INT(bide_run_threadsafe(loop, fail_with_text, NULL, &result), 0);
    CHECK(result == -EIO && strcmp(bide_error_text(-EIO), "the disk") == 0);
    CHECK(bide_run_threadsafe(NULL, give, &seven, &result) == -EINVAL && result == -EIO);
    CHECK(bide_run_threadsafe(loop, NULL, &seven, &result) == -EINVAL && result == -EIO);
    return 0;
}

TASK(run_threadsafe_gives_what_the_task_returned)
{
    CHECK_INT(in_a_thread(run_there), 0);
    CHECK_INT(ran, 4);
    return 0;
}

TASK(wait_there)
{
    int result = 99;
    struct bide_remote *remote = bide_start_threadsafe(loop, sleep_for_ever, NULL);
    const double start = bide_time();
    CHECK(remote);
    CHECK_INT(bide_remote_wait(remote, 0, &result), -ETIMEDOUT);
    CHECK_INT(bide_remote_wait(remote, -1, &result), -ETIMEDOUT);
    CHECK_INT(bide_remote_wait(remote, 0.02, NULL), -ETIMEDOUT);
    CHECK_INT(bide_remote_wait(remote, __builtin_nan(""), &result), -EINVAL);
    CHECK_INT(bide_remote_wait(NULL, 1, &result), -EINVAL);
    CHECK(result == 99 && bide_time() - start >= 0.02);
    CHECK_INT(bide_remote_cancel(remote), 1);
    CHECK_INT(bide_remote_wait(remote, BIDE_FOREVER, &result), 0);
    CHECK_INT(result, -ECANCELED);
    CHECK_INT(bide_remote_wait(remote, 0, NULL), -ECANCELED);
    CHECK_INT(bide_remote_cancel(remote), 0);
    bide_remote_free(remote);
    CHECK_INT(bide_remote_cancel(NULL), 0);
    bide_remote_free(NULL);
    return 0;
}

TASK(a_thread_may_wait_for_a_time_and_cancel)
{
    return in_a_thread(wait_there);
}

TASK(count_cancels)
{
    for (int i = 0; i < 3; i++) {
        CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
        bide_uncancel();
    }
    return 3;
}

TASK(cancel_thrice)
{
    int result;
    struct bide_remote *remote = bide_start_threadsafe(loop, count_cancels, NULL);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_remote_cancel(remote), 1); /* before its first run */
    CHECK_INT(bide_remote_wait(remote, BIDE_FOREVER, &result), 0);
    bide_remote_free(remote);
    return result;
}

TASK(a_task_that_is_cancelled_before_its_first_run_runs_and_cancels_are_counted)
{
    int cancels = 0;
    loop = bide_current_loop();
    CHECK_INT(bide_to_thread(cancel_thrice, NULL, &cancels), 0);
    CHECK_INT(cancels, 3);
    return 0;
}

static atomic_bool alone;

TASK(fail_alone)
{
    while (!alone) CHECK_INT(bide_sleep(0.001), 0);
    return fail_with_text(NULL);
}

TASK(let_go_there)
{
    struct bide_remote *remote = bide_start_threadsafe(loop, sleep_for_ever, NULL);
    bide_remote_free(remote);
    remote = bide_start_threadsafe(loop, fail_alone, NULL);
    bide_remote_free(remote);
    alone = true;
    remote = bide_start_threadsafe(loop, give, &seven);
    while (ran == 0) sched_yield();
    bide_remote_free(remote);
    return 0;
}

static void log_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    log_event("%s", error->text);
}

TASK(one_that_was_let_go_runs_on_and_its_failure_is_reported)
{
    CHECK_INT(in_a_thread(let_go_there), 0);
    CHECK_INT(sleeping, 1);
    for (int i = 0; i < 1000 && !log_text()[0]; i++) CHECK_INT(bide_sleep(0.001), 0);
    CHECK_LOG("the disk");
    return 0;
}

static struct bide_remote *own;

static int try_to_wait(void)
{
    int result = 99;
    CHECK_INT(bide_run_threadsafe(loop, give, &seven, &result), -EDEADLK);
    CHECK_INT(bide_remote_wait(own, 1, &result), -EDEADLK);
    CHECK_INT(bide_remote_wait(own, 0, &result), -EDEADLK);
    CHECK_INT(result, 99);
    return 0;
}

CALL(wait_in_a_call)
{
    log_event("%d", try_to_wait());
}

TASK(in_its_own_thread_a_loop_cannot_wait)
{
    int result = 99;
    loop = bide_current_loop();
    own = bide_start_threadsafe(loop, sleep_for_ever, NULL);
    CHECK(own);
    CHECK_INT(try_to_wait(), 0);
    CHECK_INT(bide_call_soon(NULL, wait_in_a_call, NULL), 0);
    CHECK_INT(bide_sleep(0.001), 0);
    CHECK_LOG("0");
    CHECK_INT(bide_remote_cancel(own), 1);
    CHECK_INT(bide_sleep(0.001), 0);
    CHECK_INT(bide_remote_wait(own, 0, &result), 0);
    CHECK_INT(result, -ECANCELED);
    bide_remote_free(own);
    return 0;
}

static void *without_memory(void *arg)
{
    int *result = arg;
    const int code = bide_run_threadsafe(loop, give, &seven, result);
    const bool none = !bide_start_threadsafe(loop, give, &seven) && errno == ENOMEM;
    return (void *)(intptr_t)(none ? code : 0);
}

/* The loop stands still meanwhile. */
TASK(without_memory_nothing_is_started)
{
    pthread_t thread;
    void *code;
    int result = 99;
    loop = bide_current_loop();
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    const int refused = pthread_create(&thread, NULL, without_memory, &result);
    if (!refused) pthread_join(thread, &code);
    faults_clear();
    CHECK(!refused && (intptr_t)code == -ENOMEM && result == 99);
    CHECK(!bide_start_threadsafe(NULL, give, &seven) && errno == EINVAL);
    CHECK(!bide_start_threadsafe(loop, NULL, &seven) && errno == EINVAL);
    CHECK_INT(ran, 0);
    return 0;
}

/* ---- several loops ---- */

static struct bide_loop *other_loop;

TASK(run_in_the_other)
{
    int result = 0;
    return bide_run_threadsafe(other_loop, give, &seven, &result) + result;
}

TASK(be_the_other)
{
    *(struct bide_loop * _Atomic *)arg = bide_current_loop();
    return sleep_for_ever(NULL);
}

static void *thread_of_the_other(void *arg)
{
    return (void *)(intptr_t)bide_run(be_the_other, arg);
}

TASK(cancel_every_task)
{
    struct bide_task *tasks[4];
    const size_t n = bide_all_tasks(tasks, 4);
    for (size_t i = 0; i < n; i++) bide_cancel(tasks[i]);
    return 0;
}

TASK(loops_of_two_threads_reach_each_other)
{
    struct bide_loop *_Atomic told = NULL;
    pthread_t thread;
    void *result;
    CHECK_INT(pthread_create(&thread, NULL, thread_of_the_other, (void *)&told), 0);
    while (!told) CHECK_INT(bide_sleep(0.001), 0);
    other_loop = told;
    for (int i = 0; i < 100; i++) {
        CHECK_INT(run_in_the_other(NULL), 7);
        CHECK_INT(bide_to_thread(run_in_the_other, NULL, NULL), 0);
    }
    CHECK_INT(bide_run_threadsafe(other_loop, cancel_every_task, NULL, NULL), 0);
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK_INT((intptr_t)result, -ECANCELED);
    CHECK_INT(bide_run_threadsafe(other_loop, give, &seven, NULL), -ESHUTDOWN);
    return 0;
}

static void run_in_a_loop(void **state)
{
    const bide_fn fn = (bide_fn)(uintptr_t)*state;
    const struct bide_options options = {.on_error = log_error};
    log_clear();
    sleeping = ran = 0;
    assert_int_equal(check_run_with(&options, fn, NULL), 0);
    assert_int_equal(sleeping, 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(run_threadsafe_gives_what_the_task_returned),
        IN_A_LOOP(a_thread_may_wait_for_a_time_and_cancel),
        IN_A_LOOP(a_task_that_is_cancelled_before_its_first_run_runs_and_cancels_are_counted),
        IN_A_LOOP(one_that_was_let_go_runs_on_and_its_failure_is_reported),
        IN_A_LOOP(in_its_own_thread_a_loop_cannot_wait),
        IN_A_LOOP(without_memory_nothing_is_started),
        IN_A_LOOP(loops_of_two_threads_reach_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
