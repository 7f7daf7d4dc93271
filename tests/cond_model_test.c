/* SPDX-License-Identifier: MIT */
/* Conditions against a model of one and its lock. */
#include "check.h"
#include "sync_model.h"

#include <string.h>

static struct bide_lock modelled_lock;
static struct bide_cond modelled;
static struct {
    int holder;
    bool retakes[SYNC_WORKERS + 1]; /* it is in the lock's line to take it again, uncancellably */
    int code[SYNC_WORKERS + 1];     /* which its wait then gives */
    struct sync_line lock_line;
    struct sync_line line;
} model;

enum { ACQUIRE, RELEASE, WAIT, NOTIFY, NOTIFY_ALL, OPS };

static void reset(int workers)
{
    (void)workers;
    memset(&modelled_lock, 0, sizeof modelled_lock);
    memset(&modelled, 0, sizeof modelled);
    memset(&model, 0, sizeof model);
    model.holder = -1;
}

static bool allowed(int worker, int op)
{
    return (op == ACQUIRE) != (model.holder == worker);
}

static int perform(int worker, int op)
{
    (void)worker;
    if (op == ACQUIRE) return bide_lock_acquire(&modelled_lock);
    if (op == WAIT) return bide_cond_wait(&modelled, &modelled_lock);
    if (op == RELEASE) bide_lock_release(&modelled_lock);
    if (op == NOTIFY) bide_cond_notify(&modelled, 1);
    if (op == NOTIFY_ALL) bide_cond_notify_all(&modelled);
    return 0;
}

static void pass(void)
{
    const int next = model.holder = sync_line_pop(&model.lock_line);
    if (next >= 0) sync_returns(next, model.retakes[next] ? model.code[next] : 0);
}

static void begin_acquire(int worker)
{
    if (sync_refused(worker)) return;
    if (model.holder < 0) {
        model.holder = worker;
        sync_now(worker, 0);
        return;
    }
    model.retakes[worker] = false;
    sync_line_push(&model.lock_line, worker);
    sync_waits(worker);
}

/* Cut short or refused, it goes on by itself, to take the lock again. */
static void cut(int worker)
{
    model.code[worker] = -ECANCELED;
    sync_inner(worker);
}

static void begin_wait(int worker)
{
    if (sync_is_cancelled(worker)) {
        pass();
        cut(worker);
        return;
    }
    sync_line_push(&model.line, worker);
    sync_waits(worker);
    pass();
}

static void inner(int worker)
{
    if (model.holder < 0) {
        model.holder = worker;
        sync_now(worker, model.code[worker]);
        return;
    }
    model.retakes[worker] = true;
    sync_line_push(&model.lock_line, worker);
    sync_waits(worker);
}

static void begin_notify(int worker, int n)
{
    for (int next; n > 0 && (next = sync_line_pop(&model.line)) >= 0; n--) {
        model.retakes[next] = true;
        model.code[next] = 0;
        sync_line_push(&model.lock_line, next);
    }
    sync_now(worker, 0);
}

static void begin(int worker, int op)
{
    if (op == ACQUIRE) {
        begin_acquire(worker);
    } else if (op == WAIT) {
        begin_wait(worker);
    } else if (op == RELEASE) {
        pass();
        sync_now(worker, 0);
    } else {
        begin_notify(worker, op == NOTIFY ? 1 : SYNC_WORKERS);
    }
}

static void leave(int worker)
{
    if (sync_line_remove(&model.line, worker)) {
        cut(worker);
    } else if (!model.retakes[worker]) {
        sync_line_remove(&model.lock_line, worker);
        sync_returns(worker, -ECANCELED);
    }
}

static int drain(int worker)
{
    return model.holder == worker ? RELEASE : -1;
}

static bool agrees(void)
{
    return bide_lock_locked(&modelled_lock) == (model.holder >= 0);
}

static const struct sync_kind kind = {.name = "condition",
                                      .ops = OPS,
                                      .reset = reset,
                                      .allowed = allowed,
                                      .perform = perform,
                                      .begin = begin,
                                      .leave = leave,
                                      .inner = inner,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
