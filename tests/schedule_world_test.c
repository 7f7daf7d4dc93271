/* SPDX-License-Identifier: MIT */
/*
 * Random programs by seed with descriptors, connections, threads and calls from other threads, in
 * tasks that are cancelled, timed out and shielded at random: nothing is lost, and each ends in the
 * zero state.
 *
 * BIDE_SEEDS says how many seeds, BIDE_SEED the first; with BIDE_TRACE it is printed how often what
 * happened. A seed fixes what is tried, not when threads run.
 */
#include "check.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE = 30, /* seconds for one program, which takes a few milliseconds */
    ENOUGH = 500   /* programs in which everything happens */
};

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* A program hangs: all that is allowed here is to say which. */
static void on_alarm(int signal)
{
    static const char words[] = "hangs: seed ";
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\n';
    for (uint64_t seed = world.seed; seed > 0; seed /= 10) digits[--at] = (char)('0' + seed % 10);
    if (write(STDERR_FILENO, words, sizeof words - 1) > 0 &&
        write(STDERR_FILENO, digits + at, sizeof digits - at) > 0)
        _exit(signal);
    _exit(1);
}

static void run_seeds(bool (*run)(uint64_t seed), uint64_t seeds)
{
    const uint64_t first = number("BIDE_SEED", 1);
    signal(SIGALRM, on_alarm);
    for (uint64_t i = 0; i < seeds; i++) {
        alarm(PATIENCE);
        if (!run(first + i)) fail_msg("%s", world.failure);
    }
    alarm(0);
}

static void random_worlds_end_in_the_zero_state(void **state)
{
    (void)state;
    const uint64_t seeds = number("BIDE_SEEDS", 1000);
    run_seeds(world_run, seeds);
    for (int event = 0; event < SEEN_EVENTS; event++) {
        const unsigned long n = atomic_load(&world_seen[event]);
        if (getenv("BIDE_TRACE")) print_message("%s: %lu\n", world_event_names[event], n);
        if (seeds >= ENOUGH && n == 0) fail_msg("never happened: %s", world_event_names[event]);
    }
}

/* All that is written is read, and nobody is forgotten. */
static void who_waits_is_woken(void **state)
{
    (void)state;
    run_seeds(world_flow_run, number("BIDE_SEEDS", 1000) / 4 + 1);
}

/* ---- what they have found ---- */

static void count(void *arg)
{
    ++*(int *)arg;
}

struct late {
    struct bide_loop *loop;
    int calls;
};

static int asks_for_a_call(void *arg)
{
    struct late *late = arg;
    return bide_call_soon(NULL, count, &late->calls);
}

static void *starts_a_task(void *arg)
{
    struct late *late = arg;
    bide_remote_free(bide_start_threadsafe(late->loop, asks_for_a_call, late));
    return NULL;
}

static int ends_while_a_letter_comes(void *arg)
{
    struct late *late = arg;
    pthread_t thread;
    late->loop = bide_current_loop();
    CHECK_INT(pthread_create(&thread, NULL, starts_a_task, late), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    return 0;
}

/* A task that another thread started last asks for a call: that is due at once, and made. */
static void the_last_task_asks_for_a_call(void **state)
{
    (void)state;
    struct late late = {0};
    assert_int_equal(check_run(ends_while_a_letter_comes, &late), 0);
    assert_int_equal(late.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_worlds_end_in_the_zero_state),
        cmocka_unit_test(who_waits_is_woken),
        cmocka_unit_test(the_last_task_asks_for_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
