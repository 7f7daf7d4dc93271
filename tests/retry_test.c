/* SPDX-License-Identifier: MIT */
/* Retrying: how often, after which pauses, after which failures, and when it ends early. */
#include "check.h"

#include <math.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct trial {
    int calls;
    int fails; /* so often, then it gives 7 */
    int code;  /* with this */
    double times[20];
};

static int attempt(void *arg)
{
    struct trial *trial = arg;
    trial->times[trial->calls++] = bide_time();
    if (trial->calls > trial->fails) return 7;
    return bide_fail(trial->code, "attempt %d", trial->calls);
}

/* The pause before the nth further attempt, in microseconds. */
static long pause_us(const struct trial *trial, int n)
{
    return lround((trial->times[n + 1] - trial->times[n]) * 1e6);
}

TASK(by_default_five_attempts_with_doubled_pauses)
{
    int result = 0;
    struct trial trial = {.fails = 3, .code = EIO};
    CHECK_INT(bide_retry(NULL, attempt, &trial, &result), 0);
    CHECK_INT(result, 7);
    CHECK_INT(trial.calls, 4);
    for (int i = 0; i < 3; i++) CHECK_INT(pause_us(&trial, i), 100000 << i);

    trial = (struct trial){.fails = 99, .code = EIO};
    CHECK_INT(bide_retry(NULL, attempt, &trial, &result), 0);
    CHECK_INT(result, -EIO);
    CHECK_INT(trial.calls, 5);
    CHECK_INT(strcmp(bide_error_text(-EIO), "attempt 5"), 0);
    trial = (struct trial){.fails = 99, .code = EIO};
    CHECK_INT(bide_retry(NULL, attempt, &trial, NULL), -EIO);
    trial = (struct trial){0};
    CHECK_INT(bide_retry(NULL, attempt, &trial, NULL), 0);
    CHECK_INT(trial.calls, 1);
    return 0;
}

TASK(pauses_grow_up_to_a_limit)
{
    const struct bide_retry_options options = {.attempts = 7, .delay = 1, .factor = 3, .max_delay = 10};
    static const int pauses[] = {1, 3, 9, 10, 10, 10};
    struct trial trial = {.fails = 99, .code = EIO};
    CHECK_INT(bide_retry(&options, attempt, &trial, NULL), -EIO);
    CHECK_INT(trial.calls, 7);
    for (int i = 0; i < 6; i++) CHECK_INT(pause_us(&trial, i), pauses[i] * 1000000);
    return 0;
}

TASK(jitter_is_random_within_its_part_and_repeats_by_seed)
{
    struct trial trials[3];
    for (int i = 0; i < 3; i++) {
        const struct bide_retry_options options = {
            .attempts = 10, .delay = 1, .factor = 1, .jitter = 0.5, .seed = i == 2 ? 2 : 1};
        trials[i] = (struct trial){.fails = 99, .code = EIO};
        CHECK_INT(bide_retry(&options, attempt, &trials[i], NULL), -EIO);
    }
    int same_seed = 0, other_seed = 0;
    for (int i = 0; i < 9; i++) {
        CHECK(pause_us(&trials[0], i) >= 500000 && pause_us(&trials[0], i) <= 1000000);
        same_seed += pause_us(&trials[0], i) == pause_us(&trials[1], i);
        other_seed += pause_us(&trials[0], i) == pause_us(&trials[2], i);
    }
    CHECK_INT(same_seed, 9);
    CHECK(other_seed < 3);
    return 0;
}

static void note_pause(void *arg, unsigned number, int code, double pause)
{
    (void)number;
    (void)code;
    *(double *)arg = pause;
}

static int fail_at_once(void *arg)
{
    (void)arg;
    return -EIO;
}

TASK(retry_once)
{
    const struct bide_retry_options options = {.attempts = 2, .jitter = 1, .on_retry = note_pause};
    return bide_retry(&options, fail_at_once, arg, NULL) == -EIO ? 0 : -EPROTO;
}

TASK(those_that_fail_together_do_not_come_back_together)
{
    enum { MANY = 20 };
    double pauses[MANY];
    struct bide_call calls[MANY];
    for (int i = 0; i < MANY; i++) calls[i] = (struct bide_call){retry_once, &pauses[i]};
    CHECK_INT(bide_gather(calls, MANY, NULL), 0);
    for (int i = 1; i < MANY; i++)
        for (int j = 0; j < i; j++) CHECK(pauses[i] != pauses[j]);
    return 0;
}

static bool only_busy(void *arg, int code)
{
    (void)arg;
    return code == -EBUSY || code == -ECANCELED;
}

static void tell(void *arg, unsigned number, int code, double pause)
{
    const struct trial *trial = arg;
    log_event("%u:%d:%g:%d", number, code, pause, trial->calls);
}

TASK(some_failures_are_final)
{
    struct bide_retry_options options = {.retry = only_busy, .on_retry = tell, .delay = 1};
    struct trial trial = {.fails = 2, .code = EBUSY};
    CHECK_INT(bide_retry(&options, attempt, &trial, NULL), 0);
    CHECK_INT(trial.calls, 3);
    trial = (struct trial){.fails = 2, .code = EIO};
    CHECK_INT(bide_retry(&options, attempt, &trial, NULL), -EIO);
    CHECK_INT(trial.calls, 1);
    CHECK_LOG("1:-16:1:1 2:-16:2:2");
    trial = (struct trial){.fails = 2, .code = ECANCELED};
    CHECK_INT(bide_retry(&options, attempt, &trial, NULL), 0);
    CHECK_INT(trial.calls, 3);
    options.retry = NULL; /* by default a cancelled call is not made again */
    trial = (struct trial){.fails = 2, .code = ECANCELED};
    CHECK_INT(bide_retry(&options, attempt, &trial, NULL), -ECANCELED);
    CHECK_INT(trial.calls, 1);
    return 0;
}

/* ---- cut short ---- */

TASK(retry_for_long)
{
    int result = 0;
    struct trial *trial = arg;
    const struct bide_retry_options options = {.delay = 10};
    CHECK_INT(bide_retry(&options, attempt, trial, &result), -ECANCELED);
    CHECK_INT(result, -EIO);
    return 0;
}

TASK(a_pause_may_be_cut_short)
{
    struct trial trial = {.fails = 99, .code = EIO};
    const struct bide_retry_options options = {.delay = 1};
    int result = 0;
    BIDE_TIMEOUT(2) {
        CHECK_INT(bide_retry(&options, attempt, &trial, &result), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    CHECK_INT(result, -EIO);
    CHECK_INT(trial.calls, 2);
    CHECK_INT(bide_time() * 10 + 0.5, 20);

    trial = (struct trial){.fails = 99, .code = EIO};
    struct bide_task *task = bide_create_task(retry_for_long, &trial);
    CHECK_INT(bide_sleep(1), 0);
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(trial.calls, 1);

    trial = (struct trial){.fails = 99, .code = EIO}; /* cancelled before: one call all the same */
    task = bide_create_task(retry_for_long, &trial);
    bide_cancel(task);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(trial.calls, 1);
    return 0;
}

TASK(refusals)
{
    struct trial trial = {.fails = 0};
    const struct bide_retry_options bad[] = {
        {.delay = -1},    {.delay = NAN},  {.factor = -1},  {.max_delay = -1},
        {.jitter = -0.1}, {.jitter = 1.1}, {.jitter = NAN}, {.reserved = {1}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(bide_retry(&bad[i], attempt, &trial, NULL), -EINVAL);
    CHECK_INT(bide_retry(NULL, NULL, NULL, NULL), -EINVAL);
    CHECK_INT(trial.calls, 0);
    return 0;
}

static void outside(void **state)
{
    (void)state;
    struct trial trial = {.fails = 0};
    assert_int_equal(bide_retry(NULL, attempt, &trial, NULL), -EPERM);
    assert_int_equal(trial.calls, 0);
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
        RUN(by_default_five_attempts_with_doubled_pauses),
        RUN(pauses_grow_up_to_a_limit),
        RUN(jitter_is_random_within_its_part_and_repeats_by_seed),
        RUN(those_that_fail_together_do_not_come_back_together),
        RUN(some_failures_are_final),
        RUN(a_pause_may_be_cut_short),
        RUN(refusals),
        cmocka_unit_test(outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
