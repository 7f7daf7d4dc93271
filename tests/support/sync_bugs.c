/* SPDX-License-Identifier: MIT */
#include "sync_bugs.h"

#include <string.h>

enum { NOT_YET = 1000, TASKS = 5, ROUNDS = 50 };

struct taker {
    struct bide_task *task;
    int code;
    bool cancelled; /* when it had it */
    double limit;
};

static const struct sync_gift *gift;
static struct taker takers[TASKS];

static int take_and_put(void *arg)
{
    struct taker *taker = arg;
    BIDE_TIMEOUT(taker->limit) {
        taker->code = gift->take();
        taker->cancelled = bide_cancelled();
    }
    if (taker->code >= 0 && gift->put) gift->put();
    return 0;
}

static int let_run(void)
{
    for (int i = 0; i < 2 * TASKS; i++) CHECK_INT(bide_yield(), 0);
    return 0;
}

/* So many tasks wait, in order. */
static int start(int n, double limit)
{
    gift->prepare();
    for (int i = 0; i < n; i++) {
        takers[i] = (struct taker){.code = NOT_YET, .limit = limit};
        CHECK(takers[i].task = bide_create_task(take_and_put, &takers[i]));
    }
    return let_run();
}

static int join(int n)
{
    for (int i = 0; i < n; i++) CHECK_INT(bide_await(takers[i].task, NULL), 0);
    return 0;
}

static int run_07(void *arg)
{
    (void)arg;
    CHECK_INT(start(2, BIDE_FOREVER), 0);
    gift->give();
    bide_cancel(takers[0].task); /* too late: it was given */
    CHECK_INT(let_run(), 0);
    CHECK(takers[0].code >= 0 && takers[0].code != NOT_YET && takers[0].cancelled);
    if (gift->again) gift->again();
    CHECK_INT(join(2), 0);
    CHECK(takers[1].code >= 0 && takers[1].code != NOT_YET && !takers[1].cancelled);

    CHECK_INT(start(2, BIDE_FOREVER), 0);
    bide_cancel(takers[0].task);
    gift->give(); /* to the other one, though the first has not left yet */
    CHECK_INT(join(2), 0);
    CHECK_INT(takers[0].code, -ECANCELED);
    CHECK(takers[1].code >= 0 && takers[1].code != NOT_YET);
    return 0;
}

static int run_08(void *arg)
{
    (void)arg;
    for (int round = 0; round < 1 << TASKS; round++) {
        CHECK_INT(start(TASKS, BIDE_FOREVER), 0);
        for (int i = 0; i < TASKS; i++) {
            if (i == round % TASKS) gift->give();
            if (round >> i & 1) bide_cancel(takers[i].task);
        }
        CHECK_INT(let_run(), 0);
        for (int i = 0; i < TASKS; i++) bide_cancel(takers[i].task);
        CHECK_INT(join(TASKS), 0);
        CHECK(!gift->nowait || gift->nowait() == 0);
    }
    return 0;
}

static int run_09(void *arg)
{
    (void)arg;
    for (int cancel_first = 0; cancel_first < 2; cancel_first++) {
        CHECK_INT(start(1, BIDE_FOREVER), 0);
        if (cancel_first) bide_cancel(takers[0].task);
        gift->give();
        if (!cancel_first) bide_cancel(takers[0].task);
        CHECK_INT(join(1), 0);
        CHECK(cancel_first ? takers[0].code == -ECANCELED : takers[0].code >= 0);
        CHECK(takers[0].cancelled && takers[0].code != NOT_YET);
    }
    CHECK_INT(start(2, 1), 0);
    CHECK_INT(bide_sleep(1), 0); /* their deadlines come in the same turn, before this task runs */
    gift->give();
    CHECK_INT(join(2), 0);
    CHECK_INT(takers[0].code, -ETIMEDOUT);
    CHECK_INT(takers[1].code, -ETIMEDOUT);
    CHECK(!gift->nowait || gift->nowait() == 0);
    return 0;
}

static int fill_stack(void *arg)
{
    volatile char rubbish[4096];
    (void)arg;
    memset((char *)rubbish, 0xa5, sizeof rubbish);
    return rubbish[17] == 0;
}

static int run_12(void *arg)
{
    (void)arg;
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_INT(start(TASKS, round & 1 ? 1 : BIDE_FOREVER), 0);
        for (int i = 0; i < TASKS; i++)
            if (!(round & 1)) bide_cancel(takers[i].task);
        if (round & 1) CHECK_INT(bide_sleep(2), 0);
        CHECK_INT(join(TASKS), 0);
        for (int i = 0; i < TASKS; i++) CHECK_INT(bide_await(bide_create_task(fill_stack, NULL), NULL), 0);
        gift->give();
        CHECK_INT(let_run(), 0);
        for (int i = 0; i < TASKS; i++) CHECK_INT(takers[i].code, round & 1 ? -ETIMEDOUT : -ECANCELED);
    }
    return 0;
}

static void run(const struct sync_gift *its, bide_fn fn)
{
    gift = its;
    assert_int_equal(check_run(fn, NULL), 0);
}

void sync_bug_07(const struct sync_gift *its)
{
    run(its, run_07);
}

void sync_bug_08(const struct sync_gift *its)
{
    run(its, run_08);
}

void sync_bug_09(const struct sync_gift *its)
{
    run(its, run_09);
}

void sync_bug_12(const struct sync_gift *its)
{
    run(its, run_12);
}
