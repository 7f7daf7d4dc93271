/* SPDX-License-Identifier: MIT */
/* bide_select: one of several things happens, exactly one, and none that is ready is passed over for ever. */
#include "check.h"

#include <poll.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6)

static int put_now(struct bide_queue *queue, int item)
{
    return bide_queue_put_nowait(queue, &item);
}

static int get_now(struct bide_queue *queue)
{
    int item = -1;
    const int code = bide_queue_get_nowait(queue, &item);
    return code < 0 ? code : item;
}

static struct bide_queue *queue_of(size_t capacity)
{
    return bide_queue_new(sizeof(int), capacity);
}

/* A select of two queues, to get from the one and to put into the other, or to get from both. */
struct both {
    struct bide_queue *queue[2];
    int item[2];
    bool puts; /* into the second */
    double timeout;
    int code; /* of the case that happened */
};

static int select_both(void *arg)
{
    struct both *both = arg;
    struct bide_select_case cases[] = {{.queue = both->queue[0], .get = &both->item[0]},
                                       {.queue = both->queue[1], .get = &both->item[1]}};
    if (both->puts) cases[1] = (struct bide_select_case){.queue = both->queue[1], .put = &both->item[1]};
    const int index = bide_select(cases, 2, both->timeout);
    if (index >= 0) both->code = cases[index].code;
    log_event("%d", index);
    return index;
}

static void free_both(struct both *both)
{
    bide_queue_free(both->queue[0]);
    bide_queue_free(both->queue[1]);
}

TASK(the_case_that_is_ready_happens)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, BIDE_FOREVER, -1};
    for (int i = 0; i < 2; i++) {
        CHECK_INT(put_now(both.queue[i], 7 + i), 0);
        CHECK_INT(select_both(&both), i);
        CHECK_INT(both.item[i], 7 + i);
        CHECK_INT(both.code, 0);
        CHECK_INT(bide_queue_size(both.queue[i]), 0);
    }
    both.puts = true;
    both.item[1] = 3;
    CHECK_INT(select_both(&both), 1);
    CHECK_INT(get_now(both.queue[1]), 3);
    free_both(&both);
    return 0;
}

TASK(it_waits_for_the_first_and_leaves_the_others)
{
    struct both both = {{queue_of(1), queue_of(0)}, {-1, -1}, false, 100, -1};
    for (int i = 0; i < 2; i++) {
        int result;
        struct bide_task *task = bide_create_task(select_both, &both);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(put_now(both.queue[i], 7 + i), 0);
        CHECK_INT(put_now(both.queue[0], 1), 0); /* nobody waits any more: it is stored */
        CHECK_INT(put_now(both.queue[1], 1), -EAGAIN);
        CHECK_INT(bide_await(task, &result), 0);
        CHECK_INT(result, i);
        CHECK_INT(both.item[i], 7 + i);
        CHECK_INT(get_now(both.queue[0]), 1);
    }
    free_both(&both);
    return 0;
}

TASK(a_put_case_is_taken_from_its_hand)
{
    struct both both = {{queue_of(0), queue_of(0)}, {-1, 4}, true, BIDE_FOREVER, -1};
    struct bide_task *task = bide_create_task(select_both, &both);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(get_now(both.queue[1]), 4);
    CHECK_INT(get_now(both.queue[1]), -EAGAIN);
    CHECK_INT(put_now(both.queue[0], 5), -EAGAIN);
    int result;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 1);
    free_both(&both);
    return 0;
}

/* Both ends of one rendezvous in each of two selects: they meet each other, not themselves. */
TASK(two_selects_meet)
{
    struct bide_queue *queue = queue_of(0);
    struct both first = {{queue, queue}, {-1, 1}, true, BIDE_FOREVER, -1};
    struct both second = {{queue, queue}, {-1, 2}, true, BIDE_FOREVER, -1};
    struct bide_task *task = bide_create_task(select_both, &first);
    CHECK_INT(bide_yield(), 0);
    int other;
    const int mine = select_both(&second);
    CHECK_INT(bide_await(task, &other), 0);
    CHECK_INT(mine + other, 1); /* one got, one put */
    CHECK_INT(mine == 0 ? second.item[0] : first.item[0], mine == 0 ? 1 : 2);
    bide_queue_free(queue);
    return 0;
}

TASK(the_timeout_is_no_deadline)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, 2, -1};
    CHECK_INT(select_both(&both), -EAGAIN);
    CHECK_AT(2);
    both.timeout = 1e-9;
    CHECK_INT(select_both(&both), -EAGAIN);
    both.timeout = 5;
    BIDE_TIMEOUT(1) {
        CHECK_INT(select_both(&both), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_AT(3);
    BIDE_TIMEOUT(5) { /* was there first */
        CHECK_INT(select_both(&both), -ETIMEDOUT);
    }
    CHECK_AT(8);
    CHECK_INT(put_now(both.queue[1], 1), 0);
    both.timeout = 0;
    CHECK_INT(select_both(&both), 1);
    free_both(&both);
    return 0;
}

static int put_9(void *queue)
{
    return put_now(queue, 9);
}

TASK(timeout_0_lets_others_run_once)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, 0, -1};
    struct bide_task *task = bide_create_task(put_9, both.queue[1]);
    CHECK_INT(select_both(&both), 1);
    CHECK_INT(both.item[1], 9);
    free_both(&both);
    return bide_await(task, NULL);
}

static int sleep_and_put(void *queue)
{
    const int code = bide_sleep(1);
    return code < 0 ? code : put_now(queue, 9);
}

/* The timeout comes in the same turn, before the task that puts has run: the item is not lost. */
TASK(bug_06_an_item_and_the_timeout_in_one_turn)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, 1, -1};
    struct bide_task *putter = bide_create_task(sleep_and_put, both.queue[0]);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(select_both(&both), -EAGAIN);
    CHECK_INT(bide_await(putter, NULL), 0);
    CHECK_INT(get_now(both.queue[0]), 9);
    free_both(&both);
    return 0;
}

/* ---- cancelling ---- */

TASK(bug_12_a_cancelled_select_has_done_nothing)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, BIDE_FOREVER, -1};
    struct bide_task *task = bide_create_task(select_both, &both);
    CHECK_INT(bide_yield(), 0);
    bide_cancel(task);
    CHECK_INT(put_now(both.queue[0], 1), 0);
    CHECK_INT(bide_await(task, NULL), -ECANCELED);
    CHECK_INT(get_now(both.queue[0]), 1);
    CHECK_INT(both.code, -1);
    bide_cancel(bide_current_task());
    CHECK_INT(put_now(both.queue[0], 1), 0);
    CHECK_INT(select_both(&both), -ECANCELED); /* though it need not wait */
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_queue_size(both.queue[0]), 1);
    free_both(&both);
    return 0;
}

TASK(bug_08_an_item_handed_to_a_select_stays_given)
{
    struct both both = {{queue_of(1), queue_of(1)}, {-1, -1}, false, 10, -1};
    struct bide_task *task = bide_create_task(select_both, &both);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(put_now(both.queue[1], 6), 0);
    bide_cancel(task);
    int result;
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, 1);
    CHECK_INT(both.item[1], 6);
    free_both(&both);
    return 0;
}

/* ---- shutdown ---- */

TASK(a_queue_that_was_shut_down_says_which)
{
    for (int waits = 0; waits < 2; waits++) {
        for (int which = 0; which < 2; which++) {
            struct both both = {{queue_of(0), queue_of(0)}, {-1, 5}, true, 10, 1};
            int result;
            struct bide_task *task = NULL;
            if (waits) task = bide_create_task(select_both, &both);
            CHECK_INT(bide_yield(), 0);
            bide_queue_shutdown(both.queue[which], false);
            if (waits)
                CHECK_INT(bide_await(task, &result), 0);
            else
                result = select_both(&both);
            CHECK_INT(result, which);
            CHECK_INT(both.code, -EPIPE);
            free_both(&both);
        }
    }
    return 0;
}

/* ---- fairness ---- */

/* All are ready always; one array kept is gone round exactly, fresh ones are served about equally. */
TASK(no_case_starves)
{
    enum { CASES = 4, ROUNDS = 400 };
    struct bide_queue *queues[CASES];
    int item = 0, kept[CASES] = {0}, fresh[CASES] = {0};
    struct bide_select_case cases[CASES];
    memset(cases, 0, sizeof cases);
    for (int i = 0; i < CASES; i++) {
        queues[i] = queue_of(BIDE_UNBOUNDED);
        for (int n = 0; n < 2 * ROUNDS; n++) CHECK_INT(put_now(queues[i], i), 0);
        cases[i] = (struct bide_select_case){.queue = queues[i], .get = &item};
    }
    bide_queue_shutdown(queues[3], true);
    for (int n = 0; n < ROUNDS; n++) {
        const int index = bide_select(cases, CASES, 0);
        CHECK(index >= 0 && cases[index].code == (index == 3 ? -EPIPE : 0));
        kept[index]++;
        struct bide_select_case others[CASES];
        memset(others, 0, sizeof others);
        for (int i = 0; i < CASES; i++)
            others[i] = (struct bide_select_case){.queue = queues[i], .get = &item};
        fresh[bide_select(others, CASES, 0)]++;
    }
    for (int i = 0; i < CASES; i++) CHECK_INT(kept[i], ROUNDS / CASES);
    for (int i = 0; i < CASES; i++) CHECK(fresh[i] > ROUNDS / CASES / 2);
    for (int i = 0; i < CASES; i++) bide_queue_free(queues[i]);
    return 0;
}

TASK(cases_can_be_switched_off)
{
    int item = -1;
    struct bide_queue *queue = queue_of(3);
    struct bide_select_case cases[] = {{.queue = NULL}, {.queue = queue, .get = &item}, {.queue = NULL}};
    CHECK_INT(put_now(queue, 1), 0);
    CHECK_INT(bide_select(cases, 3, BIDE_FOREVER), 1);
    CHECK_INT(bide_select(cases, 3, 1), -EAGAIN);
    bide_queue_free(queue);
    return 0;
}

/* ---- bad input ---- */

TASK(bad_input_is_refused)
{
    struct bide_queue *queue = queue_of(1);
    int item = 1;
    struct bide_select_case none[2] = {{.queue = NULL}, {.queue = NULL}};
    struct bide_select_case good[] = {{.queue = queue, .put = &item}};
    struct bide_select_case bad[] = {
        {.queue = queue},
        {.queue = queue, .get = &item, .put = &item},
        {.queue = queue, .get = &item, .events = POLLIN},
        {.get = &item},
        {.put = &item, .events = POLLIN},
        {.events = POLLPRI},
        {.events = POLLIN, .reserved = 1},
    };
    CHECK_INT(bide_select(NULL, 0, 1), -EINVAL);
    CHECK_INT(bide_select(NULL, 1, 1), -EINVAL);
    CHECK_INT(bide_select(good, 0, 1), -EINVAL);
    CHECK_INT(bide_select(good, (size_t)-1, 1), -EINVAL);
    CHECK_INT(bide_select(good, 1, __builtin_nan("")), -EINVAL);
    CHECK_INT(bide_select(none, 2, 1), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_INT(bide_select(&bad[i], 1, 1), -EINVAL);
    CHECK_INT(bide_queue_size(queue), 0);
    CHECK_INT(bide_select(good, 1, 1), 0);
    bide_queue_free(queue);
    return 0;
}

static void outside_of_tasks(void **state)
{
    (void)state;
    struct bide_select_case none = {.queue = NULL};
    assert_int_equal(bide_select(&none, 1, 1), -EPERM);
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
        IN_A_LOOP(the_case_that_is_ready_happens),
        IN_A_LOOP(it_waits_for_the_first_and_leaves_the_others),
        IN_A_LOOP(a_put_case_is_taken_from_its_hand),
        IN_A_LOOP(two_selects_meet),
        IN_A_LOOP(the_timeout_is_no_deadline),
        IN_A_LOOP(timeout_0_lets_others_run_once),
        IN_A_LOOP(bug_06_an_item_and_the_timeout_in_one_turn),
        IN_A_LOOP(bug_12_a_cancelled_select_has_done_nothing),
        IN_A_LOOP(bug_08_an_item_handed_to_a_select_stays_given),
        IN_A_LOOP(a_queue_that_was_shut_down_says_which),
        IN_A_LOOP(no_case_starves),
        IN_A_LOOP(cases_can_be_switched_off),
        IN_A_LOOP(bad_input_is_refused),
        cmocka_unit_test(outside_of_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
