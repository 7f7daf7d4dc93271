/* SPDX-License-Identifier: MIT */
/*
 * A pool of resources that are costly to make, such as connections to a database: made when
 * needed, used by one task at a time, kept for the next one, never more than a given number.
 */
#ifndef BIDE_POOL_H
#define BIDE_POOL_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_pool;

/*
 * What a pool is made of. The functions get `arg`; they run in the task that acquires or gives
 * back, and may wait.
 */
struct bide_pool_options {
    size_t max; /* how many resources there may be, those being made and destroyed included */
    /* Makes one: 0 with *resource, or a negative errno, which bide_pool_acquire then gives. */
    int (*create)(void *arg, void **resource);
    /* Frees one; or NULL. */
    void (*destroy)(void *arg, void *resource);
    /* Asked before one is used again: negative if it is broken: it is then replaced. NULL: none is. */
    int (*check)(void *arg, void *resource);
    void *arg;
    uint64_t reserved[4]; /* zero */
};

/*
 * Makes a pool, in which there is nothing yet. opt is copied.
 *
 *     const struct bide_pool_options options = {.max = 10, .create = log_in, .destroy = log_out};
 *     struct bide_pool *pool = bide_pool_new(&options);
 *     ...
 *     void *connection;
 *     int code = bide_pool_acquire(pool, &connection);
 *     if (code < 0) return code;
 *     code = query(connection);
 *     if (code == -EPIPE)
 *         bide_pool_discard(pool, connection);
 *     else
 *         bide_pool_release(pool, connection);
 *
 * Errors (NULL and errno): EINVAL for a NULL opt or create, a max of 0, or reserved words that are
 * not zero; ENOMEM.
 */
BIDE_API struct bide_pool *bide_pool_new(const struct bide_pool_options *opt);

/*
 * Takes a resource: the one that was given back last, or a new one, or else waits until another
 * task gives one back. First come, first served. May wait. A task that is cut short has taken
 * nothing; a check that was cut short counts for nothing, and its resource stays in the pool.
 * Returns 0 with *resource; -ECANCELED, -ETIMEDOUT, or what `create` failed with. Errors: -EPERM
 * outside a task, -EINVAL for NULL, -ENOMEM, -EPIPE for a pool that is being freed. A pool for
 * which tasks of another loop wait aborts.
 */
BIDE_API int bide_pool_acquire(struct bide_pool *pool, void **resource);

/*
 * Gives it back, to the task that has waited longest, or to be kept. Never waits. Giving back what
 * is already there, or more than was taken, aborts.
 */
BIDE_API void bide_pool_release(struct bide_pool *pool, void *resource);

/* Gives back one that is broken: destroys it, which may wait; in its place a new one may then be made. */
BIDE_API void bide_pool_discard(struct bide_pool *pool, void *resource);

/* How many resources there are, in use and being made included; and how many of them are idle. */
BIDE_API size_t bide_pool_size(const struct bide_pool *pool);
BIDE_API size_t bide_pool_idle(const struct bide_pool *pool);

/*
 * Destroys what is idle, which may wait, and frees the pool. NULL does nothing. A pool of which
 * something is in use, or for which a task waits, aborts.
 */
BIDE_API void bide_pool_free(struct bide_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
