/* SPDX-License-Identifier: MIT */
/* Task locals: who sees which value, when it comes back, and when it is destroyed. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static struct bide_local user, request = {.initial = "none"};

static const char *text(const struct bide_local *local)
{
    const char *value = bide_local_get(local);
    return value ? value : "-";
}

static int set(struct bide_local *local, const char *value)
{
    return bide_local_set(local, (void *)(uintptr_t)value, NULL);
}

TASK(log_both)
{
    log_event("%s/%s", text(&user), text(&request));
    return 0;
}

TASK(change_and_log)
{
    CHECK_INT(set(&user, arg), 0);
    CHECK_INT(bide_yield(), 0);
    return log_both(NULL);
}

TASK(each_task_has_its_own)
{
    log_both(NULL);
    CHECK_INT(set(&user, "ann"), 0);
    CHECK_INT(set(&request, "1"), 0);
    const struct bide_call calls[] = {{change_and_log, "bob"}, {change_and_log, "cid"}, {log_both, NULL}};
    CHECK_INT(bide_gather(calls, 3, NULL), 0);
    log_both(NULL);
    CHECK_LOG("-/none ann/1 bob/1 cid/1 ann/1");
    return 0;
}

/* As things are when a task is made, not when it begins, however it is made. */
TASK(copied_at_creation_inherited_by_all)
{
    struct bide_group group;
    const struct bide_task_options eager = {.eager = true};
    CHECK_INT(set(&user, "ann"), 0);
    struct bide_task *first = bide_create_task(log_both, NULL);
    CHECK_INT(set(&user, "bob"), 0);
    struct bide_task *second = bide_create_task_with(&eager, log_both, NULL);
    struct bide_task *third = bide_create_task(log_both, NULL);
    CHECK_INT(set(&user, "cid"), 0);
    BIDE_GROUP(group) {
        CHECK(bide_group_start(&group, log_both, NULL));
        CHECK_INT(bide_group_spawn(&group, log_both, NULL), 0);
    }
    CHECK_LOG("bob/none ann/none bob/none cid/none cid/none");
    CHECK_INT(bide_await(first, NULL), 0);
    CHECK_INT(bide_await(second, NULL), 0);
    return bide_await(third, NULL);
}

TASK(children_of_children)
{
    if (!arg) return log_both(NULL);
    return bide_await(bide_create_task(children_of_children, NULL), NULL);
}

TASK(a_grandchild_inherits)
{
    CHECK_INT(set(&user, "ann"), 0);
    CHECK_INT(bide_await(bide_create_task(children_of_children, &user), NULL), 0);
    CHECK_LOG("ann/none");
    return 0;
}

TASK(many_locals)
{
    enum { MANY = 100 };
    static struct bide_local locals[MANY];
    for (intptr_t i = 0; i < MANY; i++) CHECK_INT(bide_local_set(&locals[i], (void *)(i + 1), NULL), 0);
    for (intptr_t i = 0; i < MANY; i++) CHECK(bide_local_get(&locals[i]) == (void *)(i + 1));
    return 0;
}

/* ---- reset ---- */

TASK(reset_brings_the_former_value_back)
{
    struct bide_local_token first, second, third;
    CHECK_INT(bide_local_set(&request, "1", &first), 0);
    CHECK_INT(bide_local_set(&request, "2", &second), 0);
    CHECK(!strcmp(text(&request), "2"));
    CHECK_INT(bide_local_reset(&second), 0);
    CHECK(!strcmp(text(&request), "1"));
    CHECK_INT(bide_local_reset(&second), -EINVAL);
    CHECK_INT(bide_local_reset(&first), 0);
    CHECK(!strcmp(text(&request), "none"));

    CHECK_INT(bide_local_set(&request, "1", &first), 0);
    CHECK_INT(bide_local_set(&request, "2", &second), 0);
    CHECK_INT(bide_local_set(&request, "3", &third), 0);
    CHECK_INT(bide_local_reset(&first), 0); /* and the others are used up */
    CHECK(!strcmp(text(&request), "none"));
    CHECK_INT(bide_local_reset(&third), -EINVAL);
    CHECK_INT(bide_local_reset(&second), -EINVAL);
    return 0;
}

/* The memory of what it stood for may be another value's by then. */
TASK(a_token_that_is_used_up_resets_nothing_later)
{
    struct bide_local_token first, second;
    for (int with_token = 0; with_token < 2; with_token++) {
        struct bide_local_token third;
        CHECK_INT(bide_local_set(&request, "1", &first), 0);
        CHECK_INT(bide_local_set(&request, "2", &second), 0);
        CHECK_INT(bide_local_reset(&first), 0);
        CHECK_INT(bide_local_set(&request, "3", with_token ? &third : NULL), 0);
        CHECK_INT(bide_local_reset(&second), -EINVAL);
        CHECK(!strcmp(text(&request), "3"));
    }
    return 0;
}

TASK(reset_of_another)
{
    CHECK_INT(bide_local_reset(arg), -EINVAL);
    CHECK(!strcmp(text(&request), "1"));
    return 0;
}

TASK(only_its_own_task_resets_it)
{
    struct bide_local_token token;
    CHECK_INT(bide_local_set(&request, "1", &token), 0);
    struct bide_task *task = bide_create_task(reset_of_another, &token);
    CHECK_INT(bide_local_reset(&token), 0); /* in a copy: the child has the old one */
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(!strcmp(text(&request), "none"));
    return 0;
}

TASK(refusals)
{
    CHECK_INT(bide_local_set(NULL, NULL, NULL), -EINVAL);
    CHECK_INT(bide_local_reset(NULL), -EINVAL);
    CHECK(!bide_local_get(NULL));
    return 0;
}

TASK(reset_undoes_what_was_set_without_a_token_since)
{
    struct bide_local_token outer, inner;
    CHECK_INT(set(&request, "0"), 0);
    CHECK_INT(bide_local_set(&request, "1", &outer), 0);
    CHECK_INT(set(&request, "2"), 0);
    CHECK_INT(set(&request, "3"), 0);
    CHECK_INT(bide_local_set(&request, "4", &inner), 0);
    struct bide_task *task = bide_create_task(refusals, NULL); /* has a share in the table */
    CHECK_INT(set(&request, "5"), 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(bide_local_reset(&inner), 0);
    CHECK(!strcmp(text(&request), "3"));
    CHECK_INT(bide_local_reset(&outer), 0);
    CHECK(!strcmp(text(&request), "0"));
    CHECK_INT(bide_local_reset(&inner), -EINVAL);
    return 0;
}

/* ---- destructors ---- */

static void destroy(void *value)
{
    if (bide_current_task() || bide_sleep(1) != -EPERM) check_failed(__FILE__, __LINE__, "in a task");
    log_event("~%s", (char *)value);
    free(value);
}

static struct bide_local owned = {.initial = "none", .destroy = destroy};

static int set_owned(const char *value, struct bide_local_token *token)
{
    return bide_local_set(&owned, strdup(value), token);
}

TASK(nap)
{
    return bide_sleep(1);
}

TASK(destroyed_when_nobody_has_it)
{
    CHECK_INT(set_owned("a", NULL), 0);
    CHECK_INT(set_owned("b", NULL), 0);
    CHECK_LOG("~a");
    struct bide_task *task = bide_create_task(nap, NULL);
    CHECK_INT(set_owned("c", NULL), 0);
    CHECK_LOG("~a"); /* the child has b */
    CHECK_INT(bide_sleep(2), 0);
    CHECK_LOG("~a ~b"); /* it has ended, though nobody has awaited it */
    CHECK_INT(bide_await(task, NULL), 0);
    return 0;
}

TASK(tokens_keep_and_leak_nothing)
{
    struct bide_local_token first, second;
    CHECK_INT(set_owned("a", &first), 0);
    CHECK_INT(set_owned("b", &second), 0);
    CHECK_INT(bide_local_reset(&second), 0);
    CHECK_LOG("~b");
    for (int i = 0; i < 3; i++) CHECK_INT(set_owned("c", &second), 0);
    CHECK_INT(set_owned("d", NULL), 0);
    CHECK_LOG("~b ~c"); /* d stands for the last c, and is undone by its token */
    CHECK_INT(bide_local_reset(&second), 0);
    CHECK_LOG("~b ~c ~d");
    CHECK_INT(set_owned("e", NULL), 0);
    CHECK_INT(bide_local_reset(&first), 0);
    return 0;
}

static void destructors(void **state)
{
    (void)state;
    log_clear();
    assert_int_equal(check_run(destroyed_when_nobody_has_it, NULL), 0);
    assert_string_equal(log_text(), "~a ~b ~c");
    log_clear();
    assert_int_equal(check_run(tokens_keep_and_leak_nothing, NULL), 0);
    assert_string_equal(log_text(), "~b ~c ~d ~c ~a ~c ~e");
}

/* A server whose connections overlap: what the acceptor has does not grow with their number. */
TASK(accept_many)
{
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(bide_local_set(&request, "x", NULL), 0);
        bide_detach(bide_create_task(nap, NULL));
    }
    CHECK_INT(bide_sleep(5), 0);
    return 0;
}

/* ---- elsewhere ---- */

TASK(in_a_thread)
{
    CHECK(!strcmp(text(&user), "ann"));
    CHECK(!strcmp(text(&request), "none"));
    CHECK_INT(set(&user, "bob"), -EPERM);
    return 5;
}

TASK(without)
{
    CHECK(!bide_local_get(&user));
    return 0;
}

TASK(threads_read_those_of_who_waits)
{
    int result;
    CHECK_INT(bide_to_thread(without, NULL, NULL), 0);
    CHECK_INT(set(&user, "ann"), 0);
    CHECK_INT(bide_to_thread(in_a_thread, NULL, &result), 0);
    CHECK_INT(result, 5);
    struct bide_executor *executor = bide_executor_new(1, 0);
    CHECK_INT(bide_executor_submit(executor, in_a_thread, NULL, &result), 0);
    CHECK_INT(result, 5);
    CHECK_INT(bide_local_set(&user, NULL, NULL), 0);
    CHECK_INT(bide_executor_submit(executor, without, NULL, NULL), 0);
    bide_executor_free(executor);
    return 0;
}

TASK(give_user)
{
    while (bide_yield_value(bide_local_get(&user)) == 0) CHECK_INT(set(&request, "changed"), 0);
    return 0;
}

TASK(ask_as_bob)
{
    void *value;
    CHECK_INT(set(&user, "bob"), 0);
    CHECK_INT(bide_gen_next(arg, &value), 1);
    CHECK(!strcmp(value, "bob"));
    CHECK(!strcmp(text(&request), "changed"));
    return 0;
}

TASK(generators_have_those_of_who_asks)
{
    void *value;
    struct bide_gen *gen = bide_gen_new(give_user, NULL);
    CHECK_INT(set(&user, "ann"), 0);
    CHECK_INT(bide_gen_next(gen, &value), 1);
    CHECK(!strcmp(value, "ann"));
    CHECK_INT(bide_await(bide_create_task(ask_as_bob, gen), NULL), 0);
    CHECK(!strcmp(text(&request), "none"));
    return bide_gen_close(gen);
}

static void called(void *arg)
{
    *(int *)arg = !bide_local_get(&user) && set(&user, "x") == -EPERM;
}

TASK(calls_between_tasks_have_none)
{
    int done = 0;
    CHECK_INT(set(&user, "ann"), 0);
    CHECK_INT(bide_call_soon(NULL, called, &done), 0);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(done);
    return 0;
}

static void outside(void **state)
{
    (void)state;
    struct bide_local_token token = {{0}};
    assert_string_equal(text(&request), "none");
    assert_int_equal(set(&user, "ann"), -EPERM);
    assert_int_equal(bide_local_reset(&token), -EPERM);
}

static void runs(void **state)
{
    log_clear();
    assert_int_equal(check_run(*(bide_fn *)*state, NULL), 0);
}

#define RUN(fn)                                                                                              \
    {                                                                                                        \
#fn, runs, NULL, NULL, &(bide_fn)                                                                    \
        {                                                                                                    \
            fn                                                                                               \
        }                                                                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(each_task_has_its_own),
        RUN(copied_at_creation_inherited_by_all),
        RUN(a_grandchild_inherits),
        RUN(many_locals),
        RUN(reset_brings_the_former_value_back),
        RUN(a_token_that_is_used_up_resets_nothing_later),
        RUN(only_its_own_task_resets_it),
        RUN(refusals),
        RUN(reset_undoes_what_was_set_without_a_token_since),
        cmocka_unit_test(destructors),
        RUN(accept_many),
        RUN(threads_read_those_of_who_waits),
        RUN(generators_have_those_of_who_asks),
        RUN(calls_between_tasks_have_none),
        cmocka_unit_test(outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
