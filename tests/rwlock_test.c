/* SPDX-License-Identifier: MIT */
/* Read-write locks: readers together, a writer alone, nobody starves; a model. */
#include "check.h"
#include "sync_bugs.h"
#include "sync_model.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- a model ---- */

static struct bide_rwlock modelled;
static struct {
    int writer;
    int readers;
    bool reads[SYNC_WORKERS + 1];
    bool writes[SYNC_WORKERS + 1]; /* what those in line want */
    struct sync_line line;
} model;

enum { READ, WRITE, RELEASE, OPS };

static void reset(int workers)
{
    (void)workers;
    memset(&modelled, 0, sizeof modelled);
    memset(&model, 0, sizeof model);
    model.writer = -1;
}

/* Nobody reads twice, or writes while reading: they could wait for themselves. */
static bool allowed(int worker, int op)
{
    return op == RELEASE ? model.reads[worker] || model.writer == worker : !model.reads[worker];
}

static int perform(int worker, int op)
{
    (void)worker;
    if (op == READ) return bide_rwlock_acquire_read(&modelled);
    if (op == WRITE) return bide_rwlock_acquire_write(&modelled);
    bide_rwlock_release(&modelled);
    return 0;
}

static bool take(int worker, bool writes)
{
    if (model.writer >= 0 || (writes && model.readers > 0)) return false;
    if (writes)
        model.writer = worker;
    else
        model.reads[worker] = true;
    model.readers += !writes;
    return true;
}

static void admit(void)
{
    while (model.line.length > 0 && take(model.line.who[0], model.writes[model.line.who[0]]))
        sync_returns(sync_line_pop(&model.line), 0);
}

static void begin_release(int worker)
{
    if (model.writer == worker)
        model.writer = -1;
    else
        model.readers--;
    model.reads[worker] = false;
    admit();
    sync_now(worker, 0);
}

static void begin(int worker, int op)
{
    if (op == RELEASE) {
        begin_release(worker);
    } else if (model.writer == worker) {
        sync_now(worker, -EDEADLK);
    } else if (sync_refused(worker)) {
        return;
    } else if (model.line.length == 0 && take(worker, op == WRITE)) {
        sync_now(worker, 0);
    } else {
        model.writes[worker] = op == WRITE;
        sync_line_push(&model.line, worker);
        sync_waits(worker);
    }
}

static void leave(int worker)
{
    sync_line_remove(&model.line, worker);
    admit();
    sync_returns(worker, -ECANCELED);
}

static int drain(int worker)
{
    return model.reads[worker] || model.writer == worker ? RELEASE : -1;
}

static bool agrees(void)
{
    return true;
}

static const struct sync_kind kind = {.name = "read-write lock",
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

/* ---- known faults, for readers and for writers ---- */

static struct bide_rwlock lock;

static void prepare(void)
{
    memset(&lock, 0, sizeof lock);
    bide_rwlock_acquire_write(&lock);
}

static int read_it(void)
{
    return bide_rwlock_acquire_read(&lock);
}

static int write_it(void)
{
    return bide_rwlock_acquire_write(&lock);
}

static void release(void)
{
    bide_rwlock_release(&lock);
}

/* It is free: if it has to wait, it is not. */
static int is_free(void)
{
    int code = -ETIMEDOUT;
    BIDE_TIMEOUT(1) {
        code = bide_rwlock_acquire_write(&lock);
    }
    return code;
}

static const struct sync_gift gift = {
    .prepare = prepare, .take = write_it, .put = release, .give = release, .nowait = is_free};
static const struct sync_gift readers_gift = {
    .prepare = prepare, .take = read_it, .put = release, .give = release, .nowait = is_free};
SYNC_BUG_TESTS

static void bugs_07_08_09_12_of_readers(void **state)
{
    (void)state;
    sync_bug_07(&readers_gift);
    sync_bug_08(&readers_gift);
    sync_bug_09(&readers_gift);
    sync_bug_12(&readers_gift);
}

/* ---- one by one ---- */

struct use {
    const char *name;
    bool writes;
};

TASK(uses)
{
    const struct use *use = arg;
    int code = use->writes ? write_it() : read_it();
    if (code < 0) return code;
    log_event("%s", use->name);
    code = bide_sleep(1);
    release();
    return code;
}

static struct use uses_of[] = {{"r1", false}, {"r2", false}, {"w1", true}, {"r3", false},
                               {"r4", false}, {"w2", true},  {"r5", false}};
enum { USES = sizeof uses_of / sizeof *uses_of };

TASK(serves_in_order)
{
    struct bide_task *tasks[USES];
    memset(&lock, 0, sizeof lock);
    log_clear();
    for (int i = 0; i < USES; i++) CHECK(tasks[i] = bide_create_task(uses, &uses_of[i]));
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK_LOG("r1 r2");
    CHECK_INT(bide_sleep(1), 0);
    CHECK_LOG("r1 r2 w1");
    CHECK_INT(bide_sleep(1), 0);
    CHECK_LOG("r1 r2 w1 r3 r4");
    for (int i = 0; i < USES; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    CHECK_LOG("r1 r2 w1 r3 r4 w2 r5");
    CHECK_INT(bide_time() + 0.5, 5);
    return 0;
}

static void first_come_first_served(void **state)
{
    (void)state;
    assert_int_equal(check_run(serves_in_order, NULL), 0);
}

/* The readers behind it may go on with those who read already. */
TASK(gives_up)
{
    static struct use writes = {"w", true}, reads = {"r", false};
    memset(&lock, 0, sizeof lock);
    log_clear();
    CHECK_INT(read_it(), 0);
    struct bide_task *writer = bide_create_task(uses, &writes), *reader = bide_create_task(uses, &reads);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_LOG("");
    bide_cancel(writer);
    CHECK_INT(bide_await(writer, NULL), -ECANCELED);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_LOG("r");
    release();
    return 0;
}

static void a_writer_that_gives_up_holds_up_nobody(void **state)
{
    (void)state;
    assert_int_equal(check_run(gives_up, NULL), 0);
}

TASK(uses_blocks)
{
    int code, runs = 0;
    memset(&lock, 0, sizeof lock);
    BIDE_READ_LOCKED(&lock, code)
    {
        BIDE_READ_LOCKED(&lock, code) runs++;
    }
    CHECK(code == 0 && runs == 1);
    BIDE_WRITE_LOCKED(&lock, code)
    {
        BIDE_READ_LOCKED(&lock, code) runs++;
        CHECK_INT(code, -EDEADLK);
        CHECK_INT(write_it(), -EDEADLK);
        break;
    }
    bide_cancel(bide_current_task());
    BIDE_WRITE_LOCKED(&lock, code) runs++;
    CHECK_INT(code, -ECANCELED);
    BIDE_READ_LOCKED(&lock, code) runs++;
    CHECK_INT(code, -ECANCELED);
    bide_uncancel();
    CHECK_INT(runs, 1);
    CHECK_INT(is_free(), 0);
    return 0;
}

static void blocks_hold_it_or_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(bide_rwlock_acquire_read(&lock), -EPERM);
    assert_int_equal(bide_rwlock_acquire_write(&lock), -EPERM);
    assert_int_equal(check_run(uses_blocks, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(all_programs),
        SYNC_BUG_TEST_LIST,
        cmocka_unit_test(bugs_07_08_09_12_of_readers),
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_writer_that_gives_up_holds_up_nobody),
        cmocka_unit_test(blocks_hold_it_or_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
