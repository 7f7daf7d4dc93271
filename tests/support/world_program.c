/* SPDX-License-Identifier: MIT */
/* A random program: its options, and what must be so at its end. */
#include "world.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ACTIONS = 600 };

struct world world;
atomic_ulong world_seen[SEEN_EVENTS];
const char *const world_event_names[SEEN_EVENTS] = {
    [SEEN_BYTES] = "bytes read",
    [SEEN_BYTES_OF_THREADS] = "bytes sent by threads",
    [SEEN_ENDS_OF_STREAMS] = "ends of streams",
    [SEEN_BROKEN_STREAMS] = "broken streams",
    [SEEN_GIVEN_UP_MEANWHILE] = "descriptors given up while somebody waited",
    [SEEN_PARTLY_WRITTEN] = "write_all cut short in the middle",
    [SEEN_CONNECTIONS] = "connections",
    [SEEN_CUT_CONNECTS] = "connects cut short",
    [SEEN_JOBS] = "jobs",
    [SEEN_JOBS_CUT_LATE] = "jobs that ran on when the wait was cut short",
    [SEEN_JOBS_WITHDRAWN] = "jobs withdrawn",
    [SEEN_JOBS_REFUSED] = "jobs refused",
    [SEEN_CALLS_MADE] = "calls made",
    [SEEN_CALLS_CANCELLED] = "calls cancelled",
    [SEEN_CALLS_OF_THREADS] = "calls that threads asked for",
    [SEEN_CALLS_REFUSED] = "calls refused by a loop that ends",
    [SEEN_TASKS_OF_THREADS] = "tasks that threads started",
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void world_failed(const char *format, ...)
{
    pthread_mutex_lock(&lock);
    if (!world.failure[0]) {
        const int used = snprintf(world.failure, sizeof world.failure,
                                  "seed %llu, task '%s': ", (unsigned long long)world.seed,
                                  bide_task_name(bide_current_task()));
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(world.failure + used, sizeof world.failure - (size_t)used, format, arguments);
        va_end(arguments);
    }
    pthread_mutex_unlock(&lock);
}

int world_draw(uint64_t *random, int n)
{
    uint64_t x = *random += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (int)((x ^ (x >> 31)) % (uint64_t)n);
}

double world_ticks(uint64_t *random)
{
    return (world_draw(random, 7) - 1) * world.tick;
}

void world_check_cut(bool before, ssize_t code)
{
    WORLD_EXPECT(!before || is_cut(code), "cancelled before, but the call gave %zd", code);
    WORLD_EXPECT(!is_cut(code) || bide_cancelled(), "cut short with %zd, but the next call is not", code);
}

static void on_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    const int index = atoi(error->task);
    WORLD_EXPECT(index >= 0 && index < MOST_BODIES, "a failure of '%s'", error->task);
    struct body *body = &world.bodies[index];
    body->reported++;
    WORLD_EXPECT(body->ended && body->result == error->code, "%d is reported with %d", index, error->code);
    if (world_draw(&world.random, 3) == 0) world_cancel_any(&world.random);
}

static void check_bodies(void)
{
    int count = atomic_load(&world.body_count);
    if (count > MOST_BODIES) count = MOST_BODIES;
    WORLD_EXPECT(world.running_count == 0, "%d tasks are left", world.running_count);
    for (int i = 0; i < count; i++) {
        const struct body *body = &world.bodies[i];
        const bool failed = body->result < 0 && body->result != -ECANCELED;
        WORLD_EXPECT(body->started == body->ended && body->started == body->given,
                     "task %d: given %d, started %d, ended %d", i, body->given, body->started, body->ended);
        WORLD_EXPECT(body->kind == BODY_REMOTE ? body->reported <= failed
                                               : body->reported == (body->kind == BODY_ALONE && failed),
                     "task %d, result %d, was reported %u times", i, body->result, body->reported);
    }
}

static void world_init(uint64_t seed)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.random = seed * 0x9e3779b97f4a7c15U;
    world.listener = -1;
    world.actions = 20 + world_draw(&world.random, MOST_ACTIONS - 20);
}

struct body *world_begin(uint64_t seed, struct bide_options *options)
{
    world_init(seed);
    const bool is_real = world_draw(&world.random, 6) == 0;
    const int shuffled = world_draw(&world.random, 8);
    *options = (struct bide_options){.clock = is_real ? BIDE_CLOCK_MONOTONIC : BIDE_CLOCK_VIRTUAL,
                                     .shuffle_seed = shuffled ? seed : 0,
                                     .threads = (unsigned)world_draw(&world.random, 4),
                                     .stack_size = (size_t)256 * 1024,
                                     .on_error = on_error};
    world.tick = is_real ? 50e-6 : 1;
    world.limit = is_real ? 5e-3 : 300;
    world.fds = check_open_fds();
    struct body *first = world_body(&world.random, 0, BODY_MAIN);
    first->given = true;
    return first;
}

bool world_end(void)
{
    world_helpers_join();
    world_drain();
    world_halves_close();
    if (world.listener >= 0) close(world.listener);
    const int fds = check_open_fds();
    WORLD_EXPECT(fds == world.fds, "%d descriptors, not %d", fds, world.fds);
    check_bodies();
    world_check_calls();
    return !world.failure[0];
}

bool world_run(uint64_t seed)
{
    struct bide_options options;
    struct body *first = world_begin(seed, &options);
    const int result = bide_run_with(&options, world_body_main, first);
    WORLD_EXPECT(result == first->result, "bide_run gave %d, not %d", result, first->result);
    return world_end();
}
