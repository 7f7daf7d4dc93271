/* SPDX-License-Identifier: MIT */
/* Gather, and what it shares with await and groups: joining, and calls that cannot start. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "sys.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

static int seven = 7, io_error = -EIO, cancelled = -ECANCELED;

TASK_OF(give, *(int *)arg);
TASK_OF(nap, bide_sleep(1));
TASK_OF(hang, bide_sleep(BIDE_FOREVER));
TASK_OF(shield_it, bide_shield(arg, NULL));
TASK_OF(fail_when_cancelled, bide_sleep(BIDE_FOREVER) < 0 ? -EIO : 0);
TASK_OF(cancel_in_one_turn, bide_yield() < 0 ? 0 : bide_cancel(arg));
TASK_OF(cancel_in_one_second, bide_sleep(1) < 0 ? 0 : bide_cancel(arg));

struct job {
    double seconds;
    int result;
};

TASK(work)
{
    const struct job *job = arg;
    const int code = bide_sleep(job->seconds);
    log_event("%d", job->result);
    return code < 0 ? code : job->result;
}

/* Cleans up for 3 seconds once it is cancelled, counts itself, and returns 5 all the same. */
TASK(clean_up_slowly)
{
    CHECK(bide_sleep(BIDE_FOREVER) < 0);
    BIDE_SHIELD(10) {
        CHECK_INT(bide_sleep(3), 0);
    }
    ++*(int *)arg;
    return 5;
}

TASK(rule_08_gather_returns_after_its_calls_have_ended_row_34)
{
    int ended = 0, results[2] = {0, 0};
    const struct bide_call calls[] = {{clean_up_slowly, &ended}, {clean_up_slowly, &ended}};
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_gather(calls, 2, results), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_AT(4);
    CHECK(ended == 2 && results[0] == 5 && results[1] == 5);
    bide_detach(bide_create_task(cancel_in_one_second, bide_current_task()));
    results[0] = results[1] = 0;
    CHECK_INT(bide_gather(calls, 2, results), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_AT(8);
    CHECK(ended == 4 && results[0] == 5 && results[1] == 5);
    return 0;
}

TASK(rule_08_await_joins_what_it_took)
{
    int ended = 0, result = 0;
    bide_detach(bide_create_task(cancel_in_one_second, bide_current_task()));
    CHECK_INT(bide_await(bide_create_task(clean_up_slowly, &ended), &result), -ECANCELED);
    CHECK(ended == 1 && result == 5);
    CHECK_AT(4);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

TASK_OF(await_a_slow_clean_up, bide_await(bide_create_task(clean_up_slowly, arg), NULL));

TASK(bug_10_a_timeout_returns_after_the_child_has_ended)
{
    int ended = 0, result = 0;
    CHECK_INT(bide_wait_for(await_a_slow_clean_up, &ended, 1, &result), -ETIMEDOUT);
    CHECK(ended == 1 && result == -ETIMEDOUT);
    CHECK_AT(4);
    return 0;
}

TASK(rule_09_with_results_every_call_runs_to_its_end)
{
    struct job fails = {1, -EIO}, gives_up = {0.5, -ECANCELED}, works = {2, 9};
    const struct bide_call calls[] = {{work, &fails}, {work, &gives_up}, {work, &works}};
    int results[3] = {0, 0, 0};
    CHECK_INT(bide_gather(calls, 3, results), 0);
    CHECK_AT(2);
    CHECK(results[0] == -EIO && results[1] == -ECANCELED && results[2] == 9);
    return 0;
}

TASK(rule_09_without_results_the_first_failure_cancels_the_rest)
{
    int ended = 0;
    struct job fails = {1, -EIO}, fails_first = {0.5, -ENOENT};
    const struct bide_call calls[] = {
        {fail_when_cancelled, NULL}, {work, &fails}, {work, &fails_first}, {clean_up_slowly, &ended}};
    CHECK_INT(bide_gather(calls, 4, NULL), -ENOENT);
    CHECK_AT(3.5);
    CHECK_INT(ended, 1);
    return 0;
}

TASK(rule_09_a_call_s_own_ecanceled_is_its_failure)
{
    const struct bide_call calls[] = {{hang, NULL}, {give, &cancelled}, {give, &seven}};
    CHECK_INT(bide_gather(calls, 3, NULL), -ECANCELED);
    CHECK(!bide_cancelled());
    struct bide_task *tasks[] = {bide_create_task(hang, NULL), bide_create_task(hang, NULL)};
    CHECK_INT(bide_cancel(tasks[1]), 1);
    CHECK_INT(bide_gather_tasks(tasks, 2, NULL), -ECANCELED);
    return 0;
}

TASK(row_35_the_failure_beats_a_cancel_in_either_order)
{
    struct bide_task *self = bide_current_task();
    const struct bide_call now = {give, &io_error}, later = {fail_when_cancelled, NULL};
    bide_detach(bide_create_task(cancel_in_one_turn, self));
    CHECK_INT(bide_gather(&now, 1, NULL), -EIO);
    CHECK(bide_cancelled());
    CHECK_INT(bide_uncancel(), 0);
    bide_detach(bide_create_task(cancel_in_one_turn, self));
    CHECK_INT(bide_gather(&later, 1, NULL), -EIO);
    CHECK(bide_cancelled());
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

TASK(results_are_in_the_order_of_the_calls)
{
    struct job jobs[] = {{0.3, 1}, {0.1, 2}, {0.2, 3}};
    const struct bide_call calls[] = {{work, &jobs[0]}, {work, &jobs[1]}, {work, &jobs[2]}};
    int results[3];
    CHECK_INT(bide_gather(calls, 3, results), 0);
    CHECK_LOG("2 3 1");
    for (int i = 0; i < 3; i++) CHECK_INT(results[i], i + 1);
    CHECK_INT(bide_gather(calls, 3, NULL), 0);
    return 0;
}

TASK(rule_04_gather_starts_its_calls_even_while_cancelled)
{
    struct job jobs[] = {{1, 1}, {1, 2}};
    const struct bide_call calls[] = {{work, &jobs[0]}, {work, &jobs[1]}};
    int results[2] = {0, 0};
    struct bide_task *other = bide_create_task(give, &seven);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_gather(calls, 0, NULL), -ECANCELED);
    CHECK(bide_task_done(other));
    CHECK_INT(bide_gather(calls, 2, results), -ECANCELED);
    CHECK(results[0] == -ECANCELED && results[1] == -ECANCELED);
    CHECK_LOG("1 2");
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_gather(calls, 0, NULL), 0);
    CHECK_INT(bide_gather_tasks(&other, 0, results), 0);
    return bide_await(other, NULL);
}

TASK(bad_calls_start_nothing)
{
    struct job job = {0, 1};
    const struct bide_call calls[] = {{work, &job}, {NULL, NULL}};
    int results[2] = {99, 99};
    CHECK_INT(bide_gather(calls, 2, results), -EINVAL);
    CHECK_INT(bide_gather(NULL, 2, results), -EINVAL);
    CHECK_INT(bide_yield(), 0);
    CHECK(results[0] == 99 && results[1] == 99);
    CHECK_LOG("");
    return 0;
}

TASK(tasks_are_gathered_and_taken)
{
    struct job jobs[] = {{0.3, 1}, {0.1, -EIO}};
    struct bide_task *tasks[] = {bide_create_task(work, &jobs[0]), NULL, bide_create_task(work, &jobs[1]),
                                 bide_create_task(give, &seven)};
    int results[4] = {0};
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_gather_tasks(tasks, 4, results), 0);
    CHECK(results[0] == 1 && results[1] == -ENOMEM && results[2] == -EIO && results[3] == 7);
    struct bide_task *more[] = {bide_create_task(hang, NULL), NULL};
    CHECK_INT(bide_gather_tasks(more, 2, NULL), -ENOMEM);
    return 0;
}

TASK(bad_tasks_are_refused_and_not_taken)
{
    struct bide_task *task = bide_create_task(nap, NULL);
    struct bide_task *twice[] = {task, task}, *self[] = {task, bide_current_task()};
    struct bide_group group;
    BIDE_GROUP(group) {
        struct bide_task *member[] = {task, bide_group_start(&group, give, &seven)};
        CHECK_INT(bide_gather_tasks(member, 2, NULL), -EINVAL);
    }
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_gather_tasks(twice, 2, NULL), -EINVAL);
    CHECK_INT(bide_gather_tasks(self, 2, NULL), -EDEADLK);
    CHECK_INT(bide_gather_tasks(NULL, 1, NULL), -EINVAL);
    CHECK_INT(bide_gather_tasks(&task, 1, NULL), 0);
    return 0;
}

enum { MANY = 10000 };

static struct bide_call many[MANY];
static int many_results[MANY];

TASK(ten_thousand_are_gathered)
{
    static struct job jobs[MANY];
    for (int i = 0; i < MANY; i++) {
        jobs[i] = (struct job){i % 10, i};
        many[i] = (struct bide_call){i % 2 ? nap : work, &jobs[i]};
    }
    CHECK_INT(bide_gather(many, MANY, many_results), 0);
    for (int i = 0; i < MANY; i++) CHECK_INT(many_results[i], i % 2 ? 0 : i);
    many[MANY / 2] = (struct bide_call){give, &io_error};
    CHECK_INT(bide_gather(many, MANY, NULL), -EIO);
    return 0;
}

static int refuse_memory(enum sys_call call)
{
    return call == SYS_ALLOC || call == SYS_MMAP ? ENOMEM : 0;
}

TASK(a_call_that_cannot_start_gives_enomem)
{
    int missing = 0;
    for (int i = 0; i < MANY; i++) many[i] = (struct bide_call){give, &seven};
    sys_fault = refuse_memory;
    const int code = bide_gather(many, MANY, many_results), folded = bide_gather(many, MANY, NULL);
    sys_fault = NULL;
    CHECK_INT(code, 0);
    CHECK_INT(folded, -ENOMEM);
    for (int i = 0; i < MANY; i++) {
        CHECK(many_results[i] == 7 || many_results[i] == -ENOMEM);
        missing += many_results[i] != 7;
    }
    CHECK(missing > 0);
    CHECK_INT(bide_gather(many, MANY, many_results), 0);
    for (int i = 0; i < MANY; i++) CHECK_INT(many_results[i], 7);
    return 0;
}

TASK(rule_10_a_task_that_cannot_start_is_a_failure_and_a_spawn_is_none)
{
    struct bide_group group;
    int spawned = 0, code = 0;
    BIDE_GROUP(group) {
        sys_fault = refuse_memory;
        while (spawned < 100000 && (code = bide_group_spawn(&group, give, &seven)) == 0) spawned++;
        sys_fault = NULL;
        CHECK_INT(code, -ENOMEM);
        CHECK_INT(bide_sleep(0), 0);
    }
    CHECK_INT(bide_group_result(&group), 0);
    BIDE_GROUP(group) {
        sys_fault = refuse_memory;
        errno = 0;
        while (bide_group_start(&group, give, &seven)) spawned++;
        sys_fault = NULL;
        CHECK(errno == ENOMEM && bide_sleep(1) == -ECANCELED);
    }
    CHECK_INT(bide_group_result(&group), -ENOMEM);
    CHECK_INT(bide_group_errors(&group, NULL, 0), 1);
    return 0;
}

TASK(wait_once)
{
    BIDE_TIMEOUT(1) {
        CHECK(bide_await(arg, NULL) <= 0);
    }
    BIDE_SHIELD(100) {
        CHECK_INT(bide_sleep(5), 0);
    }
    CHECK_AT(6);
    return 0;
}

/* In one turn the target ends, the deadline passes, and the waiter is cancelled twice. */
TASK(rule_02_a_wait_ends_once)
{
    struct bide_task *waiter = bide_create_task(wait_once, bide_create_task(nap, NULL));
    CHECK_INT(bide_sleep(1), 0);
    CHECK(bide_cancel(waiter) == 1 && bide_cancel(waiter) == 1);
    return bide_await(waiter, NULL);
}

TASK(bug_12_no_wait_is_left_on_a_dead_stack)
{
    struct bide_task *target = bide_create_task(nap, NULL);
    struct bide_task *waiter = bide_create_task(shield_it, target), *sleeper = bide_create_task(nap, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_cancel(waiter) == 1 && bide_cancel(sleeper) == 1);
    CHECK_INT(bide_await(waiter, NULL), -ECANCELED);
    CHECK_INT(bide_await(sleeper, NULL), -ECANCELED);
    CHECK_INT(bide_sleep(2), 0);
    CHECK(bide_task_done(target));
    return bide_await(target, NULL);
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
        IN_A_LOOP(rule_08_gather_returns_after_its_calls_have_ended_row_34),
        IN_A_LOOP(rule_08_await_joins_what_it_took),
        IN_A_LOOP(bug_10_a_timeout_returns_after_the_child_has_ended),
        IN_A_LOOP(rule_09_with_results_every_call_runs_to_its_end),
        IN_A_LOOP(rule_09_without_results_the_first_failure_cancels_the_rest),
        IN_A_LOOP(rule_09_a_call_s_own_ecanceled_is_its_failure),
        IN_A_LOOP(row_35_the_failure_beats_a_cancel_in_either_order),
        IN_A_LOOP(results_are_in_the_order_of_the_calls),
        IN_A_LOOP(rule_04_gather_starts_its_calls_even_while_cancelled),
        IN_A_LOOP(bad_calls_start_nothing),
        IN_A_LOOP(tasks_are_gathered_and_taken),
        IN_A_LOOP(bad_tasks_are_refused_and_not_taken),
        IN_A_LOOP(ten_thousand_are_gathered),
        IN_A_LOOP(a_call_that_cannot_start_gives_enomem),
        IN_A_LOOP(rule_10_a_task_that_cannot_start_is_a_failure_and_a_spawn_is_none),
        IN_A_LOOP(rule_02_a_wait_ends_once),
        IN_A_LOOP(bug_12_no_wait_is_left_on_a_dead_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
