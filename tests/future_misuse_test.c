/* SPDX-License-Identifier: MIT */
/* Futures where they do not belong, without memory, outside of tasks, and between the steps of a loop. */
#include "check.h"

#include "faults.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct waiting {
    struct bide_future *future;
    int code, result;
};

TASK(wait_for_it)
{
    struct waiting *waiting = arg;
    waiting->code = bide_future_wait(waiting->future, &waiting->result);
    return 0;
}

static void log_call(void *arg, struct bide_future *future)
{
    log_event("%s:%d", (const char *)arg, bide_future_result(future));
}

TASK(null_counts_as_one_that_failed)
{
    struct bide_error error;
    int result = 0;
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    errno = 0;
    struct bide_future *future = bide_future_new();
    const int code = errno;
    struct bide_future *other = bide_future_new_threadsafe();
    faults_clear();
    CHECK(!future && !other && code == ENOMEM);
    CHECK_INT(bide_future_wait(NULL, &result), 0);
    CHECK_INT(result, -ENOMEM);
    CHECK_INT(bide_future_wait(NULL, NULL), -ENOMEM);
    CHECK(bide_future_done(NULL) && bide_future_result(NULL) == -ENOMEM && !bide_future_error(NULL, &error));
    CHECK(!bide_future_hold(NULL) && bide_future_cancel(NULL) == 0);
    CHECK_INT(bide_future_set(NULL, 1), -EINVAL);
    CHECK_INT(bide_future_on_done(NULL, log_call, "x"), -EINVAL);
    bide_future_free(NULL);
    return 0;
}

TASK(without_memory)
{
    struct bide_future *future = bide_future_new();
    CHECK_INT(bide_future_on_done(future, NULL, NULL), -EINVAL);
    const int failure = bide_fail(EIO, "lost");
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    const int refused = bide_future_on_done(future, log_call, "x");
    const int set = bide_future_set(future, failure);
    faults_clear();
    CHECK_INT(refused, -ENOMEM);
    CHECK_INT(set, 0);
    CHECK_INT(bide_future_wait(future, NULL), -EIO); /* the code is not lost */
    CHECK(strcmp(bide_error_text(EIO), strerror(EIO)) == 0);
    bide_future_free(future);
    CHECK_LOG("");
    return 0;
}

static struct bide_future *forgotten;

TASK(wait_in_a_shield)
{
    BIDE_SHIELD(BIDE_FOREVER) {
        CHECK_INT(bide_future_wait(forgotten, NULL), 0);
    }
    return 0;
}

static int run_stuck(void *arg)
{
    (void)arg;
    forgotten = bide_future_new();
    const int code = bide_run(wait_in_a_shield, NULL);
    bide_future_free(forgotten); /* the stack of the one who waited is gone */
    return code == -EDEADLK ? 0 : 1;
}

static void bug_12_nobody_sets_it(void **state)
{
    (void)state;
    char err[4096];
    assert_int_equal(check_child(run_stuck, NULL, err, sizeof err), 0);
    assert_non_null(strstr(err, "waits for the future at"));
}

static void outside_a_task(void **state)
{
    (void)state;
    struct bide_future *future = bide_future_new();
    int result = 99;
    log_clear();
    assert_int_equal(bide_future_wait(future, &result), -EPERM);
    assert_int_equal(bide_future_on_done(future, log_call, "x"), 0);
    assert_int_equal(bide_future_set(future, bide_fail(EIO, "outside")), 0);
    assert_string_equal(log_text(), "x:-5");
    struct waiting waiting = {future, 99, 99};
    assert_int_equal(check_run(wait_for_it, &waiting), 0);
    assert_int_equal(waiting.result, -EIO);
    bide_future_free(future);
}

/* ---- an embedded loop ---- */

static void set_between_steps(void **state)
{
    (void)state;
    for (int threadsafe = 0; threadsafe < 2; threadsafe++) {
        struct bide_loop *loop = bide_loop_new(NULL);
        struct waiting waiting = {threadsafe ? bide_future_new_threadsafe() : bide_future_new(), 99, 99};
        bide_detach(bide_loop_start(loop, wait_for_it, &waiting));
        assert_int_equal(bide_loop_step(loop), 1);
        assert_int_equal(bide_future_set(waiting.future, 7), 0);
        if (!threadsafe) assert_true(bide_loop_timeout(loop) <= 0);
        for (int steps = 0; steps < 3 && bide_loop_step(loop) > 0; steps++) continue;
        assert_int_equal(waiting.code, 0);
        assert_int_equal(waiting.result, 7);
        bide_future_free(waiting.future);
        bide_loop_free(loop);
    }
}

/* ---- forks ---- */

static int look_in_child(struct bide_future *future)
{
    if (bide_future_set(future, 1) != -EPERM || bide_future_cancel(future) != 0) return 1;
    if (bide_future_on_done(future, log_call, "x") != -EPERM || bide_future_wait(future, NULL) != -EPERM)
        return 2;
    bide_future_free(bide_future_hold(future));
    return bide_future_result(future) == -EINPROGRESS ? 0 : 3;
}

TASK(fork_with_futures)
{
    struct bide_future *futures[] = {bide_future_new(), bide_future_new_threadsafe()};
    for (int i = 0; i < 2; i++) {
        int status;
        const pid_t pid = fork();
        if (pid == 0) _exit(look_in_child(futures[i]));
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
        CHECK_INT(bide_future_set(futures[i], 7), 0);
        bide_future_free(futures[i]);
    }
    return 0;
}

/* ---- other loops and threads ---- */

static struct bide_future *shared;

static void *set_it(void *arg)
{
    (void)arg;
    bide_future_set(shared, 1);
    return NULL;
}

static void *wait_in_a_loop(void *arg)
{
    (void)arg;
    struct waiting waiting = {shared, 0, 0};
    bide_run(wait_for_it, &waiting);
    return NULL;
}

struct clash {
    bool threadsafe;
    void *(*other)(void *arg);
};

static int let_another_thread(void *arg)
{
    const struct clash *clash = arg;
    struct waiting waiting = {shared, 0, 0};
    struct bide_task *task = bide_create_task(wait_for_it, &waiting);
    pthread_t thread;
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(pthread_create(&thread, NULL, clash->other, NULL), 0);
    pthread_join(thread, NULL);
    bide_detach(task);
    return 0;
}

static int run_clash(void *arg)
{
    const struct clash *clash = arg;
    shared = clash->threadsafe ? bide_future_new_threadsafe() : bide_future_new();
    return bide_run(let_another_thread, arg);
}

static void another_thread_s_future_aborts(void **state)
{
    (void)state;
    struct clash set = {false, set_it}, plain = {false, wait_in_a_loop}, two_loops = {true, wait_in_a_loop};
    check_aborts(run_clash, &set, "is handled outside of the thread where it runs");
    check_aborts(run_clash, &plain, "of another loop waits for");
    check_aborts(run_clash, &two_loops, "is waited for in the loop at");
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
        IN_A_LOOP(null_counts_as_one_that_failed),
        IN_A_LOOP(without_memory),
        cmocka_unit_test(bug_12_nobody_sets_it),
        cmocka_unit_test(outside_a_task),
        cmocka_unit_test(set_between_steps),
        IN_A_LOOP(fork_with_futures),
        cmocka_unit_test(another_thread_s_future_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
