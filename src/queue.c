/* SPDX-License-Identifier: MIT */
/*
 * Queues: put, get, and those who wait for either.
 *
 * Invariants
 *  - Getters wait only while there is no item, putters only while there is no room: whoever makes
 *    either hands it over at once to the first in line, who is then served, whatever comes. So
 *    nobody overtakes, and no item is lost with a task that is cancelled.
 *  - Getters and putters wait both only with capacity 0, as cases of one bide_select.
 *  - Nobody but joiners waits in a queue that was shut down.
 *  - unfinished counts up with each item that is put, stored or handed over.
 */
#include "queue.h"

#include "misuse.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>

#define UNLIKELY(condition) __builtin_expect((condition), 0)
#define NOINLINE __attribute__((noinline))

/* ---- waiting ---- */

static void describe_get(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "gets from the queue at %p",
             (const void *)CONTAINER(wait, struct queue_wait, wait)->queue);
}

static void describe_put(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "puts into the queue at %p",
             (const void *)CONTAINER(wait, struct queue_wait, wait)->queue);
}

static void describe_join(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "joins the queue at %p",
             (const void *)CONTAINER(wait, struct queue_wait, wait)->queue);
}

static const struct wait_ops get_ops = {.drop = waiters_drop, .describe = describe_get};
static const struct wait_ops put_ops = {.drop = waiters_drop, .describe = describe_put};
static const struct wait_ops join_ops = {.drop = waiters_drop, .describe = describe_join};

static NOINLINE int wait_on_stack(struct bide_queue *queue, struct waiters *line, const struct wait_ops *ops,
                                  void *item)
{
    struct queue_wait wait = {.queue = queue, .item = item};
    wait_init(&wait.wait, ops);
    queue_check(queue, line);
    return waiters_park(line, &wait.wait);
}

/*
 * The queue has room for one that waits, so that mostly nothing is left to do on the stack of the
 * task: a park that ends the call is a jump, which is predicted where a return would not be. What is
 * not plain (the first wait of a loop, of a task in a new scope, or beside another's) goes the long way.
 */
static NOINLINE int wait_in(struct bide_queue *queue, struct queue_line *line, const struct wait_ops *ops,
                            void *item)
{
    struct queue_wait *wait = &line->own;
    const bool is_plain = list_empty(&wait->wait.link) && line->waiters.sched == sched_current &&
                          !task_level(task_current)->unarmed;
    if (UNLIKELY(!is_plain)) return wait_on_stack(queue, &line->waiters, ops, item);
    wait->item = item;
    list_append(&line->waiters.line, &wait->wait.link);
    return task_park(&wait->wait);
}

/* The first in a line that is not empty, taken out: its item now changes hands. */
static inline struct queue_wait *serve(struct queue_line *line)
{
    struct node *node = line->waiters.line.next;
    list_remove(node);
    return CONTAINER(node, struct queue_wait, wait.link);
}

/* Counts an item as put; its waiter has been served. Last of all, so that the callers need no stack. */
static inline int served(struct bide_queue *queue, struct queue_wait *wait)
{
    queue->unfinished++;
    wake(&wait->wait, 0);
    return 0;
}

static void wake_all(const struct bide_queue *queue, struct waiters *line, int result)
{
    queue_check(queue, line);
    struct wait *wait;
    while ((wait = waiters_pop(line))) waiters_wake(line, wait, result);
}

/* ---- put and get ---- */

static inline bool has_waiters(const struct queue_line *line)
{
    return !list_empty(&line->waiters.line);
}

/* From hand to hand, to whoever is first in line to get, or from whoever is first to put; of any size. */
static NOINLINE int pass_any(struct bide_queue *queue, struct queue_line *line, void *to, const void *from)
{
    queue_check(queue, &line->waiters);
    struct queue_wait *wait = serve(line);
    items_copy(to ? to : wait->item, from ? from : wait->item, queue->items.size);
    queue->unfinished++;
    waiters_wake(&line->waiters, &wait->wait, 0);
    return 0;
}

static inline bool is_plain(const struct bide_queue *queue, const struct queue_line *line)
{
    return line->waiters.sched == sched_current && queue->items.size == 8;
}

static NOINLINE int give_to_getter(struct bide_queue *queue, const void *item)
{
    if (UNLIKELY(!is_plain(queue, &queue->getters))) return pass_any(queue, &queue->getters, NULL, item);
    struct queue_wait *getter = serve(&queue->getters);
    memcpy(getter->item, item, 8);
    return served(queue, getter);
}

/* With capacity 0 only: there is nothing before it. */
static NOINLINE int take_from_putter(struct bide_queue *queue, void *item)
{
    if (UNLIKELY(!is_plain(queue, &queue->putters))) return pass_any(queue, &queue->putters, item, NULL);
    struct queue_wait *putter = serve(&queue->putters);
    memcpy(item, putter->item, 8);
    return served(queue, putter);
}

int queue_try_put(struct bide_queue *queue, const void *item)
{
    if (queue->shut) return -EPIPE;
    if (has_waiters(&queue->getters)) return give_to_getter(queue, item);
    if (UNLIKELY(items_full(&queue->items))) {
        const int code = queue->items.grows ? items_grow(&queue->items) : -EAGAIN;
        if (code < 0) return code;
    }
    items_push(&queue->items, item);
    queue->unfinished++;
    return 0;
}

int queue_try_get(struct bide_queue *queue, void *item)
{
    const bool has_putters = has_waiters(&queue->putters);
    if (queue->items.count == 0 && has_putters) return take_from_putter(queue, item);
    if (queue->items.count == 0) return queue->shut ? -EPIPE : -EAGAIN;
    if (has_putters) queue_check(queue, &queue->putters.waiters);
    items_pop(&queue->items, item);
    if (!has_putters) return 0;
    struct queue_wait *putter = serve(&queue->putters);
    items_push(&queue->items, putter->item);
    return served(queue, putter);
}

/* May the current task go on, without a call to find out? */
static inline bool is_free(void)
{
    struct bide_task *self = task_current;
    return self && !task_level(self)->code;
}

static NOINLINE int refuse(const struct bide_queue *queue, const void *item)
{
    if (!queue || !item) return task_current ? -EINVAL : -EPERM;
    return cancel_refuse();
}

int bide_queue_put(struct bide_queue *queue, const void *item)
{
    if (UNLIKELY(!queue || !item || !is_free())) return refuse(queue, item);
    if (items_push_word(&queue->items, item)) {
        queue->unfinished++;
        return 0;
    }
    if (has_waiters(&queue->getters)) return give_to_getter(queue, item);
    const bool has_room = !items_full(&queue->items) || queue->items.grows;
    if (has_room || queue->shut) return queue_try_put(queue, item);
    return wait_in(queue, &queue->putters, &put_ops, (void *)(uintptr_t)item);
}

int bide_queue_get(struct bide_queue *queue, void *item)
{
    if (UNLIKELY(!queue || !item || !is_free())) return refuse(queue, item);
    if (items_pop_word(&queue->items, item)) return 0;
    if (queue->items.count > 0 || queue->shut) return queue_try_get(queue, item);
    if (has_waiters(&queue->putters)) return take_from_putter(queue, item);
    return wait_in(queue, &queue->getters, &get_ops, item);
}

int bide_queue_put_nowait(struct bide_queue *queue, const void *item)
{
    return queue && item ? queue_try_put(queue, item) : -EINVAL;
}

int bide_queue_get_nowait(struct bide_queue *queue, void *item)
{
    return queue && item ? queue_try_get(queue, item) : -EINVAL;
}

/* ---- what became of the items ---- */

void bide_queue_task_done(struct bide_queue *queue)
{
    if (!queue || queue->unfinished == 0)
        misuse("task '%s' calls bide_queue_task_done of the queue at %p, where all items are done",
               task_current ? task_name(task_current) : "(none)", (void *)queue);
    if (--queue->unfinished == 0) wake_all(queue, &queue->joiners, 0);
}

int bide_queue_join(struct bide_queue *queue)
{
    if (!queue) return task_current ? -EINVAL : -EPERM;
    const int code = cancel_check();
    if (code < 0 || queue->unfinished == 0) return code;
    return wait_on_stack(queue, &queue->joiners, &join_ops, NULL);
}

void bide_queue_shutdown(struct bide_queue *queue, bool now)
{
    if (!queue) return;
    queue->shut = true;
    queue->items.words = false;
    if (now) {
        const size_t dropped = queue->items.count;
        items_clear(&queue->items);
        queue->unfinished -= dropped < queue->unfinished ? dropped : queue->unfinished;
        if (queue->unfinished == 0) wake_all(queue, &queue->joiners, 0);
    }
    wake_all(queue, &queue->getters.waiters, -EPIPE);
    wake_all(queue, &queue->putters.waiters, -EPIPE);
}

size_t bide_queue_size(const struct bide_queue *queue)
{
    return queue ? queue->items.count : 0;
}

/* ---- made and freed ---- */

static void line_init(const struct bide_queue *queue, struct queue_line *line, const struct wait_ops *ops)
{
    line->waiters = (struct waiters){0};
    list_init(&line->waiters.line);
    wait_init(&line->own.wait, ops);
    line->own.queue = queue;
}

static struct bide_queue *queue_new(enum items_kind kind, size_t item_size, size_t capacity,
                                    int (*compare)(const void *, const void *))
{
    struct bide_queue *queue = sys_alloc(sizeof *queue);
    int code = -ENOMEM;
    if (queue) code = items_init(&queue->items, kind, item_size, capacity, compare);
    if (code < 0) {
        sys_free(queue);
        errno = -code;
        return NULL;
    }
    line_init(queue, &queue->getters, &get_ops);
    line_init(queue, &queue->putters, &put_ops);
    queue->joiners = (struct waiters){0};
    queue->unfinished = 0;
    queue->shut = false;
    return queue;
}

struct bide_queue *bide_queue_new(size_t item_size, size_t capacity)
{
    return queue_new(ITEMS_FIFO, item_size, capacity, NULL);
}

struct bide_queue *bide_lifo_queue_new(size_t item_size, size_t capacity)
{
    return queue_new(ITEMS_LIFO, item_size, capacity, NULL);
}

struct bide_queue *bide_priority_queue_new(size_t item_size, size_t capacity,
                                           int (*compare)(const void *, const void *))
{
    if (compare) return queue_new(ITEMS_PRIORITY, item_size, capacity, compare);
    errno = EINVAL;
    return NULL;
}

static void check_unused(const struct bide_queue *queue, const struct waiters *line)
{
    if (waiters_empty(line)) return;
    misuse("task '%s' frees the queue at %p while task '%s' waits for it",
           task_current ? task_name(task_current) : "(none)", (const void *)queue,
           task_name(CONTAINER(line->line.next, struct wait, link)->task));
}

void bide_queue_free(struct bide_queue *queue)
{
    if (!queue) return;
    check_unused(queue, &queue->getters.waiters);
    check_unused(queue, &queue->putters.waiters);
    check_unused(queue, &queue->joiners);
    items_done(&queue->items);
    sys_free(queue);
}
