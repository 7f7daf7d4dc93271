/* SPDX-License-Identifier: MIT */
/* Generators that hold scopes open while they stand still. */
#include "check.h"

#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))
#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)

/* ---- scopes across values ---- */

/* C libraries differ in what they call these. */
static const char *word_for(int error)
{
    if (error == 0) return "Success";
    return error == ECANCELED ? "Operation canceled" : error == ETIMEDOUT ? "Connection timed out" : "?";
}

TASK(sleep_twice_within_5)
{
    BIDE_TIMEOUT(5) {
        log_event("%d", bide_sleep(1) == 0);
        (void)bide_yield_value(NULL);
        log_event("%s", word_for(-bide_sleep(3)));
    }
    log_event("%s", bide_expired() ? "late" : "fine");
    return 0;
}

/* Sleeps that long between the asks, in a scope of its own. */
static int asks_with_a_pause(double pause, double limit)
{
    struct bide_gen *gen = bide_gen_new(sleep_twice_within_5, NULL);
    log_clear();
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_sleep(pause), 0);
    BIDE_TIMEOUT(limit) {
        CHECK_INT(bide_gen_next(gen, NULL), 0);
    }
    CHECK_INT(bide_expired(), limit < 3);
    return bide_gen_close(gen);
}

TASK(a_deadline_that_passes_meanwhile_is_due_when_it_goes_on)
{
    CHECK_INT(asks_with_a_pause(0, 9), 0);
    CHECK_LOG("1 Success fine");
    CHECK_AT(4);
    CHECK_INT(asks_with_a_pause(2, 9), 0); /* due after a second of its sleep */
    CHECK_LOG("1 Connection timed out late");
    CHECK_AT(4 + 5);
    CHECK_INT(asks_with_a_pause(7, 9), 0); /* due at once, though nobody has waited */
    CHECK_LOG("1 Connection timed out late");
    CHECK_AT(9 + 8);
    CHECK_INT(asks_with_a_pause(0, 1), 0); /* the asker's deadline lies outside of its own */
    CHECK_LOG("1 Operation canceled fine");
    CHECK_INT(bide_sleep(1000), 0);
    return 0;
}

/* Nothing of the generator's touches its asker while it stands still. */
TASK(hold_all_kinds)
{
    struct bide_group group;
    BIDE_TIMEOUT(1) {
        BIDE_SHIELD(1) {
            BIDE_GROUP(group) {
                if (bide_yield_value(NULL) < 0) return 0;
                bide_group_cancel(&group);
                if (bide_yield_value(NULL) < 0) return 0;
            }
        }
    }
    return 0;
}

TASK(its_scopes_do_not_touch_who_asks)
{
    struct bide_gen *gen = bide_gen_new(hold_all_kinds, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(bide_gen_next(gen, NULL), 1);
        CHECK(!bide_cancelled());
        CHECK_INT(bide_sleep(3), 0);
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_sleep(2), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    return bide_gen_close(gen);
}

TASK(fail_after_1)
{
    return bide_sleep(1) < 0 ? -ECANCELED : bide_fail(EIO, "gone");
}

TASK(nap_4)
{
    return bide_sleep(4);
}

/* A nursery across values, as in a pool of workers that are asked for one after the other. */
TASK(hold_a_group)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_start(&group, arg ? fail_after_1 : nap_4, NULL);
        bide_group_start(&group, nap_4, NULL);
        const int code = bide_yield_value(&group);
        if (code < 0) return code;
        log_event("%s", bide_cancelled() ? "cancelled" : "free");
    }
    struct bide_error error;
    log_event("%d", (int)bide_group_errors(&group, &error, 1));
    return bide_group_result(&group);
}

TASK(nobody)
{
    return 0;
}

TASK(a_group_lives_on_while_it_stands_still)
{
    struct bide_gen *gen = bide_gen_new(hold_a_group, NULL);
    void *group;
    CHECK_INT(bide_gen_next(gen, &group), 1);
    CHECK_INT(bide_sleep(2), 0);
    CHECK(bide_group_start(group, nobody, NULL)); /* any task of the loop may */
    CHECK_INT(bide_gen_next(gen, NULL), 0);
    CHECK_AT(4);
    CHECK_LOG("free 0");
    CHECK_INT(bide_gen_close(gen), 0);

    log_clear();
    gen = bide_gen_new(hold_a_group, &gen); /* one of its tasks fails meanwhile */
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_sleep(2), 0);
    CHECK(!bide_cancelled());
    CHECK_INT(bide_gen_next(gen, NULL), -EIO);
    CHECK_AT(6);
    CHECK_LOG("cancelled 1");
    CHECK(strcmp(bide_error_text(-EIO), "gone") == 0);
    CHECK_INT(bide_gen_close(gen), 0);

    gen = bide_gen_new(hold_a_group, NULL); /* closed: its tasks are cancelled and joined */
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK_AT(6);
    CHECK_INT(bide_all_tasks(NULL, 0), 1);
    return 0;
}

/* Another task goes on with it: the scopes move there. */
TASK(ask_within_2)
{
    BIDE_TIMEOUT(2) {
        CHECK_INT(bide_gen_next(arg, NULL), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

TASK(scopes_go_with_it_to_another_task)
{
    struct bide_gen *gen = bide_gen_new(sleep_twice_within_5, NULL);
    CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_sleep(3), 0);
    struct bide_task *task = bide_create_task(ask_within_2, gen);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("1 Connection timed out late");
    CHECK_AT(5);
    return bide_gen_close(gen);
}

TASK(start_siblings_after_1)
{
    CHECK_INT(bide_sleep(1), 0);
    CHECK(bide_group_start(arg, nap_4, NULL));
    return bide_group_start_ready(arg, nap_4, NULL, NULL) == -ECHILD ? 0 : -EPROTO;
}

TASK(hold_a_group_that_grows)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_start(&group, start_siblings_after_1, &group);
        if (bide_yield_value(NULL) < 0) break;
    }
    return bide_group_result(&group);
}

TASK(ask_once)
{
    return bide_gen_next(arg, NULL);
}

TASK(a_group_grows_while_it_stands_still_and_who_opened_it_is_gone)
{
    int result = 0;
    struct bide_gen *gen = bide_gen_new(hold_a_group_that_grows, NULL);
    CHECK_INT(bide_await(bide_create_task(ask_once, gen), &result), 0);
    CHECK_INT(result, 1);
    CHECK_INT(bide_sleep(2), 0);
    CHECK_INT(bide_await(bide_create_task(ask_once, gen), &result), 0);
    CHECK_INT(result, 0);
    CHECK_AT(5);
    return bide_gen_close(gen);
}

/* ---- a shield's grace ---- */

TASK(shield_of_3)
{
    BIDE_SHIELD(3) {
        for (;;) {
            log_event("%s", word_for(-bide_sleep(2)));
            if (bide_yield_value(NULL) < 0) break;
        }
    }
    return 0;
}

TASK(ask_four_times)
{
    struct bide_gen *gen = bide_gen_new(shield_of_3, NULL);
    for (int i = 0; i < 4; i++) CHECK_INT(bide_gen_next(gen, NULL), 1);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    return bide_gen_close(gen);
}

TASK(grace_that_was_used_up_stays_so)
{
    struct bide_task *task = bide_create_task(ask_four_times, NULL);
    CHECK_INT(bide_sleep(0.5), 0);
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_LOG("Success Operation canceled Operation canceled Operation canceled");
    CHECK_AT(3.5);
    return 0;
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
        RUN(a_deadline_that_passes_meanwhile_is_due_when_it_goes_on),
        RUN(its_scopes_do_not_touch_who_asks),
        RUN(a_group_lives_on_while_it_stands_still),
        RUN(scopes_go_with_it_to_another_task),
        RUN(a_group_grows_while_it_stands_still_and_who_opened_it_is_gone),
        RUN(grace_that_was_used_up_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
