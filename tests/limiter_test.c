/* SPDX-License-Identifier: MIT */
/* Rate limiters: the burst, the rate, the line, and a model of them. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static struct bide_limiter limiter;

static int now_ms(void)
{
    return (int)lround(bide_time() * 1000);
}

TASK(a_burst_at_once_then_the_rate)
{
    CHECK_INT(bide_limiter_init(&limiter, 10, 3), 0);
    for (int i = 0; i < 6; i++) {
        CHECK_INT(bide_limiter_acquire(&limiter), 0);
        log_event("%d", now_ms());
    }
    CHECK_LOG("0 0 0 100 200 300");
    CHECK_INT(bide_sleep(100), 0); /* no more than the burst is saved up */
    log_clear();
    for (int i = 0; i < 5; i++) {
        CHECK_INT(bide_limiter_acquire(&limiter), 0);
        log_event("%d", now_ms() - 100300);
    }
    CHECK_LOG("0 0 0 100 200");
    CHECK_INT(bide_sleep(0.25), 0); /* parts of a token count */
    CHECK_INT(bide_limiter_acquire_nowait(&limiter), 0);
    CHECK_INT(bide_limiter_acquire_nowait(&limiter), 0);
    CHECK_INT(bide_limiter_acquire_nowait(&limiter), -EAGAIN);
    log_clear();
    CHECK_INT(bide_limiter_acquire(&limiter), 0);
    CHECK_INT(now_ms(), 100300 + 200 + 250 + 50);
    return 0;
}

TASK(acquire_and_log)
{
    const int code = bide_limiter_acquire(&limiter);
    log_event("%s%d@%d", (const char *)arg, code, now_ms());
    return code;
}

/*
 *  a takes the token; b, c, d, e stand in line; c is cancelled at 0.5, and d, e move up.
 *  Nobody overtakes: _nowait gives -EAGAIN as long as there is a line.
 */
TASK(bug_07_first_come_first_served_and_a_cancel_moves_the_line_up)
{
    static char *const names[] = {"a", "b", "c", "d", "e"};
    struct bide_task *tasks[5];
    CHECK_INT(bide_limiter_init(&limiter, 1, 1), 0);
    for (int i = 0; i < 5; i++) tasks[i] = bide_create_task(acquire_and_log, names[i]);
    CHECK_INT(bide_sleep(0.5), 0);
    bide_cancel(tasks[2]);
    CHECK_INT(bide_limiter_acquire_nowait(&limiter), -EAGAIN);
    for (int i = 0; i < 5; i++) CHECK_INT(bide_await(tasks[i], NULL), i == 2 ? -ECANCELED : 0);
    CHECK_LOG("a0@0 c-125@500 b0@1000 d0@2000 e0@3000");
    return 0;
}

/* Once it was given a token cannot be cancelled away. */
TASK(bug_08_a_token_and_a_cancel_in_one_turn)
{
    CHECK_INT(bide_limiter_init(&limiter, 1, 1), 0);
    CHECK_INT(bide_limiter_acquire(&limiter), 0);
    struct bide_task *first = bide_create_task(acquire_and_log, "a");
    BIDE_TIMEOUT(1) { /* due together with the token, which was there first */
        CHECK_INT(bide_sleep(0), 0);
        CHECK_INT(bide_sleep(9), -ETIMEDOUT);
    }
    bide_cancel(first);
    CHECK_INT(bide_await(first, NULL), 0);
    CHECK_LOG("a0@1000");

    /* The last one in line goes: no timer is left, and so nothing to touch the limiter. */
    struct bide_limiter *own = malloc(sizeof *own);
    CHECK_INT(bide_limiter_init(own, 0.1, 1), 0);
    CHECK_INT(bide_limiter_acquire(own), 0);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_limiter_acquire(own), -ETIMEDOUT);
    }
    free(own);
    CHECK_INT(bide_sleep(100), 0);
    return 0;
}

TASK(it_checks_for_a_cancel_always)
{
    CHECK_INT(bide_limiter_init(&limiter, 1, 5), 0);
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_limiter_acquire(&limiter), -ETIMEDOUT);
        CHECK_INT(bide_limiter_acquire_nowait(&limiter), 0);
    }
    for (int i = 0; i < 4; i++) CHECK_INT(bide_limiter_acquire_nowait(&limiter), 0);
    CHECK_INT(bide_limiter_acquire_nowait(&limiter), -EAGAIN);
    return 0;
}

/* A third of a second is no whole number of nanoseconds. */
TASK(odd_and_high_rates)
{
    static const double rates[] = {3, 7, 1e6, 3.3e8, 1e-3};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        CHECK_INT(bide_limiter_init(&limiter, rates[i], 1), 0);
        CHECK_INT(bide_limiter_acquire(&limiter), 0);
        const double start = bide_time();
        for (int n = 0; n < 300; n++) CHECK_INT(bide_limiter_acquire(&limiter), 0);
        const double took = bide_time() - start, expected = 300 / rates[i];
        CHECK(fabs(took - expected) < expected * 1e-6 + 2e-6);
    }
    return 0;
}

TASK(refusals)
{
    struct bide_limiter zero = {{NULL}};
    CHECK_INT(bide_limiter_acquire(&zero), -EINVAL);
    CHECK_INT(bide_limiter_acquire(NULL), -EINVAL);
    CHECK_INT(bide_limiter_acquire_nowait(&zero), -EINVAL);
    static const double bad[] = {0, -1, NAN, INFINITY};
    for (int i = 0; i < 4; i++) CHECK_INT(bide_limiter_init(&zero, bad[i], 1), -EINVAL);
    CHECK_INT(bide_limiter_init(&zero, 1, 0), -EINVAL);
    CHECK_INT(bide_limiter_init(NULL, 1, 1), -EINVAL);
    return 0;
}

static void outside_and_in_one_loop_after_another(void **state)
{
    (void)state;
    assert_int_equal(bide_limiter_init(&limiter, 1, 1), 0);
    assert_int_equal(bide_limiter_acquire(&limiter), -EPERM);
    assert_int_equal(bide_limiter_acquire_nowait(&limiter), -EPERM);
    log_clear();
    assert_int_equal(check_run(acquire_and_log, "a"), 0);
    assert_int_equal(check_run(acquire_and_log, "b"), 0); /* whose clock begins anew */
    assert_string_equal(log_text(), "a0@0 b0@1000");
}

/* ---- another loop, while tasks of this one wait ---- */

TASK(use_it_elsewhere)
{
    return bide_limiter_acquire(&limiter);
}

static int in_a_loop_of_a_thread(void *arg)
{
    return bide_run(use_it_elsewhere, arg);
}

TASK(two_loops)
{
    bide_limiter_init(&limiter, 0.001, 1);
    bide_limiter_acquire(&limiter);
    bide_detach(bide_create_task(use_it_elsewhere, NULL));
    bide_yield();
    return bide_to_thread(in_a_loop_of_a_thread, NULL, NULL);
}

static int run_two_loops(void *arg)
{
    return bide_run(two_loops, arg);
}

static void misuse(void **state)
{
    (void)state;
    check_aborts(run_two_loops, NULL, "of another loop waits for");
}

/* ---- random tasks, against a model in whole ticks ---- */

enum { CLIENTS = 6, TICKS = 16 }; /* ticks of a second */

struct client {
    struct bide_task *task;
    int arrives, cancelled;              /* in ticks; cancelled never: 0 */
    int expected, expected_at, code, at; /* hundredths of a tick */
};
static struct client clients[CLIENTS];
static int rate_ticks, burst;

TASK(be_a_client)
{
    struct client *client = arg;
    CHECK_INT(bide_sleep(client->arrives / (double)TICKS), 0);
    client->code = bide_limiter_acquire(&limiter);
    client->at = (int)lround(bide_time() * TICKS * 100);
    return 0;
}

/* One token each rate_ticks; cancels come half a tick later. */
static void predict(void)
{
    int tokens = burst * rate_ticks; /* in ticks */
    for (int now = 0; now < 4000; now++) {
        int first;
        do { /* the first in line: who came first, of those at one time the first one made */
            first = -1;
            for (int i = 0; i < CLIENTS; i++)
                if (clients[i].expected == -1 && clients[i].arrives <= now &&
                    (first < 0 || clients[i].arrives < clients[first].arrives))
                    first = i;
            if (first < 0 || tokens < rate_ticks) break;
            tokens -= rate_ticks;
            clients[first].expected = 0;
            clients[first].expected_at = now * 100;
        } while (first >= 0);
        for (int i = 0; i < CLIENTS; i++) {
            if (clients[i].expected != -1 || clients[i].cancelled != now || now == 0) continue;
            clients[i].expected = -ECANCELED;
            clients[i].expected_at = now * 100 + 50;
        }
        if (tokens < burst * rate_ticks) tokens++;
    }
}

TASK(run_clients)
{
    struct bide_group group;
    CHECK_INT(bide_limiter_init(&limiter, TICKS / (double)rate_ticks, (unsigned)burst), 0);
    BIDE_GROUP(group) {
        for (int i = 0; i < CLIENTS; i++)
            clients[i].task = bide_group_start(&group, be_a_client, &clients[i]);
        CHECK_INT(bide_sleep(0.5 / TICKS), 0);
        for (int now = 0; now < 200; now++) {
            for (int i = 0; i < CLIENTS; i++)
                if (clients[i].cancelled == now && now > 0) bide_cancel(clients[i].task);
            CHECK_INT(bide_sleep(1 / (double)TICKS), 0);
        }
    }
    return bide_group_result(&group);
}

static int draw(uint64_t *random, int n)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (int)((*random >> 33) % (uint64_t)n);
}

static void random_clients_agree_with_a_model(void **state)
{
    (void)state;
    const char *seeds = getenv("BIDE_SEEDS");
    const uint64_t n = seeds ? strtoull(seeds, NULL, 10) : (uint64_t)rounds(10000);
    for (uint64_t seed = 1; seed <= n; seed++) {
        uint64_t random = seed;
        rate_ticks = 1 + draw(&random, 12);
        burst = 1 + draw(&random, 3);
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = (struct client){.arrives = 2 * draw(&random, 8), .expected = -1};
            if (draw(&random, 3) == 0) clients[i].cancelled = clients[i].arrives + 1 + draw(&random, 40);
        }
        predict();
        assert_int_equal(check_run(run_clients, NULL), 0);
        for (int i = 0; i < CLIENTS; i++) {
            const struct client *client = &clients[i];
            if (client->code != client->expected || client->at != client->expected_at)
                fail_msg("seed %d: client %d gets %d at %d, not %d at %d", (int)seed, i, client->code,
                         client->at, client->expected, client->expected_at);
        }
    }
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
        RUN(a_burst_at_once_then_the_rate),
        RUN(bug_07_first_come_first_served_and_a_cancel_moves_the_line_up),
        RUN(bug_08_a_token_and_a_cancel_in_one_turn),
        RUN(it_checks_for_a_cancel_always),
        RUN(odd_and_high_rates),
        RUN(refusals),
        cmocka_unit_test(outside_and_in_one_loop_after_another),
        cmocka_unit_test(misuse),
        cmocka_unit_test(random_clients_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
