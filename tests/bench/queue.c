/* SPDX-License-Identifier: MIT */
/*
 * A message from one task to another through a queue: to and fro between two of them, and along a
 * pipeline whose queue holds none, or 128. Against the switches between flows that each needs, by hand.
 */
#include "minimal.h"

struct pipes {
    struct bide_queue *there;
    struct bide_queue *back;
    long messages;
    double ns;
};

static int echo(void *arg)
{
    const struct pipes *pipes = arg;
    uint64_t item;
    while (bide_queue_get(pipes->there, &item) == 0) bide_queue_put(pipes->back, &item);
    return 0;
}

static int play(void *arg)
{
    struct pipes *pipes = arg;
    const long rounds = pipes->messages / 2;
    struct bide_task *other = bide_create_task(echo, pipes);
    uint64_t sum = 0, item = 0;
    bide_yield();
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) {
        bide_queue_put(pipes->there, &item);
        bide_queue_get(pipes->back, &item);
        sum += item++;
    }
    pipes->ns = (cpu_ns() - start) / (double)(rounds * 2);
    must(sum == (uint64_t)rounds * (uint64_t)(rounds - 1) / 2, "the sum");
    bide_queue_shutdown(pipes->there, false);
    return bide_await(other, NULL);
}

static int produce(void *arg)
{
    const struct pipes *pipes = arg;
    for (uint64_t i = 0; i < (uint64_t)pipes->messages; i++) bide_queue_put(pipes->there, &i);
    bide_queue_shutdown(pipes->there, false);
    return 0;
}

static int consume(void *arg)
{
    struct pipes *pipes = arg;
    struct bide_task *producer = bide_create_task(produce, pipes);
    uint64_t sum = 0, item;
    const double start = cpu_ns();
    while (bide_queue_get(pipes->there, &item) == 0) sum += item;
    pipes->ns = (cpu_ns() - start) / (double)pipes->messages;
    must(sum == (uint64_t)pipes->messages * (uint64_t)(pipes->messages - 1) / 2, "the sum");
    return bide_await(producer, NULL);
}

static void measure(const char *name, bide_fn fn, size_t capacity)
{
    struct pipes pipes = {.messages = scaled(20000000, 200000)};
    pipes.there = bide_queue_new(sizeof(uint64_t), capacity);
    pipes.back = bide_queue_new(sizeof(uint64_t), capacity);
    must(pipes.there && pipes.back, "bide_queue_new");
    must(bide_run(fn, &pipes) == 0, "bide_run");
    bide_queue_free(pipes.there);
    bide_queue_free(pipes.back);
    report_against(name, pipes.ns, "ns", "minimal", minimal_ring_ns(minimal_baseline, 2, pipes.messages));
}

int main(void)
{
    measure("queue/ping-pong", play, 1);
    measure("queue/0", consume, 0);
    measure("queue/128", consume, 128);
    return 0;
}
