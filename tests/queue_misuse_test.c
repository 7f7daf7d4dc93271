/* SPDX-License-Identifier: MIT */
/* Queues used wrongly: what can be told gives an error, what would corrupt aborts and names both sides. */
#include "check.h"

#include <stdint.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 4);
}

static void refused(struct bide_queue *queue, int error)
{
    assert_null(queue);
    assert_int_equal(errno, error);
    errno = 0;
}

static void sizes_that_cannot_be(void **state)
{
    (void)state;
    const size_t most = (size_t)-1;
    for (size_t capacity = 0; capacity < 3; capacity++) {
        refused(bide_queue_new(0, capacity), EINVAL);
        refused(bide_lifo_queue_new(0, capacity), EINVAL);
        refused(bide_priority_queue_new(0, capacity, by_bytes), EINVAL);
        refused(bide_priority_queue_new(4, capacity, NULL), EINVAL);
        refused(bide_queue_new(most, capacity), EINVAL);
    }
    refused(bide_queue_new(0, BIDE_UNBOUNDED), EINVAL);
    refused(bide_queue_new(most, BIDE_UNBOUNDED), EINVAL);
    refused(bide_queue_new(2, most - 1), EINVAL);
    refused(bide_queue_new(1, most - 1), EINVAL);
    refused(bide_queue_new(8, most / 8 + 1), EINVAL); /* 8 bytes in all, if it wrapped round */
    refused(bide_lifo_queue_new(most / 2, 3), EINVAL);
    refused(bide_priority_queue_new(4, most / 8, by_bytes), EINVAL);
    refused(bide_queue_new(4096, (size_t)1 << 48), ENOMEM); /* it could be counted, but nobody has it */
}

static int all_null(void *arg)
{
    struct bide_queue *queue = arg;
    int item = 1;
    CHECK_INT(bide_queue_put(NULL, &item), -EINVAL);
    CHECK_INT(bide_queue_put(queue, NULL), -EINVAL);
    CHECK_INT(bide_queue_get(NULL, &item), -EINVAL);
    CHECK_INT(bide_queue_get(queue, NULL), -EINVAL);
    CHECK_INT(bide_queue_put_nowait(NULL, &item), -EINVAL);
    CHECK_INT(bide_queue_put_nowait(queue, NULL), -EINVAL);
    CHECK_INT(bide_queue_get_nowait(NULL, &item), -EINVAL);
    CHECK_INT(bide_queue_get_nowait(queue, NULL), -EINVAL);
    CHECK_INT(bide_queue_join(NULL), -EINVAL);
    bide_queue_shutdown(NULL, true);
    CHECK_INT(bide_queue_size(NULL), 0);
    bide_queue_free(NULL);
    return 0;
}

static void null_is_told(void **state)
{
    (void)state;
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    assert_int_equal(check_run(all_null, queue), 0);
    assert_int_equal(bide_queue_join(NULL), -EPERM);
    assert_int_equal(bide_queue_put(NULL, NULL), -EPERM);
    bide_queue_free(queue);
}

/* ---- what aborts ---- */

static int in_child(void *fn)
{
    return bide_run(*(bide_fn *)fn, NULL);
}

static void aborts_naming(bide_fn fn, const char *one, const char *other)
{
    check_aborts(in_child, &fn, one);
    check_aborts(in_child, &fn, other);
}

static int too_many_done(void *arg)
{
    (void)arg;
    bide_task_set_name(bide_current_task(), "eager");
    struct bide_queue *queue = bide_queue_new(sizeof(int), 1);
    bide_queue_put_nowait(queue, &(int){1});
    bide_queue_task_done(queue);
    bide_queue_task_done(queue);
    return 0;
}

static int null_done(void *arg)
{
    (void)arg;
    bide_queue_task_done(NULL);
    return 0;
}

static int waits_to_get(void *queue)
{
    bide_task_set_name(bide_current_task(), "patient");
    int item;
    return bide_queue_get(queue, &item);
}

static int waits_to_put(void *queue)
{
    bide_task_set_name(bide_current_task(), "patient");
    return bide_queue_put(queue, &(int){1});
}

static int waits_to_join(void *queue)
{
    bide_task_set_name(bide_current_task(), "patient");
    bide_queue_put_nowait(queue, &(int){1});
    return bide_queue_join(queue);
}

static int selects(void *queue)
{
    bide_task_set_name(bide_current_task(), "patient");
    int item;
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}};
    return bide_select(cases, 1, 9);
}

static bide_fn waiter;

static int frees_while_one_waits(void *arg)
{
    (void)arg;
    bide_task_set_name(bide_current_task(), "hasty");
    struct bide_queue *queue = bide_queue_new(sizeof(int), waiter == waits_to_put ? 0 : 1);
    bide_detach(bide_create_task(waiter, queue));
    bide_yield();
    bide_queue_free(queue);
    return 0;
}

static void what_corrupts_aborts(void **state)
{
    (void)state;
    aborts_naming(too_many_done, "eager", "bide_queue_task_done");
    aborts_naming(null_done, "main", "bide_queue_task_done");
    const bide_fn waiters[] = {waits_to_get, waits_to_put, waits_to_join, selects};
    for (int i = 0; i < 4; i++) {
        waiter = waiters[i];
        aborts_naming(frees_while_one_waits, "hasty", "patient");
    }
}

/* ---- another loop ---- */

static struct bide_queue *shared;

static int other_puts(void *arg)
{
    return bide_queue_put((struct bide_queue *)arg, &(int){1});
}

static int other_gets(void *arg)
{
    int item;
    return bide_queue_get((struct bide_queue *)arg, &item);
}

static int other_shuts(void *arg)
{
    bide_queue_shutdown((struct bide_queue *)arg, false);
    return 0;
}

static int other_loop(void *fn)
{
    return bide_run((bide_fn)(uintptr_t)fn, shared);
}

static bide_fn other;

static int used_from_another_loop(void *arg)
{
    (void)arg;
    shared = bide_queue_new(sizeof(int), 0);
    bide_detach(bide_create_task(waits_to_get, shared));
    bide_yield();
    return bide_to_thread(other_loop, (void *)(uintptr_t)other, NULL);
}

static void another_loop_is_kept_away(void **state)
{
    (void)state;
    const bide_fn others[] = {other_puts, other_gets, other_shuts};
    for (int i = 0; i < 3; i++) {
        other = others[i];
        aborts_naming(used_from_another_loop, "queue at", "another loop");
    }
}

/* ---- a compare function that uses its queue ---- */

static int compare_that_puts(const void *a, const void *b)
{
    bide_queue_put_nowait(shared, a);
    return by_bytes(a, b);
}

static int compare_that_drops(const void *a, const void *b)
{
    bide_queue_shutdown(shared, true);
    return by_bytes(a, b);
}

static int compare_that_frees(const void *a, const void *b)
{
    bide_queue_free(shared);
    return by_bytes(a, b);
}

static int (*meddler)(const void *, const void *);

static int puts_twice(void *arg)
{
    (void)arg;
    shared = bide_priority_queue_new(sizeof(int), 5, meddler);
    for (int i = 0; i < 2; i++) bide_queue_put(shared, &i);
    return 0;
}

static void compare_must_not_use_the_queue(void **state)
{
    (void)state;
    int (*const meddlers[])(const void *, const void *) = {compare_that_puts, compare_that_drops,
                                                           compare_that_frees};
    for (int i = 0; i < 3; i++) {
        meddler = meddlers[i];
        aborts_naming(puts_twice, "queue at", "compare function");
    }
}

/* ---- what the report says, when every task waits for another ---- */

static int all_wait(void *arg)
{
    (void)arg;
    struct bide_queue *queue = bide_queue_new(sizeof(int), 0);
    struct bide_task *getter = bide_create_task(waits_to_get, queue);
    struct bide_queue *full = bide_queue_new(sizeof(int), 0);
    struct bide_task *putter = bide_create_task(waits_to_put, full);
    struct bide_queue *open = bide_queue_new(sizeof(int), 1);
    struct bide_task *joiner = bide_create_task(waits_to_join, open);
    int item = 0;
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}, {.queue = open, .put = &item}};
    (void)bide_yield();
    (void)bide_select(cases, 2, BIDE_FOREVER);
    (void)bide_await(getter, NULL);
    (void)bide_await(putter, NULL);
    (void)bide_await(joiner, NULL);
    bide_queue_free(queue);
    bide_queue_free(full);
    bide_queue_free(open);
    return 0;
}

static int run_all_wait(void *arg)
{
    return bide_run(all_wait, arg) == -EDEADLK ? 0 : 1;
}

static void the_report_says_who_waits_for_what(void **state)
{
    (void)state;
    char err[4096];
    assert_int_equal(check_child(run_all_wait, NULL, err, sizeof err), 0);
    const char *const words[] = {"gets from the queue at", "puts into the queue at", "joins the queue at",
                                 "selects among 2 cases"};
    for (int i = 0; i < 4; i++)
        if (!strstr(err, words[i])) fail_msg("expected \"%s\" in: %s", words[i], err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_cannot_be),
        cmocka_unit_test(null_is_told),
        cmocka_unit_test(what_corrupts_aborts),
        cmocka_unit_test(another_loop_is_kept_away),
        cmocka_unit_test(compare_must_not_use_the_queue),
        cmocka_unit_test(the_report_says_who_waits_for_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
