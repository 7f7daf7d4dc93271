/* SPDX-License-Identifier: MIT */
/*
 * A pool of resources. What tasks wait for is a place: one of `max`, with an idle resource in it
 * or empty; who gets an empty one makes a resource there.
 *
 * Invariants
 *  - places taken + idle = size <= max. A place is taken from when a task gets it, while it checks, makes,
 *    uses and destroys a resource, until it is handed on or given up.
 *  - There is room among the idle ones for all that there are, so that giving back cannot fail.
 *  - While somebody stands in line nothing is idle and no place is free: what is given back or up
 *    goes to the first one, who keeps it even if cancelled in the same turn.
 */
#include "misuse.h"
#include "sys.h"
#include "waiters.h"

#include <bide/pool.h>
#include <errno.h>
#include <stdio.h>

struct bide_pool {
    struct bide_pool_options options;
    struct waiters waiters;
    size_t size;
    size_t idle;
    size_t room;      /* for idle ones */
    void **resources; /* the idle ones, the one that was given back last at the end */
    bool closing;
};

/* What a task waits for. */
struct place {
    struct wait wait;
    struct bide_pool *pool;
    void *resource;
    bool has_resource;
};

static void describe_place(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "waits for a resource of the pool at %p",
             (void *)CONTAINER(wait, struct place, wait)->pool);
}

static const struct wait_ops place_ops = {.drop = waiters_drop, .describe = describe_place};

/* The first in line gets the place. False if there is nobody. */
static bool hand_on(struct bide_pool *pool, void *resource, bool has_resource)
{
    struct wait *wait = waiters_pop(&pool->waiters);
    if (!wait) return false;
    struct place *place = CONTAINER(wait, struct place, wait);
    place->resource = resource;
    place->has_resource = has_resource;
    wake(wait, 0);
    return true;
}

/* A place without a resource is given up. */
static void give_up_place(struct bide_pool *pool)
{
    if (!hand_on(pool, NULL, false)) pool->size--;
}

static void destroy(struct bide_pool *pool, void *resource)
{
    if (pool->options.destroy) pool->options.destroy(pool->options.arg, resource);
}

/* Room for one more. */
static int make_room(struct bide_pool *pool)
{
    if (pool->size < pool->room) return 0;
    const size_t room = pool->room ? 2 * pool->room : 4;
    if (room > SIZE_MAX / sizeof(void *)) return -ENOMEM;
    void **resources = sys_realloc(pool->resources, room * sizeof *resources);
    if (!resources) return -ENOMEM;
    pool->resources = resources;
    pool->room = room;
    return 0;
}

static int get_place(struct bide_pool *pool, struct place *place)
{
    place->pool = pool;
    place->has_resource = false;
    if (pool->idle > 0) {
        place->resource = pool->resources[--pool->idle];
        place->has_resource = true;
        return 0;
    }
    if (pool->size < pool->options.max) {
        const int code = make_room(pool);
        if (code == 0) pool->size++;
        return code;
    }
    wait_init(&place->wait, &place_ops);
    return waiters_park(&pool->waiters, &place->wait);
}

/* Is the resource there good? Else the place is empty. Negative: this could not be found out. */
static int check(struct bide_pool *pool, struct place *place)
{
    if (!place->has_resource || !pool->options.check) return 0;
    if (pool->options.check(pool->options.arg, place->resource) >= 0) return 0;
    const int code = cancel_cut();
    if (code < 0) {
        bide_pool_release(pool, place->resource);
        return code;
    }
    place->has_resource = false;
    destroy(pool, place->resource);
    return 0;
}

int bide_pool_acquire(struct bide_pool *pool, void **resource)
{
    if (!task_current) return -EPERM;
    if (!pool || !resource) return -EINVAL;
    waiters_check(&pool->waiters, "pool", pool);
    int code = cancel_check();
    if (code < 0) return code;
    if (pool->closing) return -EPIPE;
    struct place place;
    code = get_place(pool, &place);
    if (code < 0) return code;
    code = check(pool, &place);
    if (code < 0) return code;
    if (!place.has_resource) code = pool->options.create(pool->options.arg, &place.resource);
    if (code < 0) {
        give_up_place(pool);
        return code;
    }
    *resource = place.resource;
    return 0;
}

/* Nothing is taken, or this one is not: what is given back twice would be used by two. */
static void check_taken(const struct bide_pool *pool, const void *resource)
{
    bool taken = pool->size > pool->idle;
    for (size_t i = 0; i < pool->idle && taken; i++) taken = pool->resources[i] != resource;
    if (!taken)
        misuse("%s%s%s gives the resource at %p back to the pool at %p, where it is",
               task_current ? "task '" : "what is no task", task_current ? task_name(task_current) : "",
               task_current ? "'" : "", resource, (const void *)pool);
}

void bide_pool_release(struct bide_pool *pool, void *resource)
{
    waiters_check(&pool->waiters, "pool", pool);
    check_taken(pool, resource);
    if (!hand_on(pool, resource, true)) pool->resources[pool->idle++] = resource;
}

void bide_pool_discard(struct bide_pool *pool, void *resource)
{
    waiters_check(&pool->waiters, "pool", pool);
    check_taken(pool, resource);
    destroy(pool, resource);
    give_up_place(pool);
}

size_t bide_pool_size(const struct bide_pool *pool)
{
    return pool ? pool->size : 0;
}

size_t bide_pool_idle(const struct bide_pool *pool)
{
    return pool ? pool->idle : 0;
}

struct bide_pool *bide_pool_new(const struct bide_pool_options *opt)
{
    bool sound = opt && opt->create && opt->max > 0;
    for (size_t i = 0; sound && i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        sound = !opt->reserved[i];
    struct bide_pool *pool = sound ? sys_alloc(sizeof *pool) : NULL;
    if (!pool) {
        errno = sound ? ENOMEM : EINVAL;
        return NULL;
    }
    *pool = (struct bide_pool){.options = *opt};
    return pool;
}

void bide_pool_free(struct bide_pool *pool)
{
    if (!pool) return;
    if (pool->size > pool->idle)
        misuse("the pool at %p is freed while %zu of its resources are in use or being made", (void *)pool,
               pool->size - pool->idle);
    pool->closing = true;
    while (pool->idle > 0) {
        void *resource = pool->resources[--pool->idle];
        destroy(pool, resource);
        pool->size--;
    }
    sys_free(pool->resources);
    sys_free(pool);
}
