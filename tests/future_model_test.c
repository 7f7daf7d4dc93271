/* SPDX-License-Identifier: MIT */
/*
 * Random programs of futures against a model: some are set, cancelled, held and let go of, tasks wait for
 * them and are cancelled, callbacks are registered. What tasks and callbacks are told, and in which order, is
 * one list that the model foretells.
 *
 * BIDE_SEEDS says how many seeds, BIDE_SEED the first.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUTURES = 4, WAITERS = 60, CALLBACKS = 60, STEPS = 80, UNSET = -EINPROGRESS };

static uint64_t number;

static unsigned draw(unsigned below)
{
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    return (unsigned)(number >> 33) % below;
}

/* ---- the model ---- */

enum state { FRESH, WAITS, TOLD, OVER };

struct waiter {
    struct bide_task *task;
    struct bide_future *real;
    size_t future;
    enum state state;
    bool cancelled;
    int code, result; /* once TOLD */
};

struct future {
    struct bide_future *real;
    unsigned holders;
    int result;
    int callbacks[CALLBACKS]; /* their numbers */
    size_t n_callbacks;
    size_t line[WAITERS];
    size_t n_line;
};

static struct model {
    struct future futures[FUTURES];
    struct waiter waiters[WAITERS];
    size_t n_waiters;
    int n_callbacks;
    size_t ready[4 * WAITERS]; /* waiters, in the order in which they run */
    size_t n_ready;
    char trace[8192];
} model;

static void foretell(const char *format, int a, int b, int c)
{
    const size_t used = strlen(model.trace);
    snprintf(model.trace + used, sizeof model.trace - used, "%s", used ? " " : "");
    snprintf(model.trace + strlen(model.trace), sizeof model.trace - strlen(model.trace), format, a, b, c);
}

static void model_tell(size_t waiter, int code, int result)
{
    struct waiter *w = &model.waiters[waiter];
    w->state = TOLD;
    w->code = code;
    w->result = result;
    model.ready[model.n_ready++] = waiter;
}

static void model_set(struct future *future, int result)
{
    if (future->result != UNSET) return;
    future->result = result;
    for (size_t i = 0; i < future->n_line; i++) model_tell(future->line[i], 0, result);
    future->n_line = 0;
    for (size_t i = 0; i < future->n_callbacks; i++) foretell("call-%d:%d", future->callbacks[i], result, 0);
    future->n_callbacks = 0;
}

static void model_cancel(size_t waiter)
{
    struct waiter *w = &model.waiters[waiter];
    w->cancelled = true;
    if (w->state != WAITS) return;
    struct future *future = &model.futures[w->future];
    for (size_t i = 0; i < future->n_line; i++) {
        if (future->line[i] != waiter) continue;
        future->n_line--;
        memmove(&future->line[i], &future->line[i + 1], (future->n_line - i) * sizeof *future->line);
        break;
    }
    model_tell(waiter, -ECANCELED, 99);
}

/* A task's turn: it begins to wait, or says what it was told. */
static void model_run(size_t waiter)
{
    struct waiter *w = &model.waiters[waiter];
    struct future *future = &model.futures[w->future];
    if (w->state == FRESH && w->cancelled) {
        model_tell(waiter, -ECANCELED, 99); /* after the others' turn */
    } else if (w->state == FRESH && future->result == UNSET) {
        w->state = WAITS;
        future->line[future->n_line++] = waiter;
    } else {
        if (w->state == FRESH) w->code = 0, w->result = future->result;
        w->state = OVER;
        foretell("task-%d:%d:%d", (int)waiter, w->code, w->result);
    }
}

static void model_yield(void)
{
    size_t now[4 * WAITERS];
    const size_t n = model.n_ready;
    memcpy(now, model.ready, n * sizeof *now);
    model.n_ready = 0;
    for (size_t i = 0; i < n; i++) model_run(now[i]);
}

/* ---- the real one ---- */

static int wait_for_it(void *arg)
{
    const struct waiter *waiter = arg;
    int result = 99;
    const int code = bide_future_wait(waiter->real, &result);
    log_event("task-%d:%d:%d", (int)(waiter - model.waiters), code, result);
    return 0;
}

static void call(void *arg, struct bide_future *future)
{
    log_event("call-%d:%d", (int)(intptr_t)arg, bide_future_result(future));
}

static void renew(struct future *future)
{
    *future = (struct future){
        .real = draw(2) ? bide_future_new() : bide_future_new_threadsafe(), .holders = 1, .result = UNSET};
}

/* Has a task begun to wait for it, or may one still? Then its place must not be given to another. */
static bool is_awaited(size_t future)
{
    for (size_t i = 0; i < model.n_waiters; i++)
        if (model.waiters[i].state == FRESH && model.waiters[i].future == future) return true;
    return false;
}

static int start_waiter(size_t at)
{
    if (model.n_waiters == WAITERS) return 0;
    struct waiter *waiter = &model.waiters[model.n_waiters];
    *waiter = (struct waiter){.real = model.futures[at].real, .future = at};
    CHECK(waiter->task = bide_create_task(wait_for_it, waiter));
    model.ready[model.n_ready++] = model.n_waiters++;
    return 0;
}

static int cancel_waiter(void)
{
    const size_t at = model.n_waiters ? draw((unsigned)model.n_waiters) : 0;
    if (model.n_waiters == 0 || model.waiters[at].state == OVER) return 0;
    bide_cancel(model.waiters[at].task);
    model_cancel(at);
    return 0;
}

static int set(struct future *future)
{
    const int results[] = {0, 7, -EIO, -ECANCELED}, result = results[draw(4)];
    const bool first = future->result == UNSET;
    model_set(future, result);
    CHECK_INT(bide_future_set(future->real, result), first ? 0 : -EALREADY);
    CHECK_INT(bide_future_result(future->real), future->result);
    return 0;
}

static int add_callback(struct future *future)
{
    if (future->n_callbacks == CALLBACKS) return 0;
    const int nth = model.n_callbacks++;
    if (future->result == UNSET)
        future->callbacks[future->n_callbacks++] = nth;
    else
        foretell("call-%d:%d", nth, future->result, 0);
    CHECK_INT(bide_future_on_done(future->real, call, (void *)(intptr_t)nth), 0);
    return 0;
}

static void let_go(size_t at)
{
    struct future *future = &model.futures[at];
    if (future->holders == 1 && is_awaited(at)) return;
    if (--future->holders == 0) model_set(future, -ECANCELED);
    bide_future_free(future->real);
    if (future->holders == 0) renew(future);
}

static int step(void)
{
    const size_t at = draw(FUTURES);
    struct future *future = &model.futures[at];
    switch (draw(8)) {
    case 0: return set(future);
    case 1: model_set(future, -ECANCELED); return bide_future_cancel(future->real) < 0;
    case 2: future->holders++; return bide_future_hold(future->real) != future->real;
    case 3: let_go(at); return 0;
    case 4: return add_callback(future);
    case 5: return cancel_waiter();
    case 6: model_yield(); return bide_yield();
    default: return start_waiter(at);
    }
}

static int run_program(void *arg)
{
    (void)arg;
    memset(&model, 0, sizeof model);
    log_clear();
    for (int i = 0; i < FUTURES; i++) renew(&model.futures[i]);
    for (int i = 0; i < STEPS; i++) {
        CHECK_INT(step(), 0);
        CHECK_LOG(model.trace);
    }
    for (int i = 0; i < 3; i++) { /* whoever is left is told when all let go */
        for (size_t j = 0; i == 1 && j < FUTURES; j++) {
            model_set(&model.futures[j], -ECANCELED);
            while (model.futures[j].holders-- > 0) bide_future_free(model.futures[j].real);
        }
        model_yield();
        CHECK_INT(bide_yield(), 0);
    }
    CHECK_LOG(model.trace);
    for (size_t i = 0; i < model.n_waiters; i++) {
        CHECK_INT(model.waiters[i].state, OVER);
        CHECK_INT(bide_await(model.waiters[i].task, NULL), 0);
    }
    return 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t seed, end;

static void random_programs_do_as_the_model(void **state)
{
    (void)state;
    seed = from_environment("BIDE_SEED", 1);
    for (end = seed + from_environment("BIDE_SEEDS", 10000); seed < end; seed++) {
        number = seed * 0x9e3779b97f4a7c15u + 1;
        assert_int_equal(check_run(run_program, NULL), 0);
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
        cmocka_unit_test_teardown(random_programs_do_as_the_model, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
