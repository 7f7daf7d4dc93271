/* SPDX-License-Identifier: MIT */
/*
 * Locks and their like belong to the loop whose tasks wait: another's aborts, and what a loop that
 * was given up, or the parent of a fork, leaves behind does no harm.
 */
#include "check.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static struct bide_lock lock;
static struct bide_event event;
static struct bide_sem sem;
static struct bide_barrier barrier;

static int as_main(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void aborts(bide_fn fn, const char *one, const char *other)
{
    check_aborts(as_main, &fn, one);
    check_aborts(as_main, &fn, other);
}

/* Starts fn as a task of that name, and lets it run. */
static struct bide_task *start(const char *name, bide_fn fn)
{
    const struct bide_task_options options = {.name = name};
    struct bide_task *task = bide_create_task_with(&options, fn, NULL);
    bide_yield();
    return task;
}

TASK(wait_for_lock)
{
    return bide_lock_acquire(&lock);
}

TASK(wait_for_event)
{
    return bide_event_wait(&event);
}

TASK(wait_for_sem)
{
    return bide_sem_acquire(&sem);
}

TASK(wait_at_barrier)
{
    return bide_barrier_wait(&barrier);
}

/* ---- another loop's ---- */

static void *other_loop(void *fn)
{
    (void)bide_run(*(bide_fn *)fn, NULL);
    return NULL;
}

static int in_another_loop(bide_fn mine, bide_fn others)
{
    pthread_t thread;
    CHECK_INT(bide_lock_acquire(&lock), 0);
    start("waiter", mine);
    CHECK_INT(pthread_create(&thread, NULL, other_loop, &others), 0);
    return pthread_join(thread, NULL);
}

TASK(set_event)
{
    bide_event_set(&event);
    return 0;
}

TASK(release_sem)
{
    bide_sem_release(&sem);
    return 0;
}

TASK(abort_barrier)
{
    bide_barrier_abort(&barrier);
    return 0;
}

TASK(locks_anothers)
{
    return in_another_loop(wait_for_lock, wait_for_lock);
}

TASK(waits_for_anothers_event)
{
    return in_another_loop(wait_for_event, wait_for_event);
}

TASK(sets_anothers_event)
{
    return in_another_loop(wait_for_event, set_event);
}

TASK(takes_anothers_permit)
{
    return in_another_loop(wait_for_sem, wait_for_sem);
}

TASK(gives_anothers_permit)
{
    return in_another_loop(wait_for_sem, release_sem);
}

TASK(waits_at_anothers_barrier)
{
    bide_barrier_init(&barrier, 3);
    return in_another_loop(wait_at_barrier, wait_at_barrier);
}

TASK(breaks_anothers_barrier)
{
    bide_barrier_init(&barrier, 3);
    return in_another_loop(wait_at_barrier, abort_barrier);
}

static void of_another_loop(void **state)
{
    (void)state;
    aborts(locks_anothers, "task 'main' uses the lock", "task 'waiter' of another loop");
    aborts(waits_for_anothers_event, "task 'main' uses the event", "task 'waiter' of another loop");
    aborts(sets_anothers_event, "task 'main' uses the event", "task 'waiter' of another loop");
    aborts(takes_anothers_permit, "task 'main' uses the semaphore", "task 'waiter' of another loop");
    aborts(gives_anothers_permit, "task 'main' uses the semaphore", "task 'waiter' of another loop");
    aborts(waits_at_anothers_barrier, "task 'main' uses the barrier", "task 'waiter' of another loop");
    aborts(breaks_anothers_barrier, "task 'main' uses the barrier", "task 'waiter' of another loop");
}

/* ---- what a report says of them ---- */

static struct bide_lock other_lock;
static struct bide_cond cond;
static struct bide_rwlock rwlock;

TASK(wait_for_cond)
{
    int code;
    BIDE_LOCKED(&other_lock, code) code = bide_cond_wait(&cond, &other_lock);
    return code;
}

TASK(wait_to_write)
{
    return bide_rwlock_acquire_write(&rwlock);
}

TASK(waits_for_all)
{
    struct bide_task *tasks[] = {start("a", wait_for_lock), start("b", wait_for_sem),
                                 start("c", wait_for_cond), start("d", wait_to_write)};
    for (int i = 0; i < 4; i++) CHECK_INT(bide_await(tasks[i], NULL), -ECANCELED);
    return 0;
}

TASK(is_stuck)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        BIDE_READ_LOCKED(&rwlock, code) waits_for_all(NULL);
    }
    return code;
}

static void every_task_waits_for_another(void **state)
{
    (void)state;
    char err[2048];
    bide_fn fn = is_stuck;
    (void)check_child(as_main, &fn, err, sizeof err);
    assert_non_null(strstr(err, "task 'a' waits for the lock at"));
    assert_non_null(strstr(err, "which task 'main' holds"));
    assert_non_null(strstr(err, "task 'b' waits for the semaphore at"));
    assert_non_null(strstr(err, "task 'c' waits for the condition at"));
    assert_non_null(strstr(err, "task 'd' waits to write under the read-write lock at"));
}

/* ---- what is left behind ---- */

TASK(wait_for_ever)
{
    BIDE_SHIELD(BIDE_FOREVER) {
        bide_barrier_wait(&barrier);
    }
    return 0;
}

TASK(wait_for_mains_event)
{
    BIDE_SHIELD(BIDE_FOREVER) {
        bide_event_wait(arg);
    }
    return 0;
}

TASK(is_given_up)
{
    struct bide_event on_this_stack = {{0}}; /* which is given up first, and so large that it is unmapped */
    bide_detach(bide_create_task(wait_for_mains_event, &on_this_stack));
    bide_barrier_init(&barrier, 2);
    bide_detach(start("stuck", wait_for_ever));
    BIDE_SHIELD(BIDE_FOREVER) {
        bide_event_wait(&event);
    }
    return 0;
}

TASK(goes_on)
{
    bide_event_set(&event);
    CHECK_INT(bide_barrier_waiting(&barrier), 0);
    struct bide_task *task = start("waiter", wait_at_barrier);
    CHECK_INT(bide_barrier_wait(&barrier), 1);
    CHECK_INT(bide_await(task, NULL), 0);
    return bide_event_wait(&event);
}

static int given_up_and_on(void *arg)
{
    (void)arg;
    const struct bide_options options = {.stack_size = 8 << 20};
    return bide_run_with(&options, is_given_up, NULL) == -EDEADLK ? bide_run(goes_on, NULL) : -EPROTO;
}

static void stacks_that_were_given_up_stand_in_no_line(void **state)
{
    (void)state;
    char err[1024];
    assert_int_equal(check_child(given_up_and_on, NULL, err, sizeof err), 0);
    assert_non_null(strstr(err, "waits for the event at"));
    assert_non_null(strstr(err, "waits at the barrier at"));
}

TASK(forks_while_others_wait)
{
    int code, status = -1;
    bide_sem_init(&sem, 0);
    bide_barrier_init(&barrier, 2);
    struct bide_task *tasks[] = {start("a", wait_for_event), start("b", wait_for_sem),
                                 start("c", wait_at_barrier)};
    pid_t child = -1;
    BIDE_LOCKED(&lock, code)
    {
        child = fork();
        if (child == 0) break;
    }
    if (child == 0) {
        bide_event_set(&event);
        bide_sem_release(&sem);
        bide_barrier_reset(&barrier);
        _exit(bide_sem_value(&sem) == 1 && bide_event_is_set(&event) && bide_barrier_waiting(&barrier) == 0
                  ? 7
                  : 8);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    bide_event_set(&event);
    bide_sem_release(&sem);
    CHECK_INT(bide_barrier_wait(&barrier), 1);
    for (int i = 0; i < 3; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    bide_event_clear(&event);
    return code;
}

static void in_the_child_of_a_fork_nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(check_run(forks_while_others_wait, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_another_loop),
        cmocka_unit_test(every_task_waits_for_another),
        cmocka_unit_test(stacks_that_were_given_up_stand_in_no_line),
        cmocka_unit_test(in_the_child_of_a_fork_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
