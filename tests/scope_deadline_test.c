/* SPDX-License-Identifier: MIT */
/*
 * The deadlines of scopes: odd and enormous durations, deadlines in one instant, a loop that
 * never sleeps, and thousands of deadlines against a model. The clock is virtual where the test
 * does not say otherwise.
 */
#include "check.h"

#include <float.h>
#include <string.h>

#define CHECK_AT(seconds) CHECK_INT(bide_time() * 1e6 + 0.5, (seconds)*1e6 + 0.5)
#define NAN_SECONDS __builtin_nan("")

static void runs(bide_fn fn)
{
    assert_int_equal(check_run(fn, NULL), 0);
}

static int never_called(void *arg)
{
    *(int *)arg = 1;
    return 0;
}

static int never_due(void *arg)
{
    (void)arg;
    const double seconds[] = {NAN_SECONDS, BIDE_FOREVER};
    for (int i = 0; i < 2; i++) {
        BIDE_TIMEOUT(seconds[i]) {
            CHECK_INT(bide_sleep(5), 0);
        }
        CHECK(!bide_expired());
    }
    CHECK_AT(10);
    return 0;
}

static int due_at_once(void *arg)
{
    (void)arg;
    const double seconds[] = {0, -0.0, -1, -1e300, -DBL_MAX, -BIDE_FOREVER, -9223372036854775808.0};
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        BIDE_TIMEOUT(seconds[i]) {
            CHECK(bide_cancelled());
            CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK_AT(0);
    return 0;
}

/* Less than a nanosecond is still a duration, and over soon. */
static int tiny(void *arg)
{
    (void)arg;
    const double seconds[] = {1e-9, 1e-10, 1e-300, 5e-324};
    for (int i = 0; i < 4; i++) {
        BIDE_TIMEOUT(seconds[i]) {
            CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        }
        CHECK(bide_expired());
    }
    CHECK_AT(0);
    return 0;
}

static int not_a_number(void *arg)
{
    (void)arg;
    int called = 0, result = -1;
    CHECK_INT(bide_sleep(NAN_SECONDS), -EINVAL);
    CHECK_INT(bide_wait_for(never_called, &called, NAN_SECONDS, &result), -EINVAL);
    CHECK_INT(bide_wait_for(NULL, NULL, 1, &result), -EINVAL);
    CHECK_INT(called, 0);
    CHECK_INT(result, -1);
    BIDE_SHIELD(NAN_SECONDS) {
        CHECK_INT(bide_sleep(1), 0);
    }
    CHECK(!bide_expired());
    return 0;
}

static void odd_durations(void **state)
{
    (void)state;
    runs(never_due);
    runs(due_at_once);
    runs(tiny);
    runs(not_a_number);
    int called = 0;
    assert_int_equal(bide_wait_for(never_called, &called, 1, NULL), -EPERM);
    assert_int_equal(called, 0);
}

static const double enormous[] = {1e300, DBL_MAX, 9223372036854775807.0, 9223372037.0, 1e10};

/* A deadline too far for the clock is far, and not in the past. */
static int far_away(double seconds)
{
    struct bide_scope scope;
    const double start = bide_time();
    bide_timeout_enter(&scope, seconds);
    const double when = bide_timeout_when(&scope);
    const int code = bide_sleep(1);
    const int moved = bide_timeout_reschedule(&scope, seconds);
    const double when_moved = bide_timeout_when(&scope);
    const int code_moved = bide_sleep(1);
    const bool cut = bide_scope_exit(&scope);
    CHECK(when > start + 1e6);
    CHECK(when_moved >= when);
    CHECK_INT(code, 0);
    CHECK_INT(moved, 0);
    CHECK_INT(code_moved, 0);
    CHECK_INT(cut, false);
    return 0;
}

/* Also in a loop that has run for 270 years. */
static int row_37_saturating(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) CHECK_INT(far_away(enormous[i]), 0);
    for (int i = 0; i < 4; i++) CHECK_INT(bide_sleep(2147483648.0), 0);
    for (int i = 0; i < 5; i++) CHECK_INT(far_away(enormous[i]), 0);
    CHECK_INT(far_away(2147483648.0), 0);
    return 0;
}

static int row_37_exact(void *arg)
{
    (void)arg;
    const double seconds[] = {1e-3, 2147483.647, 2147483648.0, 4294967296.0};
    for (int i = 0; i < 4; i++) {
        const double start = bide_time();
        BIDE_TIMEOUT(seconds[i]) {
            CHECK_INT(bide_sleep(BIDE_FOREVER), -ETIMEDOUT);
        }
        CHECK(bide_expired());
        CHECK(bide_time() > start + seconds[i] - 1e-5);
        CHECK(bide_time() < start + seconds[i] + 1e-5);
    }
    return 0;
}

static int row_37_grace(void *arg)
{
    (void)arg;
    bide_cancel(bide_current_task());
    for (int i = 0; i < 5; i++) {
        BIDE_SHIELD(enormous[i]) {
            CHECK_INT(bide_sleep(1), 0);
        }
        CHECK(!bide_expired());
    }
    return 0;
}

static void row_37_timeout_overflow(void **state)
{
    (void)state;
    runs(row_37_saturating);
    runs(row_37_exact);
    runs(row_37_grace);
}

static int expires_in_1(void *arg)
{
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    CHECK_AT(1);
    log_event("%s", (const char *)arg);
    return 0;
}

static int sleeps_1(void *arg)
{
    CHECK_INT(bide_sleep(1), 0);
    log_event("%s", (const char *)arg);
    return 0;
}

/* In one instant: in the order of arming, whatever the timers are for. */
static int equal_deadlines(void *arg)
{
    (void)arg;
    const struct bide_call calls[] = {
        {expires_in_1, "a"}, {sleeps_1, "b"}, {expires_in_1, "c"}, {sleeps_1, "d"}, {expires_in_1, "e"},
    };
    log_clear();
    CHECK_INT(bide_gather(calls, 5, NULL), 0);
    CHECK_LOG("a b c d e");
    return 0;
}

static int sleep_as_long_as_the_deadline(void *arg)
{
    (void)arg;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(1), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

static void one_instant(void **state)
{
    (void)state;
    runs(equal_deadlines);
    runs(sleep_as_long_as_the_deadline);
}

static int real_deadline(void *arg)
{
    BIDE_TIMEOUT(0.002) {
        CHECK_INT(bide_sleep(BIDE_FOREVER), -ETIMEDOUT);
    }
    *(bool *)arg = true;
    return 0;
}

/* Deadlines that are due at once, again and again, while another must come in real time. */
static int rearms_zero(void *arg)
{
    (void)arg;
    bool over = false;
    struct bide_task *other = bide_create_task(real_deadline, &over);
    while (!over) {
        BIDE_TIMEOUT(0) {
            CHECK_INT(bide_sleep(1), -ETIMEDOUT);
        }
    }
    return bide_await(other, NULL);
}

static int never_sleeps(void *arg)
{
    (void)arg;
    int code = 0;
    BIDE_TIMEOUT(0.002) {
        while (code == 0) code = bide_sleep(0);
    }
    CHECK(bide_expired());
    CHECK_INT(code, -ETIMEDOUT);
    return 0;
}

static void row_39_zero_timers_starve_nobody(void **state)
{
    (void)state;
    assert_int_equal(check_run_with(NULL, rearms_zero, NULL), 0);
    assert_int_equal(check_run_with(NULL, never_sleeps, NULL), 0);
}

#define DEEP 4

/* A small number that the seed fixes. */
static int draw(uint32_t *seed, int below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (int)(*seed >> 16) % below;
}

/* Enters up to four scopes with deadlines in whole milliseconds, and moves some of them. */
static int enter_some(uint32_t *seed, struct bide_scope *scopes, int *ms)
{
    const int n = 1 + draw(seed, DEEP);
    for (int i = 0; i < n; i++) bide_timeout_enter(&scopes[i], (ms[i] = 1 + draw(seed, 40)) * 1e-3);
    for (int i = 0; i < n; i++) {
        if (draw(seed, 3) == 0) bide_timeout_reschedule(&scopes[i], (ms[i] = 1 + draw(seed, 40)) * 1e-3);
    }
    return n;
}

/* The model: the earliest wins, in one instant a deadline over the sleep, the outer over the inner. */
static int one_round(uint32_t *seed)
{
    struct bide_scope scopes[DEEP];
    int ms[DEEP], cause = 0, wrong = 0;
    const double start = bide_time();
    const int n = enter_some(seed, scopes, ms), sleep_ms = 1 + draw(seed, 40);
    for (int i = 1; i < n; i++) cause = ms[i] < ms[cause] ? i : cause;
    if (sleep_ms < ms[cause]) cause = -1;
    const int end_ms = cause < 0 ? sleep_ms : ms[cause];
    const int code = bide_sleep(sleep_ms * 1e-3);
    for (int i = n - 1; i >= 0; i--) wrong += bide_scope_exit(&scopes[i]) != (i == cause);
    CHECK_INT(code, cause < 0 ? 0 : cause == n - 1 ? -ETIMEDOUT : -ECANCELED);
    CHECK_INT(wrong, 0);
    CHECK_AT(start + end_ms * 1e-3);
    return 0;
}

static int many_rounds(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < 50; i++) CHECK_INT(one_round(&seed), 0);
    return 0;
}

static int many_at_once(void *arg)
{
    (void)arg;
    struct bide_call calls[200];
    for (uintptr_t i = 0; i < 200; i++) calls[i] = (struct bide_call){many_rounds, (void *)(i * 7919)};
    return bide_gather(calls, 200, NULL);
}

static void row_40_deadlines_against_a_model(void **state)
{
    (void)state;
    runs(many_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_durations),
        cmocka_unit_test(row_37_timeout_overflow),
        cmocka_unit_test(one_instant),
        cmocka_unit_test(row_39_zero_timers_starve_nobody),
        cmocka_unit_test(row_40_deadlines_against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
