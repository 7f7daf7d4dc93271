/* SPDX-License-Identifier: MIT */
/*
 * Futures, set and waited for: by one task; by two, which take turns; and their whole life from new to free,
 * against the hand-minimal switch. bide_as_completed, for each task: created, given out and awaited; against
 * the same without it.
 */
#include "minimal.h"

enum { BATCH = 100 }; /* futures that are made before it is measured what is done with them */

struct run {
    long n;
    double ns; /* each */
};

static int whole_life(void *arg)
{
    struct run *run = arg;
    int result;
    const double start = cpu_ns();
    for (long i = 0; i < run->n; i++) {
        struct bide_future *future = bide_future_new();
        must(bide_future_set(future, 1) == 0, "bide_future_set");
        must(bide_future_wait(future, &result) == 0, "bide_future_wait");
        bide_future_free(future);
    }
    run->ns = (cpu_ns() - start) / (double)run->n;
    return 0;
}

static struct bide_future *futures[BATCH];

static int set_then_wait(void)
{
    int result;
    for (int i = 0; i < BATCH; i++) {
        must(bide_future_set(futures[i], 1) == 0, "bide_future_set");
        must(bide_future_wait(futures[i], &result) == 0, "bide_future_wait");
    }
    return 0;
}

static int set_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < BATCH; i++) {
        must(bide_future_set(futures[i], 1) == 0, "bide_future_set");
        must(bide_yield() == 0, "bide_yield");
    }
    return 0;
}

static int wait_then_set(void)
{
    int result;
    struct bide_task *setter = bide_create_task(set_all, NULL);
    for (int i = 0; i < BATCH; i++) must(bide_future_wait(futures[i], &result) == 0, "bide_future_wait");
    return bide_await(setter, NULL);
}

static void run_batches(struct run *run, int (*batch)(void))
{
    double ns = 0;
    const long rounds = run->n / BATCH;
    for (long i = 0; i < rounds; i++) {
        for (int j = 0; j < BATCH; j++) futures[j] = bide_future_new();
        const double start = cpu_ns();
        must(batch() == 0, "bide_await");
        ns += cpu_ns() - start;
        for (int j = 0; j < BATCH; j++) bide_future_free(futures[j]);
    }
    run->ns = ns / (double)(rounds * BATCH);
}

static int run_set_then_wait(void *arg)
{
    run_batches(arg, set_then_wait);
    return 0;
}

static int run_wait_then_set(void *arg)
{
    run_batches(arg, wait_then_set);
    return 0;
}

static void measure_futures(void)
{
    struct run run = {.n = scaled(5000000, 20000)};
    must(bide_run(run_set_then_wait, &run) == 0, "bide_run");
    report_against("future/set-then-wait", run.ns, "ns", "switch", minimal_switch_ns());
    must(bide_run(run_wait_then_set, &run) == 0, "bide_run");
    report_against("future/wait-then-set", run.ns, "ns", "switch", minimal_switch_ns());
    must(bide_run(whole_life, &run) == 0, "bide_run");
    report_against("future/whole-life", run.ns, "ns", "switch", minimal_switch_ns());
}

/* ---- the order of completion ---- */

struct batch {
    struct bide_task **tasks;
    size_t n;
    bool in_order;
    double ns; /* each */
};

static int none(void *arg)
{
    (void)arg;
    return 0;
}

static void take_in_order(const struct batch *batch)
{
    struct bide_completions *completions = bide_as_completed(batch->tasks, batch->n);
    struct bide_task *task;
    while (bide_next(completions, &task) > 0) must(bide_await(task, NULL) == 0, "bide_await");
    bide_completions_free(completions);
}

static int run_batch(void *arg)
{
    struct batch *batch = arg;
    const long rounds = scaled(2000000, 100000) / (long)batch->n;
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) {
        for (size_t j = 0; j < batch->n; j++) batch->tasks[j] = bide_create_task(none, NULL);
        if (batch->in_order)
            take_in_order(batch);
        else
            for (size_t j = 0; j < batch->n; j++) must(bide_await(batch->tasks[j], NULL) == 0, "bide_await");
    }
    batch->ns = (cpu_ns() - start) / (double)((size_t)rounds * batch->n);
    return 0;
}

static void measure_batch(size_t n)
{
    char name[64];
    struct batch ordered = {.n = n, .in_order = true}, plain = {.n = n};
    ordered.tasks = plain.tasks = calloc(n, sizeof *plain.tasks);
    must(plain.tasks != NULL, "calloc");
    must(bide_run(run_batch, &plain) == 0, "bide_run");
    must(bide_run(run_batch, &ordered) == 0, "bide_run");
    free(plain.tasks);
    snprintf(name, sizeof name, "as-completed/%zu", n);
    report_against(name, ordered.ns, "ns", "await", plain.ns);
}

int main(void)
{
    measure_futures();
    for (size_t n = 1000; n <= 100000; n *= 10) measure_batch(n);
    return 0;
}
