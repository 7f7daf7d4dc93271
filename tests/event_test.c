/* SPDX-License-Identifier: MIT */
/* Events: who goes on when, whoever sets them; a model. */
#include "check.h"
#include "sync_bugs.h"
#include "sync_model.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- a model ---- */

static struct bide_event modelled;
static struct {
    bool set;
    struct sync_line line;
} model;

enum { SET, CLEAR, WAIT, OPS };

static void reset(int workers)
{
    (void)workers;
    memset(&modelled, 0, sizeof modelled);
    memset(&model, 0, sizeof model);
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
    if (op == WAIT) return bide_event_wait(&modelled);
    if (op == SET)
        bide_event_set(&modelled);
    else
        bide_event_clear(&modelled);
    return 0;
}

static void begin(int worker, int op)
{
    if (op == WAIT && sync_refused(worker)) return;
    if (op == WAIT && !model.set) {
        sync_line_push(&model.line, worker);
        sync_waits(worker);
        return;
    }
    if (op != WAIT) model.set = op == SET;
    for (int next; op == SET && (next = sync_line_pop(&model.line)) >= 0;) sync_returns(next, 0);
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
    return bide_event_is_set(&modelled) == model.set;
}

static const struct sync_kind kind = {.name = "event",
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

/* ---- known faults ---- */

static struct bide_event event;

static void prepare(void)
{
    memset(&event, 0, sizeof event);
}

static int take(void)
{
    return bide_event_wait(&event);
}

static void give(void)
{
    bide_event_set(&event);
}

static int nowait(void)
{
    return bide_event_is_set(&event) ? 0 : -EAGAIN;
}

static const struct sync_gift gift = {.prepare = prepare, .take = take, .give = give};
static const struct sync_gift lasting_gift = {
    .prepare = prepare, .take = take, .give = give, .nowait = nowait};
SYNC_BUG_TESTS

static void bug_08_it_stays_set(void **state)
{
    (void)state;
    sync_bug_08(&lasting_gift);
}

/* ---- one by one ---- */

TASK(waits)
{
    const int code = bide_event_wait(&event);
    log_event("%s%s", (const char *)arg, code < 0 ? "!" : "");
    return code;
}

TASK(is_set_and_cleared)
{
    log_clear();
    prepare();
    struct bide_task *a = bide_create_task(waits, "a"), *b = bide_create_task(waits, "b");
    CHECK_INT(bide_yield(), 0);
    bide_event_set(&event);
    bide_event_set(&event); /* once more is nothing */
    bide_event_clear(&event);
    struct bide_task *c = bide_create_task(waits, "c"); /* comes too late */
    CHECK_INT(bide_await(a, NULL), 0);
    CHECK_INT(bide_await(b, NULL), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_shield(c, NULL), -ETIMEDOUT);
    }
    CHECK_LOG("a b");
    bide_event_set(&event);
    CHECK_INT(bide_await(c, NULL), 0);
    CHECK_INT(bide_event_wait(&event), 0); /* at once */
    CHECK_LOG("a b c");
    bide_cancel(bide_current_task());
    CHECK_INT(bide_event_wait(&event), -ECANCELED); /* also then */
    return bide_uncancel();
}

static void those_who_waited_go_on_even_if_it_is_cleared(void **state)
{
    (void)state;
    assert_int_equal(bide_event_wait(&event), -EPERM);
    assert_int_equal(check_run(is_set_and_cleared, NULL), 0);
}

static void set_it(void *arg)
{
    (void)arg;
    bide_event_set(&event);
}

TASK(is_set_from_outside)
{
    prepare();
    CHECK_INT(bide_call_soon(NULL, set_it, NULL), 0);
    CHECK_INT(bide_event_wait(&event), 0);
    prepare();
    CHECK_INT(bide_call_later(NULL, 1, set_it, NULL), 0);
    BIDE_TIMEOUT(2) {
        CHECK_INT(bide_event_wait(&event), 0);
        CHECK_INT(bide_sleep(2), -ETIMEDOUT);
    }
    return 0;
}

static void by_a_call_of_the_loop(void **state)
{
    (void)state;
    assert_int_equal(check_run(is_set_from_outside, NULL), 0);
}

/* The host of an embedded loop, between two steps. */
static void by_the_host_of_a_loop(void **state)
{
    (void)state;
    prepare();
    log_clear();
    struct bide_loop *loop = bide_loop_new(NULL);
    assert_non_null(loop);
    assert_non_null(bide_loop_start(loop, waits, "a"));
    assert_int_equal(bide_loop_step(loop), 1);
    bide_event_set(&event);
    for (int i = 0; i < 10 && bide_loop_step(loop) > 0; i++) continue;
    assert_string_equal(log_text(), "a");
    bide_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(bug_08_it_stays_set),
        cmocka_unit_test(those_who_waited_go_on_even_if_it_is_cleared),
        cmocka_unit_test(by_a_call_of_the_loop),
        cmocka_unit_test(by_the_host_of_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
