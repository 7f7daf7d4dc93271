/* SPDX-License-Identifier: MIT */
/* Tasks: making, naming, awaiting and losing them, and what wrong use of a handle gives. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

static int seven = 7, io_error = -EIO;

TASK_OF(give, *(int *)arg);
TASK_OF(nap, bide_sleep(1));
TASK_OF(hang, bide_sleep(BIDE_FOREVER));
TASK_OF(await_it, bide_await(arg, NULL));
TASK_OF(ignore_a_yield, (bide_yield(), 7));
TASK_OF(nap_and_fail, bide_sleep(1) < 0 ? 0 : -EIO);

TASK(say_twice)
{
    log_event("%s1", (const char *)arg);
    const int code = bide_yield();
    log_event("%s2", (const char *)arg);
    return code;
}

static struct bide_task *named(const char *name, bide_fn fn, void *arg)
{
    return bide_create_task_with(&(struct bide_task_options){.name = name}, fn, arg);
}

TASK(a_created_task_runs_when_its_creator_waits)
{
    struct bide_task *task = bide_create_task(say_twice, "task");
    log_event("creator");
    CHECK(!bide_task_done(task));
    CHECK_INT(bide_task_result(task), -EINPROGRESS);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("creator task1 task2");
    return 0;
}

TASK(rule_01_an_eager_task_runs_at_once_and_its_creator_goes_next)
{
    const struct bide_task_options eager = {.eager = true};
    struct bide_task *ready = bide_create_task(say_twice, "ready");
    struct bide_task *task = bide_create_task_with(&eager, say_twice, "eager"), *self = bide_current_task();
    log_event("creator");
    CHECK_INT(bide_await(ready, NULL), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("eager1 creator ready1 eager2 ready2");
    task = bide_create_task_with(&eager, give, &seven);
    CHECK(bide_task_done(task) && bide_current_task() == self);
    CHECK_INT(bide_await(task, NULL), 0);
    return 0;
}

TASK(names_are_given_changed_and_never_missing)
{
    struct bide_task *one = bide_create_task(give, &seven), *two = bide_create_task(give, &seven);
    CHECK(strncmp(bide_task_name(one), "task-", 5) == 0);
    CHECK(strcmp(bide_task_name(one), bide_task_name(two)) != 0);
    CHECK_INT(bide_task_set_name(one, "renamed"), 0);
    CHECK_INT(bide_task_set_name(one, NULL), -EINVAL);
    CHECK(strcmp(bide_task_name(one), "renamed") == 0);
    CHECK(strcmp(bide_task_name(NULL), "(none)") == 0);
    CHECK(bide_task_name(bide_current_task())[0] != '\0');
    CHECK_INT(bide_await(one, NULL), 0);
    CHECK_INT(bide_await(two, NULL), 0);
    return 0;
}

static __attribute__((noinline)) struct bide_task *create_from_a_frame_that_dies(void)
{
    char name[16] = "copied";
    struct bide_task_options options = {.name = name};
    struct bide_task *task = bide_create_task_with(&options, give, &seven);
    memset(name, 'x', sizeof name - 1);
    memset(&options, 0xff, sizeof options);
    return task;
}

TASK(bug_14_names_and_options_are_copied)
{
    struct bide_task *task = create_from_a_frame_that_dies();
    CHECK(strcmp(bide_task_name(task), "copied") == 0);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_task_result(task), 7);
    CHECK(strcmp(bide_task_name(task), "copied") == 0);
    return bide_await(task, NULL);
}

TASK(await_tells_the_wait_and_the_result_apart)
{
    int result = 0;
    CHECK_INT(bide_await(bide_create_task(give, &seven), &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(bide_await(bide_create_task(give, &io_error), &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_INT(bide_await(bide_create_task(give, &io_error), NULL), -EIO);
    struct bide_task *task = bide_create_task(give, &seven);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_task_done(task));
    CHECK_INT(bide_cancel(task), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    return 0;
}

TASK_OF(free_and_yield, (free(arg), bide_yield()));

TASK(rule_05_a_task_cancelled_before_its_first_run_does_run)
{
    struct bide_task *task = bide_create_task(free_and_yield, malloc(16));
    int result = 0;
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, -ECANCELED);
    return 0;
}

TASK(bug_13_a_detached_task_runs_to_its_end_and_its_failure_is_reported)
{
    struct bide_task *ended = named("ended", give, &io_error), *gone = named("gone", hang, NULL);
    CHECK_INT(bide_yield(), 0);
    bide_detach(ended);
    CHECK_INT(bide_cancel(gone), 1);
    bide_detach(gone);
    bide_detach(bide_create_task(say_twice, "detached"));
    bide_detach(named("late", nap_and_fail, NULL));
    bide_detach(NULL);
    CHECK_INT(bide_sleep(2), 0);
    CHECK(strstr(log_text(), "detached1") && strstr(log_text(), "detached2"));
    CHECK(strstr(log_text(), "ended:-5") && strstr(log_text(), "late:-5") && !strstr(log_text(), "gone"));
    return 0;
}

static void on_done(void *arg, struct bide_task *task)
{
    const bool outside = bide_current_task() == NULL && bide_sleep(0) == -EPERM;
    log_event("%s:%d:%s", (const char *)arg, bide_task_result(task), outside ? "outside" : "inside");
}

TASK(done_callbacks_run_in_order_before_the_waiters_go_on)
{
    struct bide_task *task = bide_create_task(give, &seven), *self = bide_current_task();
    CHECK_INT(bide_task_on_done(task, on_done, "a"), 0);
    CHECK_INT(bide_task_on_done(task, on_done, "b"), 0);
    CHECK_INT(bide_task_on_done(NULL, on_done, NULL), -EINVAL);
    CHECK_INT(bide_task_on_done(task, NULL, NULL), -EINVAL);
    CHECK_INT(bide_shield(task, NULL), 0);
    log_event("waiter");
    CHECK_INT(bide_task_on_done(task, on_done, "late"), 0);
    CHECK(bide_current_task() == self);
    CHECK_LOG("a:7:outside b:7:outside waiter late:7:outside");
    return bide_await(task, NULL);
}

TASK_OF(tell_self, (*(struct bide_task **)arg = bide_current_task()) ? 0 : -EPROTO);

TASK(the_current_and_all_tasks_are_known)
{
    struct bide_task *all[4] = {NULL}, *seen = NULL, *self = bide_current_task();
    struct bide_task *task = bide_create_task(tell_self, &seen), *other = bide_create_task(nap, NULL);
    CHECK_INT(bide_all_tasks(NULL, 0), 3);
    CHECK_INT(bide_all_tasks(all, 4), 3);
    for (int i = 0; i < 3; i++) CHECK(all[i] == self || all[i] == task || all[i] == other);
    CHECK(all[0] != all[1] && all[1] != all[2] && all[0] != all[2] && !all[3]);
    CHECK_INT(bide_sleep(0.5), 0);
    CHECK(seen == task && bide_current_task() == self);
    all[1] = NULL;
    CHECK_INT(bide_all_tasks(all, 1), 2);
    CHECK(all[0] && !all[1]);
    CHECK_INT(bide_await(task, NULL), 0);
    return bide_await(other, NULL);
}

struct link {
    struct bide_task *next;
    int code, result;
};

TASK(await_next)
{
    struct link *link = arg;
    link->result = 99;
    link->code = bide_await(link->next, &link->result);
    return 3;
}

TASK(await_of_oneself_or_in_a_ring_is_refused_and_takes_no_handle)
{
    struct link links[3];
    struct bide_task *tasks[3];
    for (int i = 0; i < 3; i++) tasks[i] = bide_create_task(await_next, &links[i]);
    for (int i = 0; i < 3; i++) links[i].next = tasks[(i + 1) % 3];
    int result = 99;
    CHECK_INT(bide_await(bide_current_task(), &result), -EDEADLK);
    CHECK_INT(bide_shield(bide_current_task(), &result), -EDEADLK);
    CHECK_INT(result, 99);
    CHECK_INT(bide_await(tasks[0], &result), 0);
    CHECK_INT(result, 3);
    CHECK(links[2].code == -EDEADLK && links[2].result == 99);
    for (int i = 0; i < 2; i++) CHECK(links[i].code == 0 && links[i].result == 3);
    return 0;
}

TASK(a_null_task_counts_as_failed_for_want_of_memory)
{
    int result = 0;
    CHECK_INT(bide_await(NULL, &result), 0);
    CHECK_INT(result, -ENOMEM);
    CHECK_INT(bide_await(NULL, NULL), -ENOMEM);
    CHECK_INT(bide_shield(NULL, NULL), -ENOMEM);
    CHECK(bide_shield(NULL, &result) == 0 && result == -ENOMEM);
    CHECK(bide_cancel(NULL) == 0 && bide_task_done(NULL) && bide_task_result(NULL) == -ENOMEM);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    result = 0;
    CHECK(bide_await(NULL, &result) == -ECANCELED && result == -ENOMEM);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

struct record {
    struct bide_task *task;
    int code, result, next;
};

TASK(await_and_note)
{
    struct record *record = arg;
    record->code = bide_await(record->task, &record->result);
    record->next = bide_yield();
    return 0;
}

/*
 * Two waiters are parked on two targets. Then, in one turn:
 *     the first target ends, the first waiter is cancelled:    its result, and -ECANCELED next
 *     the second waiter is cancelled, the second target ends:  -ECANCELED, with the result
 */
TASK(bug_09_a_cancel_and_an_end_in_one_turn_are_both_seen)
{
    struct record first = {NULL, 99, 0, 0}, second = {NULL, 99, 0, 0};
    struct bide_task *one = bide_create_task(await_and_note, &first);
    struct bide_task *two = bide_create_task(await_and_note, &second);
    first.task = bide_create_task(give, &seven);
    second.task = bide_create_task(ignore_a_yield, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(bide_task_done(first.task) && !bide_task_done(one) && !bide_task_done(second.task));
    CHECK(bide_cancel(one) == 1 && bide_cancel(two) == 1);
    CHECK_INT(bide_await(one, NULL), 0);
    CHECK_INT(bide_await(two, NULL), 0);
    CHECK(first.code == 0 && first.result == 7 && first.next == -ECANCELED);
    CHECK(second.code == -ECANCELED && second.result == 7 && second.next == -ECANCELED);
    return 0;
}

extern void __tsan_init(void) __attribute__((weak)); /* It has memory for some thousand stacks only. */

TASK(bug_11_a_chain_of_100000_awaits_is_cancelled)
{
    const struct bide_task_options small = {.stack_size = (size_t)16 * 1024};
    struct bide_task *last = bide_create_task(hang, NULL);
    const int wanted = __tsan_init ? 1000 : 100000;
    int length = 0;
    for (; length < wanted; length++) {
        struct bide_task *next = bide_create_task_with(&small, await_it, last);
        if (!next) break;
        last = next;
    }
    CHECK(length == wanted || (length > 5000 && errno == ENOMEM)); /* Guards may cost mappings. */
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(last), 1);
    CHECK_INT(bide_await(last, NULL), -ECANCELED);
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    return 0;
}

TASK(await_at_once_with_another)
{
    struct bide_task *task = bide_create_task(nap, NULL);
    CHECK_INT(bide_task_set_name(task, "shared"), 0);
    bide_detach(bide_create_task(await_it, task));
    CHECK_INT(bide_yield(), 0);
    return bide_await(task, NULL);
}

TASK(await_again)
{
    struct bide_task *task = bide_create_task(nap, NULL);
    CHECK_INT(bide_await(task, NULL), 0);
    return bide_await(task, NULL);
}

static int run_call(void *arg)
{
    const struct bide_call *call = arg;
    return bide_run(call->fn, call->arg);
}

static void a_second_await_aborts(void **state)
{
    (void)state;
    check_aborts(run_call, &(struct bide_call){await_at_once_with_another, NULL}, "shared");
    check_aborts(run_call, &(struct bide_call){await_again, NULL}, "bide");
}

static void log_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    log_event("%s:%d", error->task, error->code);
}

/* A test is the main task of a loop of its own, in virtual time. */
static void run_in_a_loop(void **state)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = log_error};
    log_clear();
    assert_int_equal(check_run_with(&options, (bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(a_created_task_runs_when_its_creator_waits),
        IN_A_LOOP(rule_01_an_eager_task_runs_at_once_and_its_creator_goes_next),
        IN_A_LOOP(names_are_given_changed_and_never_missing),
        IN_A_LOOP(bug_14_names_and_options_are_copied),
        IN_A_LOOP(await_tells_the_wait_and_the_result_apart),
        IN_A_LOOP(rule_05_a_task_cancelled_before_its_first_run_does_run),
        IN_A_LOOP(bug_13_a_detached_task_runs_to_its_end_and_its_failure_is_reported),
        IN_A_LOOP(done_callbacks_run_in_order_before_the_waiters_go_on),
        IN_A_LOOP(the_current_and_all_tasks_are_known),
        IN_A_LOOP(await_of_oneself_or_in_a_ring_is_refused_and_takes_no_handle),
        IN_A_LOOP(a_null_task_counts_as_failed_for_want_of_memory),
        IN_A_LOOP(bug_09_a_cancel_and_an_end_in_one_turn_are_both_seen),
        IN_A_LOOP(bug_11_a_chain_of_100000_awaits_is_cancelled),
        cmocka_unit_test(a_second_await_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
