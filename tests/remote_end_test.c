/* SPDX-License-Identifier: MIT */
/* What other threads and signals have sent to a loop when it ends: nothing is lost, nothing made twice. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CALL(name) static void name(void *arg __attribute__((unused)))

static struct bide_loop *loop;
static int seven = 7;
static atomic_int sleeping;

TASK(give)
{
    return *(int *)arg;
}

TASK(sleep_for_ever)
{
    sleeping++;
    return bide_sleep(BIDE_FOREVER);
}

enum { PENDING = 8 };
struct waiter {
    pthread_t thread;
    int code, result;
};

static void *run_there(void *arg)
{
    struct waiter *waiter = arg;
    waiter->code = bide_run_threadsafe(loop, sleep_for_ever, NULL, &waiter->result);
    return NULL;
}

TASK(end_with_remotes_pending)
{
    struct waiter *waiters = arg;
    loop = bide_current_loop();
    for (int i = 0; i < PENDING; i++)
        CHECK_INT(pthread_create(&waiters[i].thread, NULL, run_there, &waiters[i]), 0);
    while (sleeping < PENDING) CHECK_INT(bide_sleep(0.001), 0);
    return 0;
}

static void remotes_that_are_pending_at_the_end_are_cancelled(void **state)
{
    (void)state;
    struct waiter waiters[PENDING] = {{.result = 99}};
    sleeping = 0;
    assert_int_equal(check_run_with(NULL, end_with_remotes_pending, waiters), 0);
    for (int i = 0; i < PENDING; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].code, 0);
        assert_int_equal(waiters[i].result, -ECANCELED);
    }
    int result = 99;
    assert_int_equal(bide_run_threadsafe(loop, give, &seven, &result), -ESHUTDOWN);
    assert_null(bide_start_threadsafe(loop, give, &seven));
    assert_int_equal(errno, ESHUTDOWN);
    assert_int_equal(result, 99);
}

static struct bide_remote *late[3];

/* It was taken just before the end: it runs, cancelled, but what it shields works as ever. */
TASK(work_late)
{
    const int signals[] = {SIGUSR1};
    int ends[2], result = 0;
    char byte = 'x';
    CHECK_INT(bide_sleep(0), -ECANCELED);
    BIDE_SHIELD(20) {
        CHECK(bide_to_thread(give, &seven, &result) == 0 && result == 7);
        CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        struct bide_task *reader = bide_create_task(sleep_for_ever, NULL); /* born cancelled */
        CHECK_INT(bide_await(reader, NULL), -ECANCELED);
        CHECK_INT(bide_write(ends[0], &byte, 1), 1);
        CHECK_INT(bide_read(ends[1], &byte, 1), 1);
        CHECK(bide_close(ends[0]) == 0 && bide_close(ends[1]) == 0);
        CHECK_INT(raise(SIGCONT), 0);
        BIDE_TIMEOUT(0.01) {
            CHECK_INT(bide_signal_wait(signals, 1), -ETIMEDOUT);
        }
        CHECK_INT(bide_call_soon_threadsafe(bide_current_loop(), NULL, NULL, NULL), -EINVAL);
    }
    return 5;
}

TASK(end_before_they_are_seen)
{
    loop = bide_current_loop();
    late[0] = bide_start_threadsafe(loop, give, &seven);
    late[1] = bide_start_threadsafe(loop, work_late, NULL);
    late[2] = bide_start_threadsafe(loop, sleep_for_ever, NULL);
    CHECK_INT(bide_remote_cancel(late[2]), 1);
    return 0;
}

static void what_was_taken_before_the_end_runs(void **state)
{
    (void)state;
    const int expected[] = {7, 5, -ECANCELED};
    struct sigaction before, after;
    sigaction(SIGUSR1, NULL, &before);
    assert_int_equal(check_run_with(NULL, end_before_they_are_seen, NULL), 0);
    sigaction(SIGUSR1, NULL, &after);
    assert_true(after.sa_handler == before.sa_handler);
    for (int i = 0; i < 3; i++) {
        int result = 99;
        assert_int_equal(bide_remote_wait(late[i], 0, &result), 0);
        assert_int_equal(result, expected[i]);
        assert_int_equal(bide_remote_cancel(late[i]), 0);
        bide_remote_free(late[i]);
    }
}

static void a_loop_that_never_ran_makes_what_it_took_as_it_is_freed(void **state)
{
    (void)state;
    int result = 99;
    loop = bide_loop_new(NULL);
    struct bide_remote *remote = bide_start_threadsafe(loop, give, &seven);
    assert_int_equal(bide_remote_wait(remote, 0.001, &result), -ETIMEDOUT);
    bide_loop_free(loop);
    assert_int_equal(bide_remote_wait(remote, 0, &result), 0);
    assert_int_equal(result, 7);
    bide_remote_free(remote);
}

/* ---- bug 42 ---- */

enum { POSTERS = 4, LOOPS = 20, HANDLES = 64 };

struct poster {
    pthread_t thread;
    bool with_handles;
    long posts;
    unsigned char *made, *taken; /* how often, for each post */
    struct bide_handle handles[HANDLES];
};

static struct poster posters[POSTERS];
static long made_now, enough;
static struct bide_task *main_task;

CALL(count)
{
    unsigned char *made = arg;
    ++*made;
    if (++made_now == enough) bide_cancel(main_task);
}

static int post(struct poster *poster, long i)
{
    if (!poster->with_handles) return bide_call_soon_threadsafe(loop, NULL, count, &poster->made[i]);
    int code;
    while ((code = bide_call_soon_threadsafe(loop, &poster->handles[i % HANDLES], count, &poster->made[i])) ==
           -EBUSY)
        sched_yield();
    return code;
}

static void *post_all(void *arg)
{
    struct poster *poster = arg;
    for (long i = 0; i < poster->posts; i++) {
        const int code = post(poster, i);
        poster->taken[i] = code == 0;
        if (code != 0 && code != -ESHUTDOWN) check_failed(__FILE__, __LINE__, "a post gave %d", code);
    }
    return NULL;
}

TASK(end_amid_posts)
{
    loop = bide_current_loop();
    main_task = bide_current_task();
    for (int i = 0; i < POSTERS; i++)
        CHECK_INT(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    CHECK_INT(bide_sleep(BIDE_FOREVER), -ECANCELED);
    return bide_uncancel();
}

static void poster_init(struct poster *poster, long posts, bool with_handles)
{
    *poster = (struct poster){.with_handles = with_handles, .posts = posts};
    poster->made = calloc((size_t)posts, 1);
    poster->taken = calloc((size_t)posts, 1);
    assert_true(poster->made && poster->taken);
}

/* How many of its posts were refused. */
static long poster_check(struct poster *poster)
{
    long refused = 0;
    pthread_join(poster->thread, NULL);
    for (long i = 0; i < poster->posts; i++) {
        if (poster->made[i] != poster->taken[i]) fail_msg("post %ld: made %d times", i, poster->made[i]);
        refused += !poster->taken[i];
    }
    free(poster->made);
    free(poster->taken);
    return refused;
}

/* BIDE_TEST_POSTS: how many posts each thread makes in all, for slower builds. */
static long posts_of_a_loop(void)
{
    const char *posts = getenv("BIDE_TEST_POSTS");
    const long n = (posts ? strtol(posts, NULL, 10) : 1000000) / LOOPS;
    return n > 0 ? n : 1;
}

static void bug_42_four_threads_post_while_loops_end(void **state)
{
    (void)state;
    const long posts = posts_of_a_loop();
    long refused = 0;
    for (int round = 0; round < LOOPS; round++) {
        made_now = 0;
        enough = 1 + posts * POSTERS * round / (LOOPS + 5);
        for (int i = 0; i < POSTERS; i++) poster_init(&posters[i], posts, i % 2);
        assert_int_equal(check_run_with(NULL, end_amid_posts, NULL), 0);
        for (int i = 0; i < POSTERS; i++) refused += poster_check(&posters[i]);
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remotes_that_are_pending_at_the_end_are_cancelled),
        cmocka_unit_test(what_was_taken_before_the_end_runs),
        cmocka_unit_test(a_loop_that_never_ran_makes_what_it_took_as_it_is_freed),
        cmocka_unit_test(bug_42_four_threads_post_while_loops_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
