/* SPDX-License-Identifier: MIT */
/* Task locals of random tasks, against a model; and without memory. */
#include "check.h"
#include "sweep.h"

#include <stdlib.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

/* ---- random tasks: a plain table for each is the model ---- */

enum { LOCALS = 3, DEEP = 4 };
static struct bide_local some[LOCALS];
static int alive; /* values that were set and not destroyed */

static void count_destroyed(void *value)
{
    alive--;
    free(value);
}

struct model {
    int values[LOCALS];
    uint64_t random;
    int depth;
};

static int draw(struct model *model, int n)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return (int)((model->random >> 33) % (uint64_t)n);
}

static int agrees(const struct model *model)
{
    for (int i = 0; i < LOCALS; i++) {
        const int *value = bide_local_get(&some[i]);
        CHECK_INT(value ? *value : 0, model->values[i]);
    }
    return 0;
}

static int set_one(struct model *model, struct bide_local_token *token, int *which)
{
    int *value = malloc(sizeof *value);
    *which = draw(model, LOCALS);
    model->values[*which] = *value = 1 + draw(model, 1000);
    alive++;
    return bide_local_set(&some[*which], value, token);
}

static struct bide_group random_tasks;

TASK(random_task)
{
    struct model model = *(struct model *)arg;
    struct bide_local_token token;
    int which = 0, former = 0;
    bool has_token = false;
    CHECK_INT(agrees(&model), 0);
    for (int n = draw(&model, 12); n > 0; n--) {
        const int action = draw(&model, 5);
        struct model child = model;
        child.depth++;
        child.random ^= 0x9e3779b97f4a7c15u;
        if (action == 0) CHECK_INT(bide_sleep(draw(&model, 3)), 0);
        if (action == 1) {
            CHECK_INT(set_one(&model, NULL, &which), 0);
            has_token = false;
        }
        if (action == 2) {
            struct model before = model;
            CHECK_INT(set_one(&model, &token, &which), 0);
            former = before.values[which];
            has_token = true;
        }
        if (action == 3 && has_token) {
            CHECK_INT(bide_local_reset(&token), 0);
            model.values[which] = former;
            has_token = false;
        }
        if (action == 4 && model.depth < DEEP) {
            CHECK_INT(bide_group_spawn(&random_tasks, random_task, &child), 0);
            CHECK_INT(bide_yield(), 0); /* it copies its model */
        }
        CHECK_INT(agrees(&model), 0);
    }
    return 0;
}

TASK(run_random_tasks)
{
    BIDE_GROUP(random_tasks) {
        CHECK(bide_group_start(&random_tasks, random_task, arg));
    }
    return bide_group_result(&random_tasks);
}

static void random_tasks_agree_with_a_model(void **state)
{
    (void)state;
    const char *seeds = getenv("BIDE_SEEDS");
    const uint64_t n = seeds ? strtoull(seeds, NULL, 10) : (uint64_t)rounds(10000);
    for (int i = 0; i < LOCALS; i++) some[i].destroy = count_destroyed;
    for (uint64_t seed = 1; seed <= n; seed++) {
        struct model model = {.random = seed};
        if (check_run(run_random_tasks, &model) != 0) fail_msg("seed %d", (int)seed);
        if (alive != 0) fail_msg("seed %d: %d values are left", (int)seed, alive);
    }
}

/* ---- faults ---- */

static struct bide_local user, plain;

TASK(nap)
{
    return bide_sleep(1);
}

TASK(set_under_faults)
{
    int code = 0;
    struct bide_local_token token;
    sweep_note(&code, bide_local_set(&plain, &token, NULL));
    sweep_note(&code, bide_local_set(&user, "ann", &token));
    const int set_code = code;
    struct bide_task *task = bide_create_task(nap, NULL);
    sweep_note(&code, bide_local_set(&plain, NULL, NULL));
    if (set_code == 0) sweep_note(&code, bide_local_reset(&token));
    sweep_note(&code, bide_await(task, NULL));
    return code;
}

SWEEP(set_under_faults, .clock = BIDE_CLOCK_VIRTUAL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_tasks_agree_with_a_model),
        SWEEP_TEST(every_fault_of_set_under_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
