/* SPDX-License-Identifier: MIT */
/* Locks: who gets one when, what a cancel or a deadline in the same turn does, the block macro, a model. */
#include "check.h"
#include "sync_bugs.h"
#include "sync_model.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- a model ---- */

static struct bide_lock modelled;
static struct {
    int holder;
    struct sync_line line;
} model;

enum { ACQUIRE, RELEASE, ACQUIRE_NOWAIT, OPS };

static void reset(int workers)
{
    (void)workers;
    memset(&modelled, 0, sizeof modelled);
    memset(&model, 0, sizeof model);
    model.holder = -1;
}

static bool allowed(int worker, int op)
{
    return op != RELEASE || model.holder == worker;
}

static int perform(int worker, int op)
{
    (void)worker;
    if (op == ACQUIRE) return bide_lock_acquire(&modelled);
    if (op == ACQUIRE_NOWAIT) return bide_lock_acquire_nowait(&modelled);
    bide_lock_release(&modelled);
    return 0;
}

static void begin_release(int worker)
{
    model.holder = sync_line_pop(&model.line);
    if (model.holder >= 0) sync_returns(model.holder, 0);
    sync_now(worker, 0);
}

static void begin(int worker, int op)
{
    if (op == RELEASE) {
        begin_release(worker);
    } else if (model.holder == worker) {
        sync_now(worker, -EDEADLK);
    } else if (op == ACQUIRE && sync_refused(worker)) {
        return;
    } else if (model.holder < 0) {
        model.holder = worker;
        sync_now(worker, 0);
    } else if (op == ACQUIRE_NOWAIT) {
        sync_now(worker, -EAGAIN);
    } else {
        sync_line_push(&model.line, worker);
        sync_waits(worker);
    }
}

static void leave(int worker)
{
    sync_line_remove(&model.line, worker);
    sync_returns(worker, -ECANCELED);
}

static int drain(int worker)
{
    return model.holder == worker ? RELEASE : -1;
}

static bool agrees(void)
{
    return bide_lock_locked(&modelled) == (model.holder >= 0);
}

static const struct sync_kind kind = {.name = "lock",
                                      .ops = OPS,
                                      .reset = reset,
                                      .allowed = allowed,
                                      .perform = perform,
                                      .begin = begin,
                                      .leave = leave,
                                      .drain = drain,
                                      .agrees = agrees};

static void random_programs(void **state)
{
    (void)state;
    sync_run_random(&kind);
}

static void all_programs(void **state)
{
    (void)state;
    sync_run_all(&kind, 2, 6);
    sync_run_all(&kind, 3, 6);
}

/* ---- known faults ---- */

static struct bide_lock lock;

static void prepare(void)
{
    memset(&lock, 0, sizeof lock);
    bide_lock_acquire(&lock);
}

static int take(void)
{
    return bide_lock_acquire(&lock);
}

static void put(void)
{
    bide_lock_release(&lock);
}

static int nowait(void)
{
    return bide_lock_acquire_nowait(&lock);
}

static const struct sync_gift gift = {
    .prepare = prepare, .take = take, .put = put, .give = put, .nowait = nowait};
SYNC_BUG_TESTS

/* ---- one by one ---- */

TASK(named)
{
    const char *name = arg;
    CHECK_INT(bide_lock_acquire(&lock), 0);
    log_event("%s", name);
    CHECK_INT(bide_yield(), 0);
    bide_lock_release(&lock);
    return 0;
}

TASK(serves_in_order)
{
    log_clear();
    prepare();
    CHECK(bide_lock_locked(&lock));
    struct bide_task *a = bide_create_task(named, "a"), *b = bide_create_task(named, "b");
    CHECK_INT(bide_yield(), 0);
    bide_lock_release(&lock);
    CHECK(bide_lock_locked(&lock)); /* it is a's, who has not run yet */
    CHECK_INT(bide_lock_acquire_nowait(&lock), -EAGAIN);
    CHECK_INT(bide_lock_acquire(&lock), 0);
    log_event("main");
    bide_lock_release(&lock);
    CHECK(!bide_lock_locked(&lock));
    CHECK_INT(bide_await(a, NULL), 0);
    CHECK_INT(bide_await(b, NULL), 0);
    CHECK_LOG("a b main");
    return 0;
}

static void first_come_first_served(void **state)
{
    (void)state;
    assert_int_equal(check_run(serves_in_order, NULL), 0);
}

TASK(is_refused)
{
    memset(&lock, 0, sizeof lock);
    struct bide_task *other = bide_create_task(named, "other");
    log_clear();
    bide_cancel(bide_current_task());
    CHECK_INT(bide_lock_acquire(&lock), -ECANCELED);
    CHECK_LOG("other"); /* who ran meanwhile, and has it now */
    CHECK_INT(bide_lock_acquire_nowait(&lock), -EAGAIN);
    bide_uncancel();
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_lock_acquire(&lock), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(bide_await(other, NULL), 0);
    CHECK_INT(bide_lock_acquire(&lock), 0);
    CHECK_INT(bide_lock_acquire(&lock), -EDEADLK);
    CHECK_INT(bide_lock_acquire_nowait(&lock), -EDEADLK);
    bide_cancel(bide_current_task());
    bide_lock_release(&lock); /* works as ever (row 48) */
    bide_uncancel();
    CHECK(!bide_lock_locked(&lock));
    return 0;
}

static void a_cancelled_task_is_refused_always(void **state)
{
    (void)state;
    assert_int_equal(bide_lock_acquire(&lock), -EPERM);
    assert_int_equal(bide_lock_acquire_nowait(&lock), -EPERM);
    assert_int_equal(check_run(is_refused, NULL), 0);
}

/* ---- the block ---- */

static int leaves_by_return(void)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        CHECK_INT(code, 0);
        return 7;
    }
    return code;
}

TASK(uses_blocks)
{
    int code, runs = 0;
    memset(&lock, 0, sizeof lock);
    CHECK_INT(leaves_by_return(), 7);
    CHECK(!bide_lock_locked(&lock));
    for (int i = 0; i < 3; i++) {
        BIDE_LOCKED(&lock, code)
        {
            CHECK(bide_lock_locked(&lock));
            runs++;
            if (i == 0) break;
            if (i == 1) continue;
            goto out;
        }
        CHECK(code == 0 && !bide_lock_locked(&lock));
    }
out:
    CHECK(runs == 3 && !bide_lock_locked(&lock));
    BIDE_LOCKED(&lock, code)
    {
        BIDE_LOCKED(&lock, code) runs++;
        CHECK_INT(code, -EDEADLK);
        CHECK(bide_lock_locked(&lock)); /* the outer block's */
        code = -EIO;                    /* the block's own outcome */
    }
    CHECK_INT(code, -EIO);
    bide_cancel(bide_current_task());
    BIDE_LOCKED(&lock, code) runs++;
    bide_uncancel();
    CHECK_INT(code, -ECANCELED);
    CHECK(runs == 3 && !bide_lock_locked(&lock));
    return 0;
}

static void blocks_hold_the_lock_or_are_left_out(void **state)
{
    (void)state;
    int code = 0;
    BIDE_LOCKED(&lock, code) code = 1;
    assert_int_equal(code, -EPERM);
    assert_int_equal(check_run(uses_blocks, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_cancelled_task_is_refused_always),
        cmocka_unit_test(blocks_hold_the_lock_or_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
