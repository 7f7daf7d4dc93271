/* SPDX-License-Identifier: MIT */
/* Conditions: the lock is held again whatever happens, no notification is lost. */
#include "check.h"
#include "sync_bugs.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- known faults ---- */

static struct bide_lock lock;
static struct bide_cond cond;

static void prepare(void)
{
    memset(&lock, 0, sizeof lock);
    memset(&cond, 0, sizeof cond);
}

static int take(void)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        code = bide_cond_wait(&cond, &lock);
    }
    return code;
}

/* In these tests the lock is free whenever the main task runs. */
static void give(void)
{
    if (bide_lock_acquire_nowait(&lock) < 0) check_failed(__FILE__, __LINE__, "the lock is not free");
    bide_cond_notify(&cond, 1);
    bide_lock_release(&lock);
}

static int nowait(void)
{
    return bide_lock_acquire_nowait(&lock);
}

static const struct sync_gift gift = {
    .prepare = prepare, .take = take, .give = give, .again = give, .nowait = nowait};
SYNC_BUG_TESTS

/* ---- one by one ---- */

static int ready;

TASK(waits)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        code = bide_cond_wait(&cond, &lock);
        CHECK(bide_lock_locked(&lock));
        CHECK_INT(bide_lock_acquire_nowait(&lock), -EDEADLK); /* it is held by this one */
        log_event("%s%s", (const char *)arg, code < 0 ? "!" : "");
    }
    return code;
}

TASK(locks)
{
    int code;
    BIDE_LOCKED(&lock, code) log_event("%s", (const char *)arg);
    return code;
}

TASK(notifies_in_order)
{
    struct bide_task *tasks[6];
    static const char *const names[] = {"a", "b", "c", "d"};
    prepare();
    log_clear();
    for (int i = 0; i < 4; i++) CHECK(tasks[i] = bide_create_task(waits, (void *)(uintptr_t)names[i]));
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_lock_acquire(&lock), 0);
    CHECK(tasks[4] = bide_create_task(locks, "x"));
    CHECK_INT(bide_yield(), 0);
    bide_cond_notify(&cond, 0);
    bide_cond_notify(&cond, 2); /* a and b come behind x */
    CHECK(tasks[5] = bide_create_task(locks, "y"));
    CHECK_INT(bide_yield(), 0);
    bide_cancel(tasks[0]); /* it was notified: too late */
    bide_cancel(tasks[2]); /* this one comes behind y to have the lock again */
    CHECK_INT(bide_yield(), 0);
    CHECK_LOG("");
    bide_lock_release(&lock);
    CHECK_INT(bide_await(tasks[2], NULL), -ECANCELED);
    CHECK_LOG("x a b y c!");
    CHECK_INT(bide_lock_acquire(&lock), 0);
    bide_cond_notify_all(&cond);
    bide_lock_release(&lock);
    for (int i = 0; i < 6; i++)
        if (i != 2) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK_LOG("x a b y c! d");
    return 0;
}

static void first_come_first_served(void **state)
{
    (void)state;
    assert_int_equal(check_run(notifies_in_order, NULL), 0);
}

static bool is_ready(void *arg)
{
    return *(int *)arg >= 2;
}

TASK(waits_for_it)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        code = bide_cond_wait_for(&cond, &lock, is_ready, &ready);
        CHECK(code < 0 || ready >= 2);
        CHECK_INT(bide_lock_acquire_nowait(&lock), -EDEADLK);
    }
    return code;
}

TASK(uses_a_predicate)
{
    prepare();
    ready = 0;
    struct bide_task *a = bide_create_task(waits_for_it, NULL), *b = bide_create_task(waits_for_it, NULL);
    for (ready = 0; ready < 2; ready++) {
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(a));
        if (ready == 1) bide_cancel(b);
        CHECK_INT(bide_lock_acquire(&lock), 0);
        bide_cond_notify_all(&cond);
        bide_lock_release(&lock);
    }
    bide_cancel(a); /* it has been notified, and it is so: success */
    CHECK_INT(bide_await(a, NULL), 0);
    CHECK_INT(bide_await(b, NULL), -ECANCELED);
    CHECK_INT(waits_for_it(NULL), 0);
    bide_cancel(bide_current_task());
    CHECK_INT(bide_lock_acquire_nowait(&lock), 0);
    CHECK_INT(bide_cond_wait_for(&cond, &lock, is_ready, &ready), -ECANCELED); /* it always checks */
    bide_lock_release(&lock);
    return bide_uncancel();
}

static void until_a_predicate_holds(void **state)
{
    (void)state;
    assert_int_equal(bide_cond_wait(&cond, &lock), -EPERM);
    assert_int_equal(bide_cond_wait_for(&cond, &lock, is_ready, &ready), -EPERM);
    assert_int_equal(check_run(uses_a_predicate, NULL), 0);
}

TASK(makes_it_ready)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        ready = 2;
        bide_cond_notify_all(&cond);
    }
    return code;
}

/* A loop that ignores the code lets others have the lock: it cannot freeze the program. */
TASK(ignores_its_cancel)
{
    prepare();
    ready = 0;
    CHECK_INT(bide_lock_acquire(&lock), 0);
    struct bide_task *other = bide_create_task(makes_it_ready, NULL);
    bide_cancel(bide_current_task());
    while (!ready) CHECK_INT(bide_cond_wait(&cond, &lock), -ECANCELED);
    bide_lock_release(&lock);
    bide_uncancel();
    return bide_await(other, NULL);
}

static void a_refused_wait_lets_the_lock_go(void **state)
{
    (void)state;
    assert_int_equal(check_run(ignores_its_cancel, NULL), 0);
}

TASK(holds_for_3)
{
    int code;
    BIDE_LOCKED(&lock, code) code = bide_sleep(3);
    return code;
}

/* The deadline is over, but the lock is another's for longer: the wait returns when it has it. */
TASK(waits_too_long)
{
    prepare();
    CHECK_INT(bide_lock_acquire(&lock), 0);
    struct bide_task *other = bide_create_task(holds_for_3, NULL);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_cond_wait(&cond, &lock), -ETIMEDOUT);
        CHECK_INT(bide_time() + 0.5, 3);
    }
    CHECK(bide_expired());
    bide_lock_release(&lock);
    return bide_await(other, NULL);
}

static void the_lock_is_held_again_however_late(void **state)
{
    (void)state;
    assert_int_equal(check_run(waits_too_long, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(until_a_predicate_holds),
        cmocka_unit_test(a_refused_wait_lets_the_lock_go),
        cmocka_unit_test(the_lock_is_held_again_however_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
