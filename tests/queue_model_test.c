/* SPDX-License-Identifier: MIT */
/*
 * Random programs by seed: tasks that put, get, select, join, shut down and cancel each other at every
 * step, on queues of each kind and of small capacities, against a plain model (support/queue_model).
 *
 * BIDE_SEEDS says how many seeds for each kind, BIDE_SEED the first. Odd ones draw the order of ready tasks.
 */
#include "queue_model.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 12, PATIENCE = 1000 };

static struct model model;
static uint64_t state;
static int tasks;

static unsigned draw(unsigned below)
{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state >> 20) % below;
}

static void cancel_one(void)
{
    const int task = (int)draw((unsigned)tasks);
    if (!model.tasks[task].ended) model_cancel(&model, task);
}

static void step(int task)
{
    const int queue = (int)draw(MODEL_QUEUES), key = (int)draw(4);
    switch (draw(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: model_put(&model, task, queue, key); return;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: model_get(&model, task, queue); return;
    case 10:
    case 11: model_put_nowait(&model, queue, key); return;
    case 12:
    case 13: model_get_nowait(&model, queue); return;
    case 14:
    case 15:
    case 16: model_select(&model, task, key & 1, key); return;
    case 17:
    case 18:
    case 19: cancel_one(); return;
    case 20: model_join(&model, task, queue); return;
    case 21: model_done(&model, queue); return;
    case 22:
        if (draw(8) == 0) model_shutdown(&model, queue, key & 1);
        return;
    default: model_yield(&model, task); return;
    }
}

static int worker(void *arg)
{
    const int task = *(const int *)arg;
    for (int i = 0; i < STEPS && !model.failure[0]; i++) step(task);
    model.tasks[task].ended = true;
    return 0;
}

/* Whenever nobody can go on, one is cancelled. */
static int supervise(void *arg)
{
    int numbers[MODEL_TASKS];
    (void)arg;
    for (int i = 0; i < tasks; i++) {
        numbers[i] = i;
        model.tasks[i].real = bide_create_task(worker, &numbers[i]);
    }
    for (int left = PATIENCE;; left--) {
        int living = 0, first = -1;
        for (int i = tasks; i-- > 0;)
            if (!model.tasks[i].ended) living++, first = i;
        if (living == 0) break;
        if (left == 0) return -EBUSY;
        (void)bide_sleep(1); /* which comes when all the others wait */
        if (!model.tasks[first].ended) model_cancel(&model, first);
    }
    for (int i = 0; i < tasks; i++) (void)bide_await(model.tasks[i].real, NULL);
    for (int i = 0; i < MODEL_QUEUES; i++) model_close(&model, i);
    return 0;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run_seed(enum model_kind kind, uint64_t seed)
{
    static const size_t capacities[] = {0, 1, 2, 3, 5, BIDE_UNBOUNDED}, sizes[] = {8, 12, 16, 37};
    memset(&model, 0, sizeof model);
    state = (seed + 1) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 8; i++) (void)draw(2); /* small seeds begin alike */
    tasks = 2 + (int)draw(MODEL_TASKS - 1);
    for (int i = 0; i < MODEL_QUEUES; i++) model_open(&model, i, kind, capacities[draw(6)], sizes[draw(4)]);
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .shuffle_seed = seed & 1 ? seed : 0};
    const int code = bide_run_with(&options, supervise, NULL);
    if (model.failure[0] || code < 0)
        fail_msg("kind %d, seed %llu: %s (%d)", (int)kind, (unsigned long long)seed, model.failure, code);
}

static void random_programs_do_as_the_model(void **kind)
{
    const uint64_t first = number("BIDE_SEED", 1), seeds = number("BIDE_SEEDS", 10000);
    for (uint64_t i = 0; i < seeds; i++) run_seed(*(const enum model_kind *)*kind, first + i);
}

static enum model_kind kinds[] = {MODEL_FIFO, MODEL_LIFO, MODEL_PRIORITY};

#define OF_KIND(name, kind)                                                                                  \
    ((struct CMUnitTest){name, random_programs_do_as_the_model, NULL, NULL, &kinds[kind]})

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_KIND("bug_07_08_09_random_programs_first_in_first_out", MODEL_FIFO),
        OF_KIND("bug_07_08_09_random_programs_last_in_first_out", MODEL_LIFO),
        OF_KIND("bug_07_08_09_random_programs_least_first", MODEL_PRIORITY),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
