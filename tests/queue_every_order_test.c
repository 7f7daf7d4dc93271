/* SPDX-License-Identifier: MIT */
/*
 * Every order in which up to three tasks take six steps on one queue of capacity 0, 1 or 2: a step is
 * a put, a get, or a cancel of that task. All of them, against the model (support/queue_model). Steps
 * follow each other within a turn, so a cancel may come between a hand-over and the next run of
 * whoever got it.
 */
#include "queue_model.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 6, TASKS = 3, PUT = 0, GET, CANCEL, VERBS, CHOICES = TASKS * VERBS, END };

static struct model model;
static int orders[TASKS]; /* what each task is to do next, plus 1 */
static int steps[STEPS];  /* task * VERBS + verb */
static size_t sequences;

static int worker(void *arg)
{
    const int task = *(const int *)arg;
    for (;;) {
        while (orders[task] == 0) (void)bide_yield(); /* fails while cancelled, but lets others run */
        const int verb = orders[task] - 1;
        orders[task] = 0;
        if (verb == PUT)
            model_put(&model, task, 0, model.numbers % 3);
        else if (verb == GET)
            model_get(&model, task, 0);
        else
            return 0;
    }
}

/* False: it is not possible, as the task waits, or nothing new, as it is cancelled already. */
static bool take_step(int step)
{
    const int task = step / VERBS, verb = step % VERBS;
    if (verb == CANCEL) {
        if (model.tasks[task].cancels) return false;
        model_cancel(&model, task);
        return true;
    }
    if (model.tasks[task].waits || orders[task]) return false;
    orders[task] = verb + 1;
    (void)bide_yield();
    return true;
}

/* Takes the steps, then ends all waits. How many were possible. */
static int play(enum model_kind kind, size_t capacity)
{
    int taken = 0;
    model_open(&model, 0, kind, capacity, 8);
    while (taken < STEPS && take_step(steps[taken])) taken++;
    for (int round = 0; round < 2; round++) {
        for (int task = 0; task < TASKS; task++)
            if (model.tasks[task].waits) model_cancel(&model, task);
        for (int i = 0; i < 3; i++) (void)bide_yield();
    }
    for (int task = 0; task < TASKS; task++)
        while (model.tasks[task].cancels && model.tasks[task].waits == false && !model.failure[0]) {
            orders[task] = GET + 1; /* is refused, and takes the cancels back */
            while (orders[task] || model.tasks[task].cancels) (void)bide_yield();
        }
    model_close(&model, 0);
    return taken;
}

/* The next sequence in order, past all that begin with steps that were not possible; false: there is none. */
static bool advance(int taken)
{
    int at = taken < STEPS ? taken : STEPS - 1;
    for (int i = at + 1; i < STEPS; i++) steps[i] = 0;
    while (at >= 0 && ++steps[at] == CHOICES) steps[at--] = 0;
    return at >= 0;
}

/* Tasks are alike, so the first to act may always be the first, and so on. */
static bool is_new(void)
{
    int known = 0;
    for (int i = 0; i < STEPS; i++) {
        if (steps[i] / VERBS > known) return false;
        if (steps[i] / VERBS == known) known++;
    }
    return true;
}

static void tell(char *text, size_t size)
{
    static const char *const verbs[] = {"puts", "gets", "is cancelled"};
    size_t used = (size_t)snprintf(text, size, "%s:", model.failure);
    for (int i = 0; i < STEPS && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, " %d %s,", steps[i] / VERBS, verbs[steps[i] % VERBS]);
}

struct plan {
    enum model_kind kind;
    size_t capacity;
};

static int play_all(void *arg)
{
    const struct plan *plan = arg;
    int numbers[TASKS];
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        model.tasks[i].real = bide_create_task(worker, &numbers[i]);
    }
    (void)bide_yield();
    for (bool more = true; more && !model.failure[0];) {
        int taken = STEPS;
        if (is_new()) {
            taken = play(plan->kind, plan->capacity);
            sequences++;
            if (model.failure[0]) break;
        }
        more = advance(taken);
    }
    for (int i = 0; i < TASKS; i++) {
        orders[i] = END + 1;
        (void)bide_await(model.tasks[i].real, NULL);
    }
    return 0;
}

static void every_order(void **state)
{
    const struct plan *plan = *state;
    memset(&model, 0, sizeof model);
    memset(steps, 0, sizeof steps);
    memset(orders, 0, sizeof orders);
    sequences = 0;
    const int code = check_run(play_all, *state);
    char text[512];
    tell(text, sizeof text);
    if (model.failure[0] || code < 0) fail_msg("capacity %zu: %s", plan->capacity, text);
    print_message("%zu sequences\n", sequences);
    assert_true(sequences > 20000);
}

static struct plan plans[] = {{MODEL_FIFO, 0}, {MODEL_FIFO, 1},     {MODEL_FIFO, 2},
                              {MODEL_LIFO, 2}, {MODEL_PRIORITY, 2}, {MODEL_PRIORITY, 1}};

#define EVERY(name, plan) ((struct CMUnitTest){name, every_order, NULL, NULL, &plans[plan]})

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY("bug_07_08_09_every_order_capacity_0", 0),
        EVERY("bug_07_08_09_every_order_capacity_1", 1),
        EVERY("bug_07_08_09_every_order_capacity_2", 2),
        EVERY("bug_07_08_09_every_order_last_in_first_out", 3),
        EVERY("bug_07_08_09_every_order_least_first", 4),
        EVERY("bug_07_08_09_every_order_least_first_capacity_1", 5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
