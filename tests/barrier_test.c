/* SPDX-License-Identifier: MIT */
/* Barriers: rounds, indices, cancelled ones, broken ones; a model. */
#include "check.h"
#include "sync_bugs.h"
#include "sync_model.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- a model ---- */

static struct bide_barrier modelled;
static struct {
    int parties;
    bool broken;
    struct sync_line line;
} model;

enum { ABORT, RESET, WAIT, OPS };

static void reset(int workers)
{
    memset(&model, 0, sizeof model);
    model.parties = workers > 2 ? 3 : workers;
    bide_barrier_init(&modelled, (unsigned)model.parties);
}

static bool allowed(int worker, int op)
{
    (void)worker;
    (void)op;
    return true;
}

static int perform(int worker, int op)
{
    (void)worker;
    if (op == WAIT) return bide_barrier_wait(&modelled);
    if (op == ABORT)
        bide_barrier_abort(&modelled);
    else
        bide_barrier_reset(&modelled);
    return 0;
}

static void begin_wait(int worker)
{
    if (sync_refused(worker)) return;
    if (model.broken) {
        sync_now(worker, -EPIPE);
        return;
    }
    if (model.line.length + 1 < model.parties) {
        sync_line_push(&model.line, worker);
        sync_waits(worker);
        return;
    }
    for (int index = 0; model.line.length > 0; index++) sync_returns(sync_line_pop(&model.line), index);
    sync_now(worker, model.parties - 1);
}

static void begin(int worker, int op)
{
    if (op == WAIT) {
        begin_wait(worker);
        return;
    }
    model.broken = op == ABORT;
    while (model.line.length > 0) sync_returns(sync_line_pop(&model.line), -EPIPE);
    sync_now(worker, 0);
}

static void leave(int worker)
{
    sync_line_remove(&model.line, worker);
    sync_returns(worker, -ECANCELED);
}

static int drain(int worker)
{
    (void)worker;
    return -1;
}

static bool agrees(void)
{
    return bide_barrier_broken(&modelled) == model.broken &&
           bide_barrier_waiting(&modelled) == (unsigned)model.line.length;
}

static const struct sync_kind kind = {.name = "barrier",
                                      .ops = OPS,
                                      .direct = 2,
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

/* ---- known faults: two wait, or one and the main task's call lets them go ---- */

static struct bide_barrier barrier;

static void prepare(void)
{
    bide_barrier_init(&barrier, 20);
}

static int take(void)
{
    const int index = bide_barrier_wait(&barrier);
    return index == -EPIPE ? 0 : index;
}

static void give(void)
{
    bide_barrier_reset(&barrier);
}

static int nowait(void)
{
    return bide_barrier_waiting(&barrier) == 0 && !bide_barrier_broken(&barrier) ? 0 : -EBUSY;
}

static const struct sync_gift gift = {.prepare = prepare, .take = take, .give = give, .nowait = nowait};
SYNC_BUG_TESTS

/* ---- one by one ---- */

static int index_of(struct bide_task *task)
{
    int index = -EPROTO;
    const int code = bide_await(task, &index);
    return code < 0 ? code : index;
}

TASK(arrives)
{
    return bide_barrier_wait(&barrier);
}

/* What was full stays full, and who was cancelled before does not count. */
TASK(is_cancelled)
{
    bide_barrier_init(&barrier, 3);
    struct bide_task *tasks[3];
    for (int i = 0; i < 2; i++) CHECK(tasks[i] = bide_create_task(arrives, NULL));
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_barrier_waiting(&barrier), 2);
    bide_cancel(tasks[0]);
    CHECK_INT(bide_barrier_waiting(&barrier), 1);
    CHECK(tasks[2] = bide_create_task(arrives, NULL));
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_barrier_wait(&barrier), 2);
    bide_cancel(tasks[1]); /* too late */
    CHECK_INT(index_of(tasks[0]), -ECANCELED);
    CHECK_INT(index_of(tasks[1]), 0);
    CHECK_INT(index_of(tasks[2]), 1); /* no index twice */
    bide_cancel(bide_current_task());
    CHECK_INT(bide_barrier_wait(&barrier), -ECANCELED);
    CHECK_INT(bide_barrier_waiting(&barrier), 0);
    return bide_uncancel();
}

static void bugs_07_08_09_a_cancel_before_and_after_it_is_full(void **state)
{
    (void)state;
    assert_int_equal(check_run(is_cancelled, NULL), 0);
}

enum { PARTIES = 4, ROUNDS = 20 };
static int arrived[ROUNDS];

TASK(goes_round)
{
    unsigned seen = 0;
    for (int round = 0; round < ROUNDS; round++) {
        arrived[round]++;
        const int index = bide_barrier_wait(&barrier);
        CHECK(index >= 0 && index < PARTIES);
        CHECK_INT(arrived[round], PARTIES);
        CHECK(round + 1 == ROUNDS || arrived[round + 1] < PARTIES);
        seen |= 1u << index;
        for (int i = 0; i < *(int *)arg; i++) CHECK_INT(bide_yield(), 0);
    }
    return seen != 0 ? 0 : -EPROTO;
}

TASK(go_round)
{
    static int slowness[PARTIES] = {0, 1, 3, 2};
    memset(arrived, 0, sizeof arrived);
    bide_barrier_init(&barrier, PARTIES);
    CHECK_INT(bide_barrier_parties(&barrier), PARTIES);
    struct bide_group group;
    BIDE_GROUP(group) {
        for (int i = 0; i < PARTIES; i++) CHECK(bide_group_start(&group, goes_round, &slowness[i]));
    }
    return bide_group_result(&group);
}

static void nobody_is_a_round_ahead(void **state)
{
    (void)state;
    assert_int_equal(check_run(go_round, NULL), 0);
}

TASK(breaks)
{
    struct bide_task *tasks[3];
    bide_barrier_init(&barrier, 3);
    CHECK(tasks[0] = bide_create_task(arrives, NULL));
    CHECK(tasks[1] = bide_create_task(arrives, NULL));
    CHECK_INT(bide_yield(), 0);
    bide_barrier_abort(&barrier);
    CHECK(bide_barrier_broken(&barrier) && bide_barrier_waiting(&barrier) == 0);
    CHECK_INT(bide_barrier_wait(&barrier), -EPIPE);
    CHECK_INT(index_of(tasks[0]), -EPIPE);
    CHECK_INT(index_of(tasks[1]), -EPIPE);
    bide_barrier_reset(&barrier);
    CHECK(!bide_barrier_broken(&barrier));
    CHECK(tasks[0] = bide_create_task(arrives, NULL));
    CHECK_INT(bide_yield(), 0);
    bide_barrier_reset(&barrier); /* with one who waits */
    CHECK_INT(index_of(tasks[0]), -EPIPE);
    for (int i = 0; i < 3; i++) CHECK(tasks[i] = bide_create_task(arrives, NULL));
    for (int i = 0; i < 3; i++) CHECK_INT(index_of(tasks[i]), i);
    bide_barrier_init(&barrier, 1);
    CHECK_INT(bide_barrier_wait(&barrier), 0);
    struct bide_barrier zeros = {{0}};
    CHECK_INT(bide_barrier_wait(&zeros), -EINVAL);
    return 0;
}

static void abort_and_reset(void **state)
{
    (void)state;
    bide_barrier_init(&barrier, 2);
    assert_int_equal(bide_barrier_wait(&barrier), -EPERM);
    assert_int_equal(check_run(breaks, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(bugs_07_08_09_a_cancel_before_and_after_it_is_full),
        cmocka_unit_test(nobody_is_a_round_ahead),
        cmocka_unit_test(abort_and_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
