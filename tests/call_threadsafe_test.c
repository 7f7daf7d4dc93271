/* SPDX-License-Identifier: MIT */
/* Functions that threads and signal handlers have a loop call. */
#include "check.h"
#include "faults.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CALL(name) static void name(void *arg __attribute__((unused)))

CALL(say)
{
    log_event("%s", (const char *)arg);
}

static struct bide_handle own[3];

/* A task that rests until a call, from wherever it was asked for, wakes it. */
static struct bide_task *resting;
CALL(wake_up)
{
    bide_cancel(resting);
}

static int rest(void)
{
    resting = bide_current_task();
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

static void *post_in_order(void *arg)
{
    struct bide_loop *loop = arg;
    static struct bide_handle handle;
    bide_call_soon_threadsafe(loop, NULL, say, "a");
    bide_call_soon_threadsafe(loop, &handle, say, "b");
    bide_call_soon_threadsafe(loop, NULL, say, "c");
    bide_call_soon_threadsafe(loop, NULL, wake_up, NULL);
    return NULL;
}

TASK(a_thread_wakes_an_idle_loop_and_its_calls_keep_their_order)
{
    pthread_t thread;
    resting = bide_current_task();
    CHECK_INT(pthread_create(&thread, NULL, post_in_order, bide_current_loop()), 0);
    CHECK_INT(rest(), 0);
    CHECK_LOG("a b c");
    return pthread_join(thread, NULL);
}

TASK(a_posted_call_can_be_cancelled)
{
    struct bide_loop *loop = bide_current_loop();
    CHECK_INT(bide_call_soon_threadsafe(loop, &own[0], say, "never"), 0);
    CHECK_INT(bide_call_soon_threadsafe(loop, &own[1], say, "made"), 0);
    CHECK_INT(bide_call_soon(&own[0], say, "x"), -EBUSY);
    CHECK_INT(bide_handle_cancel(&own[0]), 1);
    CHECK_INT(bide_handle_cancel(&own[0]), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_LOG("made");
    return 0;
}

enum { ROUNDS = 20000 };
static _Atomic(struct bide_handle *) shared; /* the thread posts it, the loop cancels it */
static struct bide_handle handles[ROUNDS];
static atomic_int made;

CALL(count)
{
    made++;
}

static void *post_each(void *arg)
{
    intptr_t accepted = 0;
    for (int i = 0; i < ROUNDS; i++) {
        shared = &handles[i];
        accepted += bide_call_soon_threadsafe(arg, &handles[i], count, NULL) == 0;
    }
    shared = NULL;
    return (void *)accepted;
}

TASK(a_cancel_and_a_post_at_the_same_time_agree)
{
    pthread_t thread;
    void *accepted;
    int cancelled = 0;
    made = 0;
    memset(handles, 0, sizeof handles);
    shared = &handles[0];
    CHECK_INT(pthread_create(&thread, NULL, post_each, bide_current_loop()), 0);
    while (shared) {
        for (int i = 0; i < 100; i++) cancelled += bide_handle_cancel(shared);
        CHECK_INT(bide_yield(), 0);
    }
    CHECK_INT(pthread_join(thread, &accepted), 0);
    CHECK_INT(bide_sleep(0.001), 0);
    CHECK_INT((intptr_t)accepted, ROUNDS);
    CHECK_INT(made + cancelled, ROUNDS);
    return 0;
}

static struct bide_loop *ended;
TASK(tell_loop)
{
    ended = bide_current_loop();
    return bide_call_soon_threadsafe(ended, NULL, say, "last");
}

static void a_loop_that_has_ended_refuses_but_makes_what_it_took(void **state)
{
    (void)state;
    struct bide_handle handle = {0};
    log_clear();
    assert_int_equal(check_run(tell_loop, NULL), 0);
    assert_string_equal(log_text(), "last");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bide_call_soon_threadsafe(ended, &handle, say, "x"), -ESHUTDOWN);
        assert_int_equal(bide_call_soon_threadsafe(ended, NULL, say, "x"), -ESHUTDOWN);
        assert_int_equal(bide_handle_cancel(&handle), 0);
    }
}

static struct bide_loop *_Atomic handled_by;

static void post_from_handler(int number)
{
    const bool first = number == SIGUSR1;
    errno = E2BIG;
    const int code = bide_call_soon_threadsafe(handled_by, &own[first ? 0 : 1], wake_up, NULL);
    if (code != 0 || errno != E2BIG) handled_by = NULL;
}

TASK(a_signal_handler_may_post_a_handle_of_its_own)
{
    const struct sigaction action = {.sa_handler = post_from_handler};
    struct sigaction before;
    CHECK_INT(sigaction(SIGUSR1, &action, &before), 0);
    handled_by = bide_current_loop();
    for (int i = 0; i < 100; i++) {
        resting = bide_current_task();
        faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
        raise(SIGUSR1);
        faults_clear();
        CHECK_INT(faults_asked(), 0);
        CHECK_INT(rest(), 0);
        CHECK(handled_by);
    }
    return sigaction(SIGUSR1, &before, NULL);
}

static void run_in_a_loop(void **state)
{
    const bide_fn fn = (bide_fn)(uintptr_t)*state;
    log_clear();
    memset(own, 0, sizeof own);
    assert_int_equal(check_run(fn, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(a_thread_wakes_an_idle_loop_and_its_calls_keep_their_order),
        IN_A_LOOP(a_posted_call_can_be_cancelled),
        IN_A_LOOP(a_cancel_and_a_post_at_the_same_time_agree),
        cmocka_unit_test(a_loop_that_has_ended_refuses_but_makes_what_it_took),
        IN_A_LOOP(a_signal_handler_may_post_a_handle_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
