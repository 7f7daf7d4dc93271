/* SPDX-License-Identifier: MIT */
/* Programs of jobs in threads, each with every one of its calls to the system failing. */
#include "sweep.h"

#include "faults.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static atomic_int go;

TASK(give)
{
    sweep_begin(arg);
    return sweep_end(arg, 7);
}

TASK(fail_there)
{
    sweep_begin(arg);
    return sweep_end(arg, bide_fail(EIO, "disk %d is gone", 7));
}

TASK(hold)
{
    sweep_begin(arg);
    while (!go) usleep(50);
    return sweep_end(arg, 7);
}

struct call {
    bide_fn fn;
    struct sweep_item *item;
    int code, result;
};

/* A job that was refused or withdrawn has not run. */
TASK(call)
{
    struct call *call = arg;
    call->result = 99;
    call->code = bide_to_thread(call->fn, call->item, &call->result);
    call->item->taken = call->result != -ENOMEM && call->result != -ECANCELED;
    CHECK(call->code == 0 || call->code == -ECANCELED);
    if (call->result == -EIO) CHECK(sweep_is_text(bide_error_text(-EIO), -EIO));
    return call->result < 0 ? call->result : 0;
}

TASK(jobs)
{
    enum { N = 8 };
    struct call calls[N];
    struct bide_call tasks[N];
    int results[N], code = 0;
    for (int i = 0; i < N; i++) {
        calls[i] = (struct call){i % 2 ? fail_there : give, sweep_item(), 0, -ENOMEM};
        calls[i].item->taken = 0;
        tasks[i] = (struct bide_call){call, &calls[i]};
    }
    CHECK_INT(bide_gather(tasks, N, results), 0);
    for (int i = 0; i < N; i++) {
        CHECK(results[i] == -ENOMEM || results[i] == (i % 2 ? -EIO : 0));
        if (results[i] == -ENOMEM) sweep_note(&code, -ENOMEM);
        if (results[i] == -EIO) CHECK(sweep_is_text(bide_error_text(-EIO), -EIO));
    }
    return code;
}

/* One thread, which is held: the job behind it is withdrawn by a cancel. */
TASK(withdrawal)
{
    struct call first = {hold, sweep_item(), 0, 0}, second = {give, sweep_item(), 0, 0};
    first.item->taken = second.item->taken = 0;
    go = 0;
    struct bide_task *one = bide_create_task(call, &first);
    while (one && !first.item->begun && !bide_task_done(one)) CHECK_INT(bide_yield(), 0);
    struct bide_task *two = bide_create_task(call, &second);
    CHECK_INT(bide_yield(), 0);
    (void)bide_cancel(two);
    int result = 99;
    if (!first.item->begun) go = 1;
    CHECK_INT(bide_await(two, &result), 0);
    go = 1;
    CHECK(result == -ENOMEM || result == -ECANCELED || (result == 0 && first.result < 0));
    const int code = result == -ENOMEM ? -ENOMEM : 0;
    CHECK_INT(bide_await(one, &result), 0);
    CHECK(result == 0 || result == -ENOMEM);
    return result < 0 ? result : code;
}

/* Main ends while its jobs run: they are waited for. */
TASK(jobs_left_behind)
{
    static struct call calls[3];
    int code = 0;
    go = 1;
    for (int i = 0; i < 3; i++) {
        calls[i] = (struct call){i ? give : hold, sweep_item(), 0, 0};
        calls[i].item->taken = 0;
        struct bide_task *task = bide_create_task(call, &calls[i]);
        if (!task) sweep_note(&code, -errno);
    }
    sweep_note(&code, bide_yield());
    return code;
}

/* ---- a number that stands for something else by now ---- */

static int ends[2];

TASK(take_a_number_that_was_foreign)
{
    int result = 99;
    struct sweep_item item = {.taken = 1};
    CHECK_INT(pipe(ends), 0);
    BIDE_TIMEOUT(0.001) CHECK_INT(bide_poll(ends[0], POLLIN), -ETIMEDOUT);
    CHECK_INT(close(ends[0]), 0);
    CHECK_INT(bide_to_thread(give, &item, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(close(ends[1]), 0);
    return 0;
}

static void row_1_the_number_of_a_foreign_descriptor_becomes_the_eventfd(void **state)
{
    (void)state;
    assert_int_equal(check_run(take_a_number_that_was_foreign, NULL), 0);
}

/* ---- what no program can go on without ---- */

TASK(nothing)
{
    return 0;
}

TASK(do_nothing_in_a_thread)
{
    return bide_to_thread(nothing, NULL, NULL);
}

static int run_without_eventfd(void *arg)
{
    faults_set(SYS_WRITE, EBADF, 0, FOR_EVER);
    return bide_run(do_nothing_in_a_thread, arg);
}

static void a_pool_whose_eventfd_was_closed_aborts(void **state)
{
    (void)state;
    check_aborts(run_without_eventfd, NULL, "eventfd");
}

SWEEP(jobs, .threads = 3, .uses_threads = true)
SWEEP(withdrawal, .threads = 1, .uses_threads = true)
SWEEP(jobs_left_behind, .threads = 2, .uses_threads = true)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_1_the_number_of_a_foreign_descriptor_becomes_the_eventfd),
        cmocka_unit_test(a_pool_whose_eventfd_was_closed_aborts),
        SWEEP_TEST(every_fault_of_jobs),
        SWEEP_TEST(every_fault_of_withdrawal),
        SWEEP_TEST(every_fault_of_jobs_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
