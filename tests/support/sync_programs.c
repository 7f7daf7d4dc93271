/* SPDX-License-Identifier: MIT */
/* Programs for the workers of sync_model.c: at random, or all of a size. */
#include "sanitizer.h"
#include "sync_world.h"

#include <stdlib.h>
#include <string.h>

/* ---- the controller ---- */

static void start(int who, int op)
{
    struct worker *worker = &sync_state.worker[who];
    worker->op = op;
    worker->stage = STARTS;
    sync_make_ready(who);
    wake(&worker->seat, 0);
}

static void cancel(int who)
{
    struct worker *worker = &sync_state.worker[who];
    worker->cancelled = true;
    bide_cancel(worker->task);
    if (worker->stage == WAITS) sync_state.kind->leave(who);
}

static void let_run(void)
{
    sync_make_ready(SYNC_CONTROLLER);
    bide_yield();
    if (!sync_state.failed) sync_runs(SYNC_CONTROLLER);
    if (!sync_state.failed && !sync_state.kind->agrees()) wrong("the object does not agree with the model");
}

/* ---- programs ---- */

struct option {
    int who;
    int op;
};

/* Those who have done nothing yet are alike, so of all programs only those are tried in which they begin in order. */
static bool may_act(int who)
{
    return sync_state.random || who == 0 || sync_state.used[who - 1];
}

/* All that could be done now, but for a yield. */
static int find_options(struct option *options)
{
    int n = 0;
    for (int op = 0; op < sync_state.kind->direct; op++) options[n++] = (struct option){SYNC_CONTROLLER, op};
    for (int who = 0; who < sync_state.workers && may_act(who); who++) {
        if (!sync_state.worker[who].cancelled) options[n++] = (struct option){who, CANCEL};
        if (sync_state.worker[who].stage != IDLE) continue;
        for (int op = 0; op < sync_state.kind->ops; op++)
            if (sync_state.kind->allowed(who, op)) options[n++] = (struct option){who, op};
    }
    return n;
}

static int draw(int n)
{
    sync_state.random ^= sync_state.random << 13;
    sync_state.random ^= sync_state.random >> 7;
    sync_state.random ^= sync_state.random << 17;
    return (int)((sync_state.random >> 16) % (uint64_t)n);
}

/* At random, or the next of all in turn. */
static int choose(int n)
{
    if (sync_state.random) return draw(n);
    if (sync_state.made >= MOST_CHOICES) {
        wrong("too many choices");
        return 0;
    }
    sync_state.options[sync_state.made] = n;
    return sync_state.choices[sync_state.made++];
}

/* Prepares the next of all programs; false: there are no more. */
static bool advance(void)
{
    while (sync_state.made > 0 &&
           sync_state.choices[sync_state.made - 1] + 1 >= sync_state.options[sync_state.made - 1])
        sync_state.choices[--sync_state.made] = 0;
    if (sync_state.made == 0) return false;
    sync_state.choices[sync_state.made - 1]++;
    sync_state.made = 0;
    return true;
}

static void act(struct option option)
{
    if (option.who < SYNC_WORKERS) sync_state.used[option.who] = true;
    if (option.op == YIELD) {
        let_run();
    } else if (option.op == CANCEL) {
        cancel(option.who);
    } else if (option.who < SYNC_WORKERS) {
        start(option.who, option.op);
    } else {
        sync_state.kind->begin(SYNC_CONTROLLER, option.op);
        (void)sync_state.kind->perform(SYNC_CONTROLLER, option.op); /* direct operations give nothing */
    }
}

/* Whoever waits is cancelled, what is held is given back, until all are idle. */
static void drain(void)
{
    bool busy = true;
    for (int round = 0; busy && !sync_state.failed; round++) {
        if (round == MOST_ROUNDS) wrong("does not come to an end");
        busy = false;
        for (int who = 0; who < sync_state.workers; who++) {
            const struct worker *worker = &sync_state.worker[who];
            const int op = worker->stage != IDLE ? -1 : sync_state.kind->drain(who);
            if (worker->stage == WAITS && !worker->cancelled) cancel(who);
            busy = busy || worker->stage != IDLE || op >= 0 || worker->cancelled;
            if (worker->stage == IDLE && (op >= 0 || worker->cancelled)) start(who, op >= 0 ? op : CLEAR);
        }
        let_run();
    }
}

/* One of the options, or a yield; false: there is nothing to do. */
static bool pick(struct option *picked)
{
    struct option options[MOST_OPTIONS];
    const int n = find_options(options);
    const bool can_yield = sync_state.head != sync_state.tail;
    options[n] = (struct option){SYNC_CONTROLLER, YIELD};
    if (n + can_yield == 0) return false;
    if (sync_state.random && can_yield && (n == 0 || draw(3) == 0))
        *picked = options[n];
    else
        *picked = options[choose(sync_state.random ? n : n + can_yield)];
    return true;
}

/* Yields are not counted: they come to an end by themselves. */
static void run_program(void)
{
    sync_state.programs++;
    memset(sync_state.used, 0, sizeof sync_state.used);
    sync_state.kind->reset(sync_state.workers);
    struct option option;
    for (int done = 0; done < sync_state.operations && !sync_state.failed && pick(&option);) {
        act(option);
        done += option.op != YIELD;
    }
    drain();
}

/* ---- running them ---- */

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

/* How much slower than a plain build on a plain machine this is, in orders of magnitude. */
static int slowness(void)
{
    return sanitizer_valgrind() || check_emulated() ? 2 : SANITIZER_FIBERS;
}

static int with_workers(bide_fn fn)
{
    for (int who = 0; who < SYNC_WORKERS; who++)
        CHECK(sync_state.worker[who].task = bide_create_task(sync_work, &sync_state.worker[who]));
    CHECK_INT(bide_yield(), 0);
    fn(NULL);
    CHECK(!sync_state.failed);
    for (int who = 0; who < SYNC_WORKERS; who++) {
        sync_state.worker[who].op = STOP;
        wake(&sync_state.worker[who].seat, 0);
        CHECK_INT(bide_await(sync_state.worker[who].task, NULL), 0);
    }
    return 0;
}

static int random_programs(void *arg)
{
    (void)arg;
    static const uint64_t usual[] = {10000, 3000, 500};
    const uint64_t first = number("BIDE_SEED", 1), seeds = number("BIDE_SEEDS", usual[slowness()]);
    for (sync_state.seed = first; sync_state.seed < first + seeds && !sync_state.failed; sync_state.seed++) {
        sync_state.random = sync_state.seed * 0x9e3779b97f4a7c15 + 1;
        sync_state.workers = 2 + draw(SYNC_WORKERS - 1);
        sync_state.operations = 1 + draw(MOST_STEPS);
        run_program();
    }
    return 0;
}

static int all_programs(void *arg)
{
    (void)arg;
    do run_program();
    while (!sync_state.failed && advance());
    return 0;
}

static int run_random(void *arg)
{
    (void)arg;
    return with_workers(random_programs);
}

static int run_all(void *arg)
{
    (void)arg;
    return with_workers(all_programs);
}

void sync_run_random(const struct sync_kind *kind)
{
    memset(&sync_state, 0, sizeof sync_state);
    sync_state.kind = kind;
    assert_int_equal(check_run(run_random, NULL), 0);
}

void sync_run_all(const struct sync_kind *kind, int workers, int operations)
{
    memset(&sync_state, 0, sizeof sync_state);
    sync_state.kind = kind;
    sync_state.workers = workers;
    sync_state.operations = operations - slowness();
    assert_int_equal(check_run(run_all, NULL), 0);
    if (getenv("BIDE_TRACE")) print_message("%s: %lu programs\n", kind->name, sync_state.programs);
}
