/* SPDX-License-Identifier: MIT */
/* bide_create_task and bide_await, for each task; against flows that are begun and ended by hand. */
#include "minimal.h"

static int none(void *arg)
{
    (void)arg;
    return 0;
}

static int once(void *arg)
{
    (void)arg;
    return bide_yield();
}

struct batch {
    bide_fn fn;
    long size;
    long tasks; /* in all */
    double ns;  /* each */
};

static void round_trip(const struct batch *batch)
{
    struct bide_task *tasks[1000];
    for (long i = 0; i < batch->size; i++) tasks[i] = bide_create_task(batch->fn, NULL);
    for (long i = 0; i < batch->size; i++) must(bide_await(tasks[i], NULL) == 0, "bide_await");
}

static int run_batches(void *arg)
{
    struct batch *batch = arg;
    const long rounds = batch->tasks / batch->size;
    round_trip(batch);
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) round_trip(batch);
    batch->ns = (cpu_ns() - start) / (double)(rounds * batch->size);
    return 0;
}

static void measure(const char *name, bide_fn fn, long size, size_t alive)
{
    struct batch batch = {.fn = fn, .size = size, .tasks = scaled(3000000, 20000)};
    must(bide_run(run_batches, &batch) == 0, "bide_run");
    report_against(name, batch.ns, "ns", "minimal", minimal_spawn_ns(alive, batch.tasks));
}

int main(void)
{
    measure("spawn/one-by-one", none, 1, 1);
    measure("spawn/by-1000", none, 1000, 1);
    measure("spawn/1000-alive", once, 1000, 1000);
    return 0;
}
