/* SPDX-License-Identifier: MIT */
/*
 * Queues: items passed from task to task, by value (asyncio.Queue). A full queue makes who puts
 * wait, an empty one who gets; both are served first come, first served. An item goes straight to
 * a task that waits for one, and stays given even if that task is cancelled in the same turn: no
 * item is ever lost.
 *
 * A queue may be made anywhere, and belongs to the loop whose tasks wait for it. Using it from
 * another one meanwhile aborts the program. It is no bridge between threads.
 */
#ifndef BIDE_QUEUE_H
#define BIDE_QUEUE_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_queue;

/* A capacity without limit: such a queue grows as it needs, and gives memory back when it is empty. */
#define BIDE_UNBOUNDED ((size_t)-1)

/*
 * Makes a queue of items of that many bytes each, first in, first out. To be freed by
 * bide_queue_free.
 *
 *     struct bide_queue *queue = bide_queue_new(sizeof(struct job), 16);
 *     struct job job = {...};
 *     int code = bide_queue_put(queue, &job);      // copies it, waits while 16 are there
 *     ...
 *     code = bide_queue_get(queue, &job);          // waits while there is none
 *
 * capacity: how many items it holds; BIDE_UNBOUNDED, or 0 for a rendezvous: a put returns when a
 * get has taken its item (asyncio's Queue(0) is BIDE_UNBOUNDED here). Memory for the whole capacity
 * is set aside at once, and not touched before it is used: putting and getting never allocate then.
 * Errors (NULL and errno): EINVAL for a size of 0 or a capacity that overflows, ENOMEM.
 */
BIDE_API struct bide_queue *bide_queue_new(size_t item_size, size_t capacity);

/* The same, last in, first out (asyncio.LifoQueue). */
BIDE_API struct bide_queue *bide_lifo_queue_new(size_t item_size, size_t capacity);

/*
 * The same, the least item first; of equal ones that which was put first (asyncio.PriorityQueue).
 * compare: as for qsort; it must not wait, nor use the queue. Items that need more alignment than
 * malloc gives are not aligned when it sees them. Errors: EINVAL also for a NULL compare.
 */
BIDE_API struct bide_queue *bide_priority_queue_new(size_t item_size, size_t capacity,
                                                    int (*compare)(const void *, const void *));

/*
 * Puts a copy of *item into the queue, waiting while it is full. May wait. When cut short nothing
 * was put; an item that was taken in the same turn stays taken: the call succeeds, and the next one
 * fails. With room at hand it does not switch. Returns 0. Errors: -EPIPE if the queue was shut down,
 * also meanwhile; -ENOMEM, of an unbounded one only; -EINVAL for NULL; -EPERM.
 */
BIDE_API int bide_queue_put(struct bide_queue *queue, const void *item);

/*
 * Takes the next item into *item, waiting while there is none. May wait. When cut short no item was
 * taken; one that was handed over in the same turn stays given: the call succeeds, and the next one
 * fails. With an item at hand it does not switch. Returns 0. Errors: -EPIPE if the queue was shut
 * down, also meanwhile, and is empty; -EINVAL for NULL; -EPERM.
 */
BIDE_API int bide_queue_get(struct bide_queue *queue, void *item);

/*
 * The same without waiting: usable outside of tasks too, and while cancelled. Errors as above, and
 * -EAGAIN where the other would wait: a capacity of 0 takes an item only if a task waits for it.
 */
BIDE_API int bide_queue_put_nowait(struct bide_queue *queue, const void *item);
BIDE_API int bide_queue_get_nowait(struct bide_queue *queue, void *item);

/*
 * Says that one item that was got is done: for bide_queue_join. Never waits, works while cancelled.
 * More often than items were put, it aborts the program.
 */
BIDE_API void bide_queue_task_done(struct bide_queue *queue);

/*
 * Waits until every item that was put is done (bide_queue_task_done). May wait; when cut short
 * nothing has changed. Returns 0. Errors: -EINVAL for NULL, -EPERM.
 */
BIDE_API int bide_queue_join(struct bide_queue *queue);

/*
 * Ends the queue for good, as asyncio's shutdown does: from now on a put gives -EPIPE, and so does
 * a get once the queue is empty; tasks that wait for either get it at once. Never waits, works while
 * cancelled, may be repeated. NULL does nothing.
 * now: the items that are left are dropped, and count as done.
 */
BIDE_API void bide_queue_shutdown(struct bide_queue *queue, bool now);

/* How many items are in the queue; those of tasks that wait to put are not counted. */
BIDE_API size_t bide_queue_size(const struct bide_queue *queue);

/* Frees the queue and what is in it. While tasks wait for it, this aborts the program. NULL does nothing. */
BIDE_API void bide_queue_free(struct bide_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
