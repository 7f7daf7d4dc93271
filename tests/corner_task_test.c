/* SPDX-License-Identifier: MIT */
/* Corners of tasks: rings of joins, long chains of awaits, handles that were released. */
#include "check.h"

#include "sanitizer.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct bide_options in_virtual_time = {.clock = BIDE_CLOCK_VIRTUAL};

/* In a child, which a signal ends should it never come to an end by itself. */
static int run_in_child(void *fn)
{
    alarm(20);
    return bide_run_with(&in_virtual_time, *(bide_fn *)fn, NULL);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* ---- a ring of tasks that join each other, seen from outside of it ---- */

static struct bide_task *ring_first, *ring_second;

/* Awaits the second, whose end it joins once it has been cancelled itself. */
static int first_of_ring(void *arg)
{
    (void)arg;
    return bide_await(ring_second, NULL);
}

static int second_of_ring(void *arg)
{
    (void)arg;
    int code = 0;
    BIDE_SHIELD(5) {
        (void)bide_sleep(1);
        code = bide_shield(ring_first, NULL);
    }
    return code;
}

static int looks_at_ring(void *arg)
{
    (void)arg;
    if (bide_sleep(2) < 0) return -EPROTO;
    return bide_shield(ring_first, NULL);
}

static int ring_of_joins(void *arg)
{
    (void)arg;
    ring_second = bide_create_task(second_of_ring, NULL);
    ring_first = bide_create_task(first_of_ring, NULL);
    struct bide_task *looker = bide_create_task(looks_at_ring, NULL);
    (void)bide_sleep(1); /* this ends before the second's does */
    bide_cancel(ring_first);
    int result = -EPROTO;
    (void)bide_await(looker, &result);
    (void)bide_await(ring_first, NULL);
    return result == -EPROTO;
}

static void a_ring_of_joins_ahead_is_not_walked_for_ever(void **state)
{
    (void)state;
    static const bide_fn fn = ring_of_joins;
    char err[4096];
    const int status = check_child(run_in_child, (void *)(uintptr_t)&fn, err, sizeof err);
    assert_false(WIFSIGNALED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- a long chain of awaits ---- */

enum { CHAIN = 16000 };

static struct bide_task *chain[CHAIN + 1];

static int link_of_chain(void *arg)
{
    struct bide_task **mine = arg;
    return mine[1] ? bide_await(mine[1], NULL) : bide_sleep(5);
}

static void look_at_end(void *arg, struct bide_task *task)
{
    (void)task;
    ++*(int *)arg;
}

static double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The last comes first, so that each awaits one that waits already. */
static int await_chain(void *ended)
{
    chain[CHAIN] = NULL;
    for (int i = CHAIN - 1; i >= 0; i--) {
        chain[i] = bide_create_task(link_of_chain, &chain[i]);
        CHECK(chain[i]);
        if (ended) CHECK_INT(bide_task_on_done(chain[i], look_at_end, ended), 0);
    }
    return bide_await(chain[0], NULL);
}

static double time_of_chain(int *ended)
{
    const double start = processor_time();
    assert_int_equal(check_run(await_chain, ended), 0);
    return processor_time() - start;
}

/* One that has a done callback is not looked at by the whole chain: that takes longer by its length. */
static void a_chain_with_done_callbacks_is_not_walked_each_time(void **state)
{
    (void)state;
    if (SANITIZER_FIBERS || SANITIZER_ADDRESS || sanitizer_valgrind() || check_emulated())
        check_skip("that many stacks are too many here");
    int ended = 0;
    (void)time_of_chain(NULL);
    const double plain = time_of_chain(NULL);
    const double watched = time_of_chain(&ended);
    assert_int_equal(ended, CHAIN);
    if (watched > 12 * plain) fail_msg("%.3f s without callbacks, %.3f s with them", plain, watched);
}

/* ---- handles that were released ---- */

static void ignore_end(void *arg, struct bide_task *task)
{
    (void)arg;
    (void)task;
}

static void use_released(int how, struct bide_task *task)
{
    struct bide_error error;
    int result;
    switch (how) {
    case 0: bide_cancel(task); break;
    case 1: bide_shield(task, &result); break;
    case 2: bide_task_name(task); break;
    case 3: bide_task_set_name(task, "new"); break;
    case 4: bide_task_done(task); break;
    case 5: bide_task_result(task); break;
    case 6: bide_task_error(task, &error); break;
    case 7: bide_task_on_done(task, ignore_end, NULL); break;
    case 8: bide_gather_tasks(&task, 1, NULL); break;
    case 9: bide_await(task, &result); break;
    default: bide_detach(task); break;
    }
}

static int use_after_await(void *how)
{
    struct bide_task *task = bide_create_task(nothing, NULL);
    bide_await(task, NULL);
    use_released(*(int *)how, task);
    return 0;
}

static int use_after_detach(void *how)
{
    struct bide_task *task = bide_create_task(nothing, NULL);
    bide_detach(task);
    bide_yield();
    use_released(*(int *)how, task);
    return 0;
}

static int run_use_after_await(void *how)
{
    return bide_run(use_after_await, how);
}

static int run_use_after_detach(void *how)
{
    return bide_run(use_after_detach, how);
}

static void a_released_handle_is_noticed_by_every_call(void **state)
{
    (void)state;
    for (int how = 0; how <= 10; how++) {
        check_aborts(run_use_after_await, &how, "'(released)'");
        check_aborts(run_use_after_detach, &how, "taken or given up before");
    }
}

static int detach_from_group(void *arg)
{
    (void)arg;
    struct bide_group group;
    BIDE_GROUP(group) bide_detach(bide_group_start(&group, nothing, NULL));
    return 0;
}

static void detaching_a_groups_handle_says_whose_it_is(void **state)
{
    (void)state;
    static const bide_fn fn = detach_from_group;
    check_aborts(run_in_child, (void *)(uintptr_t)&fn, "its handle is its group's");
}

/* ---- another loop's ---- */

static struct bide_task *others_task;
static struct bide_group others_group;

static int use_anothers(void *how)
{
    switch (*(int *)how) {
    case 0: return bide_await(others_task, NULL);
    case 1: return bide_shield(others_task, NULL);
    case 2: return bide_gather_tasks(&others_task, 1, NULL);
    case 3: return (int)bide_wait(&others_task, 1, BIDE_ALL_COMPLETED, 0);
    case 4: return bide_as_completed(&others_task, 1) ? 0 : -errno;
    case 5: return bide_group_start(&others_group, nothing, NULL) ? 0 : -errno;
    case 6: return bide_group_spawn(&others_group, nothing, NULL);
    default: return bide_group_start_ready(&others_group, nothing, NULL, NULL);
    }
}

static void *run_other_loop(void *how)
{
    (void)bide_run(use_anothers, how);
    return NULL;
}

static int wait_while_another_uses(void *how)
{
    pthread_t thread;
    BIDE_GROUP(others_group) {
        others_task = bide_create_task(nothing, NULL);
        if (pthread_create(&thread, NULL, run_other_loop, how) == 0) pthread_join(thread, NULL);
    }
    return bide_await(others_task, NULL);
}

static int run_two_loops(void *how)
{
    alarm(20);
    return bide_run(wait_while_another_uses, how);
}

static void waiting_for_another_loops_task_or_in_its_group_aborts(void **state)
{
    (void)state;
    for (int how = 0; how < 8; how++) check_aborts(run_two_loops, &how, "of another loop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_of_joins_ahead_is_not_walked_for_ever),
        cmocka_unit_test(a_chain_with_done_callbacks_is_not_walked_each_time),
        cmocka_unit_test(a_released_handle_is_noticed_by_every_call),
        cmocka_unit_test(detaching_a_groups_handle_says_whose_it_is),
        cmocka_unit_test(waiting_for_another_loops_task_or_in_its_group_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
