/* SPDX-License-Identifier: MIT */
/*
 * Random tasks that share generators, which ask each other, wait, hold scopes and groups open, fail,
 * are closed early or left to the loop. Each generator counts: whoever asks must get the next number,
 * whoever asked before. The tools that watch memory see the rest.
 */
#include "check.h"

#include <stdlib.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

enum { GENS = 5, TASKS = 6 };

static struct shared {
    struct bide_gen *gen; /* NULL: closed */
    intptr_t given;       /* the last number */
    intptr_t got;
    bool ended;
} shared[GENS];

static uint64_t state_of_random;
static int values, ends, busy, deadlocks, closed, cuts; /* in all programs */

static int draw(int n)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return (int)((state_of_random >> 33) % (uint64_t)n);
}

static int ask(struct shared *one)
{
    void *value = NULL;
    if (!one->gen) return 0;
    const int code = bide_gen_next(one->gen, &value);
    if (code == -EBUSY) {
        busy++;
    } else if (code == -EDEADLK) {
        deadlocks++;
    } else if (code > 0) {
        values++;
        CHECK_INT((intptr_t)value, one->got + 1);
        one->got++;
    } else {
        ends++;
        CHECK(one->ended && one->given == one->got);
    }
    return 0;
}

/* Its own next number; true: it is being closed. */
static bool give(struct shared *self)
{
    self->given++;
    const int code = bide_yield_value((void *)self->given);
    if (code == 0) return false;
    self->given--;
    if (code != -ECANCELED) check_failed(__FILE__, __LINE__, "a value gives %d", code);
    return true;
}

static bool act(struct shared *self, int depth);

TASK(nap)
{
    return bide_sleep(draw(3)) < 0 ? -ECANCELED : draw(3) - 1;
}

static bool act_in_block(struct shared *self, int depth)
{
    bool over = false;
    struct bide_group group;
    switch (draw(3)) {
    case 0: BIDE_TIMEOUT(draw(5)) { over = act(self, depth + 1);
        }
        break;
    case 1: BIDE_SHIELD(draw(3)) { over = act(self, depth + 1);
        }
        break;
    default:
        BIDE_GROUP(group) {
            for (int i = draw(3); i >= 0; i--) bide_group_start(&group, nap, NULL);
            over = act(self, depth + 1);
            if (over) break;
        }
    }
    return over;
}

static bool act(struct shared *self, int depth)
{
    bool over = false;
    for (int n = draw(4); n >= 0 && !over; n--) {
        const int action = draw(8);
        if (action < 3)
            over = give(self);
        else if (action == 3)
            cuts += bide_sleep(draw(3)) < 0;
        else if (action == 4)
            (void)ask(&shared[draw(GENS)]);
        else if (depth < 4)
            over = act_in_block(self, depth);
    }
    return over;
}

TASK(generate)
{
    struct shared *self = arg;
    (void)act(self, 0);
    if (self->given == self->got) self->ended = true;
    return draw(4) ? 0 : bide_fail(EIO, "generator %d", draw(10));
}

TASK(user)
{
    for (int n = draw(12); n >= 0; n--) {
        struct shared *one = &shared[draw(GENS)];
        if (draw(4) == 0) (void)bide_sleep(draw(3));
        BIDE_TIMEOUT(draw(8)) {
            CHECK_INT(ask(one), 0);
        }
    }
    return 0;
}

TASK(share_generators)
{
    struct bide_group group;
    struct bide_task *tasks[TASKS];
    for (int i = 0; i < GENS; i++) shared[i] = (struct shared){.gen = bide_gen_new(generate, &shared[i])};
    BIDE_GROUP(group) {
        for (int i = 0; i < TASKS; i++) tasks[i] = bide_group_start(&group, user, NULL);
        for (int i = draw(3); i > 0; i--) {
            (void)bide_sleep(draw(5));
            bide_cancel(tasks[draw(TASKS)]);
        }
    }
    /* Nobody runs any of them any more; those that stand still may be closed, or left to the loop. */
    for (int i = 0; i < GENS; i++) {
        if (draw(3) == 0) continue;
        struct bide_gen *gen = shared[i].gen;
        shared[i].gen = NULL;
        const int code = bide_gen_close(gen);
        CHECK(code == 0 || code == -EIO);
        closed++;
    }
    return bide_group_result(&group);
}

/* Of generators that the loop has closed. */
static void ignore(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->code != -EIO) check_failed(__FILE__, __LINE__, "%s", error->text);
}

static void random_tasks_share_generators(void **state)
{
    (void)state;
    const char *seeds = getenv("BIDE_SEEDS");
    const uint64_t n = seeds ? strtoull(seeds, NULL, 10) : (uint64_t)rounds(10000);
    for (uint64_t seed = 1; seed <= n; seed++) {
        state_of_random = seed;
        const struct bide_options options = {
            .clock = BIDE_CLOCK_VIRTUAL, .on_error = ignore, .shuffle_seed = seed % 2 ? seed : 0};
        const int code = check_run_with(&options, share_generators, NULL);
        if (code != 0) fail_msg("seed %d: %d", (int)seed, code);
    }
    assert_true(values > 0 && ends > 0 && busy > 0 && deadlocks > 0 && closed > 0 && cuts > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_tasks_share_generators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
