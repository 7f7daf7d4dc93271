/* SPDX-License-Identifier: MIT */
/* Semaphores, bounded ones too: who gets a permit when, and that none is ever lost; a model. */
#include "check.h"
#include "sync_bugs.h"
#include "sync_model.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- a model ---- */

static struct bide_sem modelled;
static struct {
    bool bounded;
    unsigned value;
    unsigned taken[SYNC_WORKERS + 1]; /* of a bounded one: each gives back its own */
    struct sync_line line;
} model;

enum { RELEASE, ACQUIRE, ACQUIRE_NOWAIT, OPS };

static void reset(int workers)
{
    const bool bounded = model.bounded;
    memset(&model, 0, sizeof model);
    model.bounded = bounded;
    model.value = (unsigned)(workers - 1) / 2 + bounded;
    if (bounded)
        bide_sem_init_bounded(&modelled, model.value);
    else
        bide_sem_init(&modelled, model.value);
}

static bool allowed(int worker, int op)
{
    return op != RELEASE || !model.bounded || model.taken[worker] > 0;
}

static int perform(int worker, int op)
{
    (void)worker;
    if (op == ACQUIRE) return bide_sem_acquire(&modelled);
    if (op == ACQUIRE_NOWAIT) return bide_sem_acquire_nowait(&modelled);
    bide_sem_release(&modelled);
    return 0;
}

static void begin_release(int worker)
{
    const int next = sync_line_pop(&model.line);
    if (model.bounded) model.taken[worker]--;
    if (next < 0) {
        model.value++;
    } else {
        model.taken[next]++;
        sync_returns(next, 0);
    }
    sync_now(worker, 0);
}

static void begin(int worker, int op)
{
    if (op == RELEASE) {
        begin_release(worker);
    } else if (op == ACQUIRE && sync_refused(worker)) {
        return;
    } else if (model.value > 0) {
        model.value--;
        model.taken[worker]++;
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
    return model.bounded && model.taken[worker] > 0 ? RELEASE : -1;
}

static bool agrees(void)
{
    return bide_sem_value(&modelled) == model.value;
}

static struct sync_kind kind = {.name = "semaphore",
                                .ops = OPS,
                                .direct = 1,
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
    struct sync_kind by_workers = kind;
    by_workers.direct = 0;
    sync_run_all(&by_workers, 2, 6);
    sync_run_all(&by_workers, 3, 6);
}

static void random_programs_bounded(void **state)
{
    (void)state;
    model.bounded = true;
    kind.direct = 0;
    sync_run_random(&kind);
}

static void all_programs_bounded(void **state)
{
    (void)state;
    sync_run_all(&kind, 2, 6);
    sync_run_all(&kind, 3, 6);
}

/* ---- known faults ---- */

static struct bide_sem sem;

static void prepare(void)
{
    bide_sem_init(&sem, 0);
}

static int take(void)
{
    return bide_sem_acquire(&sem);
}

static void put(void)
{
    bide_sem_release(&sem);
}

static int nowait(void)
{
    return bide_sem_acquire_nowait(&sem);
}

static const struct sync_gift gift = {
    .prepare = prepare, .take = take, .put = put, .give = put, .nowait = nowait};
SYNC_BUG_TESTS

/* ---- one by one ---- */

struct crowd {
    int inside;
    int peak;
};

TASK(enters)
{
    struct crowd *crowd = arg;
    int code;
    BIDE_PERMIT(&sem, code)
    {
        if (++crowd->inside > crowd->peak) crowd->peak = crowd->inside;
        code = bide_sleep(1);
        crowd->inside--;
    }
    return code;
}

TASK(limits)
{
    struct crowd crowd = {0, 0};
    struct bide_group group;
    bide_sem_init_bounded(&sem, 3);
    BIDE_GROUP(group) {
        for (int i = 0; i < 10; i++) CHECK(bide_group_start(&group, enters, &crowd));
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(crowd.peak, 3);
    CHECK_INT(bide_time() + 0.5, 4);
    CHECK_INT(bide_sem_value(&sem), 3);

    int code, runs = 0;
    bide_cancel(bide_current_task());
    BIDE_PERMIT(&sem, code) runs++;
    bide_uncancel();
    CHECK(code == -ECANCELED && runs == 0 && bide_sem_value(&sem) == 3);
    return 0;
}

static void as_many_at_a_time_as_there_are_permits(void **state)
{
    (void)state;
    assert_int_equal(check_run(limits, NULL), 0);
}

static void release_it(void *arg)
{
    (void)arg;
    bide_sem_release(&sem);
}

TASK(is_given_from_outside)
{
    bide_sem_init(&sem, 0);
    CHECK_INT(bide_call_soon(NULL, release_it, NULL), 0);
    CHECK_INT(bide_sem_acquire(&sem), 0);
    CHECK_INT(bide_sem_value(&sem), 0);
    return 0;
}

static void outside_of_tasks(void **state)
{
    (void)state;
    bide_sem_init(&sem, 1);
    assert_int_equal(bide_sem_acquire(&sem), -EPERM);
    assert_int_equal(bide_sem_acquire_nowait(&sem), 0);
    assert_int_equal(bide_sem_acquire_nowait(&sem), -EAGAIN);
    bide_sem_release(&sem);
    assert_int_equal(bide_sem_value(&sem), 1);
    assert_int_equal(check_run(is_given_from_outside, NULL), 0);
}

TASK(zeros_are_empty)
{
    struct bide_sem zeros = {{0}};
    CHECK_INT(bide_sem_acquire_nowait(&zeros), -EAGAIN);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sem_acquire(&zeros), -ETIMEDOUT);
    }
    bide_sem_release(&zeros);
    return bide_sem_acquire(&zeros);
}

static void zeros_are_a_semaphore_without_permits(void **state)
{
    (void)state;
    assert_int_equal(check_run(zeros_are_empty, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
        cmocka_unit_test(random_programs_bounded),
        cmocka_unit_test(all_programs_bounded),
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(as_many_at_a_time_as_there_are_permits),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(zeros_are_a_semaphore_without_permits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
