/* SPDX-License-Identifier: MIT */
/*
 * bide_wait of random tasks, with a random mode, limit and cancel, against a model.
 *
 * BIDE_SEEDS says how many seeds, BIDE_SEED the first.
 */
#include "check.h"

#include <stdlib.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct job {
    double seconds;
    int result;
};

TASK(work)
{
    const struct job *job = arg;
    const int code = bide_sleep(job->seconds);
    return code < 0 ? code : job->result;
}

static uint64_t number;

static unsigned draw(unsigned below)
{
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    return (unsigned)(number >> 33) % below;
}

enum { MOST = 20 };
struct trial {
    size_t n;
    struct job jobs[MOST];
    int ends[MOST]; /* in thirds of a second; -1: it has ended, or is none */
    enum bide_wait_mode mode;
    int limit;  /* of time, likewise */
    int cancel; /* when the one who waits is cancelled */
    ssize_t done;
    double at;
};

/* When does it return, and with what? Ends are at whole seconds, limits a third later, cancels two. */
static int model(const struct trial *trial, ssize_t *done)
{
    for (int now = 0;; now++) {
        bool failed = false;
        *done = 0;
        for (size_t i = 0; i < trial->n; i++) {
            if (trial->ends[i] > now) continue;
            (*done)++;
            if (trial->jobs[i].result < 0 && trial->jobs[i].result != -ECANCELED) failed = true;
        }
        if (*done == (ssize_t)trial->n || (trial->mode == BIDE_FIRST_COMPLETED && *done > 0)) return now;
        if ((trial->mode == BIDE_FIRST_EXCEPTION && failed) || now == trial->limit) return now;
        if (now == trial->cancel) {
            *done = -ECANCELED;
            return now;
        }
    }
}

static struct bide_task *tasks_of_trial[MOST];

TASK(wait_in_trial)
{
    struct trial *trial = arg;
    trial->done = bide_wait(tasks_of_trial, trial->n, trial->mode, trial->limit / 3.0);
    trial->at = bide_time();
    return 0;
}

TASK(run_trial)
{
    static const int results[] = {0, 7, -EIO, -ECANCELED};
    struct trial *trial = arg;
    trial->n = 1 + draw(MOST);
    trial->mode = (enum bide_wait_mode)draw(3);
    trial->limit = (int)draw(40) * 3 + 1;
    trial->cancel = (int)draw(40) * 3 + 2;
    for (size_t i = 0; i < trial->n; i++) {
        const unsigned seconds = 1 + draw(30);
        trial->jobs[i] = (struct job){seconds, results[draw(4)]};
        trial->ends[i] = (int)seconds * 3;
        tasks_of_trial[i] = draw(10) ? bide_create_task(work, &trial->jobs[i]) : NULL;
        if (tasks_of_trial[i]) continue;
        trial->ends[i] = -1;
        trial->jobs[i].result = -ENOMEM;
    }
    struct bide_task *waiter = bide_create_task(wait_in_trial, trial);
    CHECK_INT(bide_sleep(trial->cancel / 3.0), 0);
    bide_cancel(waiter);
    CHECK_INT(bide_await(waiter, NULL), 0);
    for (size_t i = 0; i < trial->n; i++) {
        int result;
        CHECK_INT(bide_await(tasks_of_trial[i], &result), 0);
        CHECK_INT(result, trial->jobs[i].result);
    }
    return 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t seed, end;

static void random_waits_do_as_the_model(void **state)
{
    (void)state;
    seed = from_environment("BIDE_SEED", 1);
    for (end = seed + from_environment("BIDE_SEEDS", 10000); seed < end; seed++) {
        struct trial trial = {.n = 0};
        ssize_t done;
        number = seed * 0x9e3779b97f4a7c15u + 1;
        assert_int_equal(check_run(run_trial, &trial), 0);
        const int at = model(&trial, &done);
        assert_int_equal(trial.done, done);
        assert_int_equal((int)(trial.at * 3 + 0.5), at);
    }
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed < end) print_error("seed %llu\n", (unsigned long long)seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(random_waits_do_as_the_model, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
