/* SPDX-License-Identifier: MIT */
/* Futures that other threads set: alone, all at once, while the loop ends, and when nobody is left to hear. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* Sets it, and lets go. */
static void *set_seven(void *arg)
{
    bide_future_set(arg, 7);
    bide_future_free(arg);
    return NULL;
}

static void *fail_with_a_text(void *arg)
{
    bide_future_set(arg, bide_fail(EIO, "disk %d", 3));
    bide_future_free(arg);
    return NULL;
}

static void *let_go(void *arg)
{
    bide_future_free(arg);
    return NULL;
}

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

/* Waits for what the thread does with a future that it alone holds in the end. */
static int wait_for_thread(void *(*fn)(void *arg), int *result)
{
    struct bide_future *future = bide_future_new_threadsafe();
    struct waiting others[3];
    struct bide_task *tasks[3];
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        others[i] = (struct waiting){future, 99, 99};
        tasks[i] = bide_create_task(wait_for_it, &others[i]);
    }
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(pthread_create(&thread, NULL, fn, future), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(bide_await(tasks[i], NULL), 0);
        CHECK_INT(others[i].code, 0);
        *result = others[i].result;
    }
    pthread_join(thread, NULL);
    return 0;
}

/* Nobody reports that all wait: a thread may end that. */
TASK(rule_12_a_thread_sets_it)
{
    int result = 0;
    CHECK_INT(wait_for_thread(set_seven, &result), 0);
    CHECK_INT(result, 7);
    return 0;
}

TASK(its_failure_brings_the_text)
{
    struct bide_future *future = bide_future_new_threadsafe();
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, fail_with_a_text, bide_future_hold(future)), 0);
    CHECK_INT(bide_future_wait(future, NULL), -EIO);
    CHECK(strcmp(bide_error_text(EIO), "disk 3") == 0);
    pthread_join(thread, NULL);
    bide_future_free(future);
    return 0;
}

TASK(a_thread_that_lets_go_cancels_it)
{
    int result = 0;
    CHECK_INT(wait_for_thread(let_go, &result), 0);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

static void log_call(void *arg, struct bide_future *future)
{
    log_event("%s:%d", (const char *)arg, bide_future_result(future));
}

static void set_another(void *arg, struct bide_future *future)
{
    bide_future_set(arg, bide_future_result(future) + 1);
}

/* A callback keeps it quiet too: it may wake somebody. */
TASK(rule_12_a_callback_waits_for_a_thread)
{
    struct bide_future *future = bide_future_new_threadsafe(), *plain = bide_future_new();
    pthread_t thread;
    int result = 0;
    CHECK_INT(bide_future_on_done(future, set_another, plain), 0);
    CHECK_INT(bide_future_on_done(future, log_call, "a"), 0);
    CHECK_INT(pthread_create(&thread, NULL, set_seven, future), 0);
    CHECK_INT(bide_future_wait(plain, &result), 0);
    CHECK_INT(result, 8);
    CHECK_INT(bide_yield(), 0);
    CHECK_LOG("a:7");
    pthread_join(thread, NULL);
    bide_future_free(plain);
    return 0;
}

TASK(in_its_own_loop_it_is_as_any_other)
{
    struct bide_future *future = bide_future_new_threadsafe();
    struct waiting waiting = {future, 99, 99};
    struct bide_task *task = bide_create_task(wait_for_it, &waiting);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_future_on_done(future, log_call, "a"), 0);
    CHECK_INT(bide_future_set(future, 7), 0);
    CHECK_INT(bide_future_set(future, 7), -EALREADY);
    CHECK_INT(bide_future_on_done(future, log_call, "b"), 0);
    CHECK_LOG("a:7 b:7");
    CHECK(bide_future_done(future) && bide_future_result(future) == 7);
    bide_future_free(future);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(waiting.result, 7);
    return 0;
}

static int set_in_job(void *arg)
{
    return bide_future_set(arg, 5);
}

/* Two jobs in threads race: one is first. */
TASK(set_twice)
{
    struct bide_future *future = bide_future_new_threadsafe();
    struct bide_call calls[2] = {{set_in_job, future}, {set_in_job, future}};
    int results[2], value = 0;
    for (int i = 0; i < 2; i++) CHECK_INT(bide_to_thread(calls[i].fn, calls[i].arg, &results[i]), 0);
    CHECK(results[0] == 0 && results[1] == -EALREADY);
    CHECK_INT(bide_future_wait(future, &value), 0);
    CHECK_INT(value, 5);
    bide_future_free(future);
    return 0;
}

/* Where nobody waits for it any more, everyone waiting is reported as ever. */
TASK(rule_12_it_is_quiet_only_while_one_waits)
{
    struct bide_future *future = bide_future_new_threadsafe(), *plain = bide_future_new();
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_future_wait(future, NULL), -ETIMEDOUT);
    }
    CHECK_INT(bide_future_wait(plain, NULL), -ECANCELED);
    bide_future_free(plain);
    bide_future_free(future);
    return 0;
}

static int run_quiet(void *arg)
{
    return bide_run(rule_12_it_is_quiet_only_while_one_waits, arg) == -EDEADLK ? 0 : 1;
}

static void all_wait_is_reported_once_nobody_waits_for_a_thread(void **state)
{
    (void)state;
    char err[4096];
    assert_int_equal(check_child(run_quiet, NULL, err, sizeof err), 0);
    assert_non_null(strstr(err, "waits for the future at"));
}

/* ---- the loop ends ---- */

static struct bide_future *late;

TASK(leave_a_callback)
{
    late = bide_future_new_threadsafe();
    CHECK_INT(bide_future_on_done(late, log_call, "forgotten"), 0);
    return 0;
}

static void it_may_be_set_after_the_loop(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run(leave_a_callback, NULL), 0);
    assert_int_equal(bide_future_on_done(late, log_call, "x"), -EPERM);
    assert_int_equal(bide_future_set(late, 7), 0);
    assert_int_equal(bide_future_result(late), 7);
    assert_string_equal(log_text(), "");
    bide_future_free(late);
}

/* ---- storms ---- */

enum { THREADS = 4, EACH = 5000, FUTURES = THREADS * EACH };
static struct bide_future *futures[FUTURES];
static atomic_int heard;

static void count_call(void *arg, struct bide_future *future)
{
    (void)arg;
    (void)future;
    heard++;
}

/* A thread goes through all futures, from a place of its own: so each is set by one of four, who race. */
static void *storm(void *arg)
{
    const size_t first = (size_t)(uintptr_t)arg * EACH;
    long set = 0;
    for (size_t i = 0; i < FUTURES; i++) {
        struct bide_future *future = futures[(first + i) % FUTURES];
        if (bide_future_set(future, 7) == 0) set++;
        bide_future_free(future);
    }
    return (void *)set;
}

static pthread_t threads[THREADS];

static int start_storm(void)
{
    heard = 0;
    for (int i = 0; i < FUTURES; i++) {
        futures[i] = bide_future_new_threadsafe();
        for (int j = 0; j < THREADS; j++) bide_future_hold(futures[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)i), 0);
    return 0;
}

static long end_storm(void)
{
    long set = 0;
    for (int i = 0; i < THREADS; i++) {
        void *count;
        pthread_join(threads[i], &count);
        set += (long)count;
    }
    return set;
}

TASK(wait_for_all)
{
    const unsigned every = arg ? 3 : 1;
    for (unsigned i = 0; i < FUTURES; i += every) {
        int result = 0;
        CHECK_INT(bide_future_wait(futures[i], &result), 0);
        CHECK_INT(result, 7);
        if (i % 2) CHECK_INT(bide_future_on_done(futures[i], count_call, NULL), 0);
    }
    return 0;
}

TASK(bug_42_four_threads_set_them)
{
    struct bide_task *tasks[3];
    CHECK_INT(start_storm(), 0);
    for (int i = 0; i < 3; i++) tasks[i] = bide_create_task(wait_for_all, i ? &heard : NULL);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK_INT(end_storm(), FUTURES);
    for (int i = 0; i < FUTURES; i++) bide_future_free(futures[i]);
    return 0;
}

TASK(wait_until_cancelled)
{
    for (unsigned i = 0; i < FUTURES; i += 7) {
        if (i % 2) CHECK_INT(bide_future_on_done(futures[i], count_call, NULL), 0);
        int result = 0;
        const int code = bide_future_wait(futures[i], &result);
        if (code < 0) return code;
        CHECK_INT(result, 7);
    }
    return 0;
}

/* The loop ends in the midst of it; its waits are cut short. */
TASK(end_in_a_storm)
{
    const unsigned *round = arg;
    CHECK_INT(start_storm(), 0);
    for (int i = 0; i < 5; i++) bide_detach(bide_create_task(wait_until_cancelled, NULL));
    for (unsigned i = 0; i < *round % 50; i++) CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < FUTURES; i += 11) CHECK_INT(bide_future_on_done(futures[i], count_call, NULL), 0);
    return 0;
}

static void bug_42_four_threads_set_them_while_the_loop_ends(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        assert_int_equal(check_run_with(NULL, end_in_a_storm, &round), 0);
        const int at_end = heard;
        assert_int_equal(end_storm(), FUTURES);
        assert_int_equal(heard, at_end); /* nobody is told afterwards */
        for (int i = 0; i < FUTURES; i++) {
            assert_int_equal(bide_future_result(futures[i]), 7);
            bide_future_free(futures[i]);
        }
    }
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run_with(NULL, (bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(rule_12_a_thread_sets_it),
        IN_A_LOOP(its_failure_brings_the_text),
        IN_A_LOOP(a_thread_that_lets_go_cancels_it),
        IN_A_LOOP(rule_12_a_callback_waits_for_a_thread),
        IN_A_LOOP(in_its_own_loop_it_is_as_any_other),
        IN_A_LOOP(set_twice),
        cmocka_unit_test(all_wait_is_reported_once_nobody_waits_for_a_thread),
        cmocka_unit_test(it_may_be_set_after_the_loop),
        IN_A_LOOP(bug_42_four_threads_set_them),
        cmocka_unit_test(bug_42_four_threads_set_them_while_the_loop_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
