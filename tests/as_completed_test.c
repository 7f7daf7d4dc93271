/* SPDX-License-Identifier: MIT */
/* bide_as_completed and bide_next: the order, many who ask, leaving early, wrong use. */
#include "check.h"

#include "faults.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

/* Sleeps as many seconds as it says, then returns them. */
TASK(nap)
{
    const int *seconds = arg;
    const int code = bide_sleep(*seconds);
    return code < 0 ? code : *seconds;
}

static int start(struct bide_task **tasks, int *naps, size_t n)
{
    for (size_t i = 0; i < n; i++) CHECK(tasks[i] = bide_create_task(nap, &naps[i]));
    return 0;
}

static int await_result(struct bide_task *task)
{
    int result = -EPROTO;
    CHECK_INT(bide_await(task, &result), 0);
    return result;
}

TASK(in_the_order_of_their_ends)
{
    int naps[] = {3, 1, 2, 1}, result, n = 0;
    const int order[] = {1, 1, 2, 3};
    struct bide_task *tasks[4], *task;
    CHECK_INT(start(tasks, naps, 4), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 4);
    for (int i = 0; i < 4; i++) tasks[i] = NULL; /* the list is not needed any more */
    for (; bide_next(completions, &task) > 0; n++) {
        CHECK_AT(order[n]);
        CHECK_INT(bide_await(task, &result), 0);
        CHECK_INT(result, order[n]);
    }
    CHECK_INT(n, 4);
    CHECK_INT(bide_next(completions, &task), 0);
    bide_completions_free(completions);
    return 0;
}

TASK(those_that_have_ended_come_first)
{
    int naps[] = {3, 0, 2, 0};
    struct bide_task *tasks[6], *task = NULL;
    CHECK_INT(start(tasks, naps, 4), 0);
    tasks[4] = NULL;
    tasks[5] = tasks[1]; /* given out twice */
    CHECK_INT(bide_sleep(1), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 6);
    const int order[] = {1, 3, 4, 1, 2, 0};
    for (int i = 0; i < 6; i++) {
        CHECK_INT(bide_next(completions, &task), 1);
        CHECK(task == tasks[order[i]]);
        if (i < 4) CHECK_AT(1);
    }
    CHECK_INT(bide_next(completions, &task), 0);
    bide_completions_free(completions);
    for (int i = 0; i < 4; i++) CHECK_INT(await_result(tasks[i]), naps[i]);
    return 0;
}

TASK(bug_12_left_early)
{
    int naps[] = {3, 1, 2};
    struct bide_task *tasks[3], *task;
    CHECK_INT(start(tasks, naps, 3), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 3);
    CHECK_INT(bide_next(completions, &task), 1);
    CHECK(task == tasks[1]);
    bide_completions_free(completions);
    CHECK_INT(bide_sleep(5), 0); /* the others tell nobody */
    for (int i = 0; i < 3; i++) CHECK_INT(await_result(tasks[i]), naps[i]);
    return 0;
}

struct asking {
    struct bide_completions *completions;
    int code;
    struct bide_task *task;
};

TASK(ask)
{
    struct asking *asking = arg;
    asking->code = bide_next(asking->completions, &asking->task);
    log_event("%d", asking->code);
    return 0;
}

enum { ASKERS = 4 };

TASK(several_may_ask)
{
    int naps[] = {3, 1, 2};
    struct bide_task *tasks[3], *askers[ASKERS];
    struct asking asking[ASKERS];
    CHECK_INT(start(tasks, naps, 3), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 3);
    for (int i = 0; i < ASKERS; i++) {
        asking[i] = (struct asking){completions, 99, NULL};
        askers[i] = bide_create_task(ask, &asking[i]);
    }
    CHECK_INT(bide_await(askers[2], NULL), 0);
    bide_completions_free(completions); /* all who asked have been told, though not all have run */
    for (int i = 0; i < ASKERS; i++)
        if (i != 2) CHECK_INT(bide_await(askers[i], NULL), 0);
    CHECK_AT(3);
    CHECK(asking[0].task == tasks[1] && asking[1].task == tasks[2] && asking[2].task == tasks[0]);
    CHECK_LOG("1 1 1 0");
    for (int i = 0; i < 3; i++) CHECK_INT(await_result(tasks[i]), naps[i]);
    return 0;
}

/* The first to ask is cancelled: before the task ends, or in the same turn after it. */
TASK(bug_07_a_cancelled_asker_loses_nothing)
{
    for (int late = 0; late < 2; late++) {
        int one = 1;
        struct bide_task *task = bide_create_task(nap, &one), *askers[2];
        struct bide_completions *completions = bide_as_completed(&task, 1);
        struct asking asking[] = {{completions, 99, NULL}, {completions, 99, NULL}};
        for (int i = 0; i < 2; i++) askers[i] = bide_create_task(ask, &asking[i]);
        CHECK_INT(bide_sleep(0.5), 0);
        if (late) CHECK_INT(bide_sleep(0.5), 0); /* armed after the task's own sleep */
        bide_cancel(askers[0]);
        for (int i = 0; i < 2; i++) CHECK_INT(bide_await(askers[i], NULL), 0);
        CHECK_INT(asking[0].code, late ? 1 : -ECANCELED);
        CHECK_INT(asking[1].code, late ? 0 : 1);
        CHECK(asking[late ? 0 : 1].task == task);
        bide_completions_free(completions);
        CHECK_INT(await_result(task), 1);
    }
    return 0;
}

TASK(bug_08_cut_short_one_may_ask_again)
{
    int naps[] = {2, 4}, n = 0, code;
    struct bide_task *tasks[2], *task;
    CHECK_INT(start(tasks, naps, 2), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 2);
    for (int turn = 0; turn < 5; turn++) {
        BIDE_TIMEOUT(1.5) {
            while ((code = bide_next(completions, &task)) > 0) n++;
        }
        CHECK_INT(code, turn < 2 ? -ETIMEDOUT : 0);
    }
    CHECK_INT(n, 2);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_next(completions, &task), -ECANCELED); /* also where there is nothing to wait for */
    CHECK_INT(bide_uncancel(), 0);
    bide_completions_free(completions);
    for (int i = 0; i < 2; i++) CHECK_INT(await_result(tasks[i]), naps[i]);
    return 0;
}

TASK(bug_12_a_task_may_be_gone_before_it_is_given_out)
{
    int naps[] = {1, 2};
    struct bide_task *tasks[2], *task;
    CHECK_INT(start(tasks, naps, 2), 0);
    struct bide_completions *completions = bide_as_completed(tasks, 2);
    CHECK_INT(await_result(tasks[0]), 1);
    bide_detach(tasks[1]);
    CHECK_INT(bide_sleep(3), 0);
    CHECK_INT(bide_next(completions, &task), 1); /* not to be used any more */
    bide_completions_free(completions);
    return 0;
}

TASK(wrong_use)
{
    struct bide_task *tasks[] = {NULL, bide_current_task()}, *task;
    errno = 0;
    CHECK(!bide_as_completed(NULL, 1) && errno == EINVAL);
    errno = 0;
    CHECK(!bide_as_completed(tasks, 0) && errno == EINVAL);
    errno = 0;
    CHECK(!bide_as_completed(tasks, 2) && errno == EDEADLK);
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    errno = 0;
    struct bide_completions *completions = bide_as_completed(tasks, 1);
    faults_clear();
    CHECK(!completions && errno == ENOMEM);
    CHECK_INT(bide_next(completions, &task), -ENOMEM);
    CHECK_INT(bide_next(completions, NULL), -EINVAL);
    bide_completions_free(NULL);
    return 0;
}

static void outside_a_task(void **state)
{
    (void)state;
    struct bide_task *task = NULL;
    errno = 0;
    assert_null(bide_as_completed(&task, 1));
    assert_int_equal(errno, EPERM);
    assert_int_equal(bide_next(NULL, &task), -EPERM);
}

TASK(free_while_one_asks)
{
    int hour = 3600;
    struct bide_task *task = bide_create_task(nap, &hour);
    struct asking asking = {bide_as_completed(&task, 1), 0, NULL};
    struct bide_task *asker = bide_create_task(ask, &asking);
    bide_task_set_name(asker, "asker");
    CHECK_INT(bide_yield(), 0);
    bide_completions_free(asking.completions);
    return 0;
}

static int run_free(void *arg)
{
    return bide_run(free_while_one_asks, arg);
}

static void freeing_them_while_one_asks_aborts(void **state)
{
    (void)state;
    check_aborts(run_free, NULL, "task 'main' frees the completions");
    check_aborts(run_free, NULL, "while task 'asker' waits");
}

/* The completions outlive their tasks and loop. */
static struct bide_completions *left_over;

TASK(leave_them)
{
    static int naps[] = {0, 3600};
    struct bide_task *tasks[2];
    CHECK_INT(start(tasks, naps, 2), 0);
    left_over = bide_as_completed(tasks, 2);
    CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < 2; i++) bide_detach(tasks[i]);
    return 0;
}

static void completions_may_be_freed_after_the_loop(void **state)
{
    (void)state;
    assert_int_equal(check_run(leave_them, NULL), 0);
    bide_completions_free(left_over);
}

TASK(ask_in_another_loop)
{
    struct asking asking = {left_over, 0, NULL};
    return ask(&asking);
}

static int run_in_two_loops(void *arg)
{
    struct bide_loop *one = bide_loop_new(NULL), *other = bide_loop_new(NULL);
    bide_loop_run(one, leave_them, arg, NULL);
    return bide_loop_run(other, ask_in_another_loop, arg, NULL);
}

static void asking_in_another_loop_aborts(void **state)
{
    (void)state;
    check_aborts(run_in_two_loops, NULL, "task 'main' asks the completions");
}

/* ---- many ---- */

enum { MANY = 4000 };

TASK(many)
{
    int *naps = calloc(MANY, sizeof *naps);
    struct bide_task **tasks = calloc(MANY, sizeof *tasks), *task;
    CHECK(naps && tasks);
    for (int i = 0; i < MANY; i++) naps[i] = (int)((unsigned)i * 7919u % MANY);
    CHECK_INT(start(tasks, naps, MANY), 0);
    struct bide_completions *completions = bide_as_completed(tasks, MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(bide_next(completions, &task), 1);
        CHECK_INT(await_result(task), i);
    }
    CHECK_INT(bide_next(completions, &task), 0);
    bide_completions_free(completions);
    free(tasks);
    free(naps);
    return 0;
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(in_the_order_of_their_ends),
        IN_A_LOOP(those_that_have_ended_come_first),
        IN_A_LOOP(bug_12_left_early),
        IN_A_LOOP(several_may_ask),
        IN_A_LOOP(bug_07_a_cancelled_asker_loses_nothing),
        IN_A_LOOP(bug_08_cut_short_one_may_ask_again),
        IN_A_LOOP(bug_12_a_task_may_be_gone_before_it_is_given_out),
        IN_A_LOOP(wrong_use),
        cmocka_unit_test(outside_a_task),
        cmocka_unit_test(freeing_them_while_one_asks_aborts),
        cmocka_unit_test(completions_may_be_freed_after_the_loop),
        cmocka_unit_test(asking_in_another_loop_aborts),
        IN_A_LOOP(many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
