/* SPDX-License-Identifier: MIT */
/* Wrong use of locks and their like aborts with a line that names both sides. */
#include "check.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static struct bide_lock lock, second_lock;
static struct bide_event event;
static struct bide_cond cond;
static struct bide_sem sem;
static struct bide_barrier barrier;
static struct bide_rwlock rwlock;

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

TASK(hold_lock)
{
    bide_lock_acquire(&lock);
    return bide_sleep(BIDE_FOREVER);
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

TASK(wait_for_cond)
{
    bide_lock_acquire(&lock);
    return bide_cond_wait(&cond, &lock);
}

TASK(write_for_ever)
{
    bide_rwlock_acquire_write(&rwlock);
    return bide_sleep(BIDE_FOREVER);
}

/* ---- what one does not hold ---- */

TASK(releases_a_free_lock)
{
    bide_lock_release(&lock);
    return 0;
}

TASK(releases_anothers_lock)
{
    start("holder", hold_lock);
    bide_lock_release(&lock);
    return 0;
}

static void release_lock(void *arg)
{
    bide_lock_release(arg);
}

TASK(releases_outside_of_tasks)
{
    bide_lock_acquire(&lock);
    bide_call_soon(NULL, release_lock, &lock);
    return bide_sleep(BIDE_FOREVER);
}

TASK(releases_a_block_twice)
{
    int code;
    BIDE_LOCKED(&lock, code) bide_lock_release(&lock);
    return code;
}

static void a_lock_that_is_not_held(void **state)
{
    (void)state;
    aborts(releases_a_free_lock, "releases the lock", "'(none)' holds");
    aborts(releases_anothers_lock, "task 'main' releases the lock", "'holder' holds");
    aborts(releases_outside_of_tasks, "task '(none)' releases the lock", "'main' holds");
    aborts(releases_a_block_twice, "task 'main' releases the lock", "'(none)' holds");
}

TASK(releases_free_rwlock)
{
    bide_rwlock_release(&rwlock);
    return 0;
}

TASK(releases_anothers_rwlock)
{
    start("writer", write_for_ever);
    bide_rwlock_release(&rwlock);
    return 0;
}

static void a_read_write_lock_that_is_not_held(void **state)
{
    (void)state;
    aborts(releases_free_rwlock, "task 'main' releases the read-write lock", "'(none)' holds");
    aborts(releases_anothers_rwlock, "task 'main' releases the read-write lock", "'writer' holds");
}

TASK(waits_without_the_lock)
{
    return bide_cond_wait(&cond, &lock);
}

TASK(waits_with_anothers_lock)
{
    start("holder", hold_lock);
    return bide_cond_wait(&cond, &lock);
}

TASK(waits_with_two_locks)
{
    start("waiter", wait_for_cond);
    bide_lock_acquire(&second_lock);
    return bide_cond_wait(&cond, &second_lock);
}

TASK(notifies_without_the_lock)
{
    bide_cond_notify_all(&cond); /* nothing, while nobody waits */
    start("waiter", wait_for_cond);
    bide_cond_notify(&cond, 1);
    return 0;
}

TASK(notifies_with_anothers_lock)
{
    start("waiter", wait_for_cond);
    start("holder", hold_lock);
    bide_cond_notify_all(&cond);
    return 0;
}

static void a_condition_without_its_lock(void **state)
{
    (void)state;
    aborts(waits_without_the_lock, "task 'main' waits for the condition", "'(none)' holds");
    aborts(waits_with_anothers_lock, "task 'main' waits for the condition", "'holder' holds");
    aborts(waits_with_two_locks, "task 'main' waits for the condition", "task 'waiter' with the one");
    aborts(notifies_without_the_lock, "task 'main' notifies the condition", "'(none)' holds");
    aborts(notifies_with_anothers_lock, "task 'main' notifies the condition", "'holder' holds");
}

TASK(releases_too_often)
{
    bide_sem_init_bounded(&sem, 2);
    CHECK_INT(bide_sem_acquire(&sem), 0);
    bide_sem_release(&sem);
    bide_sem_release(&sem);
    return 0;
}

TASK(releases_a_bound_of_0)
{
    bide_sem_init_bounded(&sem, 0);
    start("waiter", wait_for_sem);
    bide_sem_release(&sem);
    return 0;
}

TASK(releases_more_than_can_be_counted)
{
    bide_sem_init(&sem, ~0u);
    bide_sem_release(&sem);
    return 0;
}

TASK(makes_a_barrier_of_0)
{
    bide_barrier_init(&barrier, 0);
    return 0;
}

TASK(makes_a_barrier_too_large)
{
    bide_barrier_init(&barrier, ~0u);
    return 0;
}

static void numbers_that_cannot_be(void **state)
{
    (void)state;
    aborts(releases_too_often, "task 'main' releases the semaphore", "all its 2 permits");
    aborts(releases_a_bound_of_0, "task 'main' releases the semaphore", "all its 0 permits");
    aborts(releases_more_than_can_be_counted, "task 'main' releases the semaphore", "4294967295 permits");
    aborts(makes_a_barrier_of_0, "task 'main' makes the barrier", "of 0 tasks");
    aborts(makes_a_barrier_too_large, "task 'main' makes the barrier", "of 4294967295 tasks");
}

/* ---- cleared or made anew while tasks wait ---- */

TASK(clears_a_lock)
{
    bide_lock_acquire(&lock);
    struct bide_task *waiter = start("waiter", wait_for_lock);
    memset(&lock, 0, sizeof lock);
    bide_cancel(waiter);
    return 0;
}

TASK(clears_an_event)
{
    struct bide_task *waiter = start("waiter", wait_for_event);
    memset(&event, 0, sizeof event);
    bide_cancel(waiter);
    return 0;
}

TASK(makes_a_sem_anew)
{
    struct bide_task *waiter = start("waiter", wait_for_sem);
    bide_sem_init(&sem, 0);
    start("other", wait_for_sem);
    bide_cancel(waiter);
    return 0;
}

TASK(makes_a_barrier_anew)
{
    bide_barrier_init(&barrier, 2);
    struct bide_task *waiter = start("waiter", wait_at_barrier);
    bide_barrier_init(&barrier, 2);
    bide_cancel(waiter);
    return 0;
}

static void cleared_while_tasks_wait(void **state)
{
    (void)state;
    aborts(clears_a_lock, "task 'waiter' stands in the line", "cleared or made anew");
    aborts(clears_an_event, "task 'waiter' stands in the line", "cleared or made anew");
    aborts(makes_a_sem_anew, "task 'waiter' stands in the line", "cleared or made anew");
    aborts(makes_a_barrier_anew, "task 'waiter' stands in the line", "cleared or made anew");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_that_is_not_held),      cmocka_unit_test(a_read_write_lock_that_is_not_held),
        cmocka_unit_test(a_condition_without_its_lock), cmocka_unit_test(numbers_that_cannot_be),
        cmocka_unit_test(cleared_while_tasks_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
