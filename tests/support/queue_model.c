/* SPDX-License-Identifier: MIT */
#include "queue_model.h"

#include <stdio.h>
#include <string.h>

/* ---- the model ---- */

static void leave_lines(struct model *model, int task)
{
    for (int q = 0; q < MODEL_QUEUES; q++) {
        for (int side = 0; side < MODEL_SIDES; side++) {
            struct model_wait *line = model->queues[q].lines[side];
            size_t kept = 0;
            for (size_t i = 0; i < model->queues[q].waiting[side]; i++)
                if (line[i].task != task) line[kept++] = line[i];
            model->queues[q].waiting[side] = kept;
        }
    }
}

/* Takes the first out of a line: its task has waited with that outcome. */
static struct model_wait serve(struct model *model, struct model_queue *queue, enum model_side side, int code)
{
    const struct model_wait wait = queue->lines[side][0];
    struct model_task *task = &model->tasks[wait.task];
    task->waits = false;
    task->code = code;
    task->index = wait.index;
    leave_lines(model, wait.task);
    return wait;
}

static void join_line(struct model *model, struct model_queue *queue, enum model_side side, int task,
                      int index, struct model_item item)
{
    model->tasks[task].waits = true;
    queue->lines[side][queue->waiting[side]++] = (struct model_wait){task, index, item};
}

static int try_put(struct model *model, struct model_queue *queue, struct model_item item)
{
    if (queue->shut) return -EPIPE;
    if (queue->waiting[MODEL_GETTERS]) {
        const struct model_wait wait = serve(model, queue, MODEL_GETTERS, 0);
        model->tasks[wait.task].item = item;
    } else if (queue->count >= queue->capacity) {
        return -EAGAIN;
    } else {
        queue->items[queue->count++] = item;
    }
    queue->unfinished++;
    return 0;
}

static size_t next_item(const struct model_queue *queue)
{
    if (queue->kind == MODEL_LIFO) return queue->count - 1;
    size_t best = 0;
    for (size_t i = 1; i < queue->count && queue->kind == MODEL_PRIORITY; i++)
        if (queue->items[i].key < queue->items[best].key) best = i;
    return best;
}

static int try_get(struct model *model, struct model_queue *queue, struct model_item *item)
{
    if (queue->count == 0 && queue->waiting[MODEL_PUTTERS] == 0) return queue->shut ? -EPIPE : -EAGAIN;
    const bool stored = queue->count > 0;
    if (stored) {
        const size_t i = next_item(queue);
        *item = queue->items[i];
        memmove(&queue->items[i], &queue->items[i + 1], (--queue->count - i) * sizeof *item);
    }
    if (queue->waiting[MODEL_PUTTERS] == 0) return 0;
    const struct model_wait wait = serve(model, queue, MODEL_PUTTERS, 0);
    queue->unfinished++;
    if (stored)
        queue->items[queue->count++] = wait.item;
    else
        *item = wait.item;
    return 0;
}

static void serve_all(struct model *model, struct model_queue *queue, enum model_side side, int code)
{
    while (queue->waiting[side]) serve(model, queue, side, code);
}

/* ---- beside the real ones ---- */

__attribute__((format(printf, 2, 3))) static void differ(struct model *model, const char *format, ...)
{
    if (model->failure[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(model->failure, sizeof model->failure, format, arguments);
    va_end(arguments);
}

static void compare(struct model *model, const char *call, int code, int expected)
{
    if (code != expected) differ(model, "%s is %d, not %d", call, code, expected);
    for (int q = 0; q < MODEL_QUEUES; q++) {
        const struct model_queue *queue = &model->queues[q];
        if (queue->real && bide_queue_size(queue->real) != queue->count)
            differ(model, "after a %s there are %zu items in queue %d, not %zu", call,
                   bide_queue_size(queue->real), q, queue->count);
    }
}

/* Bytes that belong to an item, as many as the queue's have. */
static void item_bytes(unsigned char *bytes, struct model_item item)
{
    memset(bytes, item.number & 255, MODEL_ITEM_SIZE);
    memcpy(bytes, &item, sizeof item);
}

static void compare_item(struct model *model, const struct model_queue *queue, const unsigned char *bytes,
                         struct model_item item)
{
    unsigned char expected[MODEL_ITEM_SIZE];
    item_bytes(expected, item);
    if (memcmp(bytes, expected, queue->item_size) == 0) return;
    struct model_item other;
    memcpy(&other, bytes, sizeof other);
    differ(model, "got item %d (key %d), not %d (key %d)", other.number, other.key, item.number, item.key);
}

static struct model_item new_item(struct model *model, int key)
{
    return (struct model_item){key, model->numbers++};
}

static int by_key(const void *a, const void *b)
{
    const struct model_item *first = a, *second = b;
    return (first->key > second->key) - (first->key < second->key);
}

void model_open(struct model *model, int queue, enum model_kind kind, size_t capacity, size_t item_size)
{
    struct model_queue *at = &model->queues[queue];
    memset(at, 0, sizeof *at);
    at->kind = kind;
    at->capacity = capacity;
    at->item_size = item_size;
    at->real = kind == MODEL_FIFO   ? bide_queue_new(item_size, capacity)
               : kind == MODEL_LIFO ? bide_lifo_queue_new(item_size, capacity)
                                    : bide_priority_queue_new(item_size, capacity, by_key);
}

void model_close(struct model *model, int queue)
{
    struct model_queue *at = &model->queues[queue];
    while (at->count > 0 && !model->failure[0]) model_get_nowait(model, queue);
    if (!model->failure[0]) model_get_nowait(model, queue);
    bide_queue_free(at->real);
    at->real = NULL;
}

/* What the call will give: the outcome of its wait is known when that is over. A cancel is taken back. */
static void finish(struct model *model, int task, const char *call, int code, bool cancelled, int foretold)
{
    struct model_task *self = &model->tasks[task];
    const int expected = cancelled ? -ECANCELED : foretold == -EAGAIN ? self->code : foretold;
    if (self->waits) differ(model, "task %d was woken from its %s too early, with %d", task, call, code);
    compare(model, call, code, expected);
    if (code != -ECANCELED) return;
    while (bide_uncancel() > 0) continue;
    self->cancels = 0;
}

void model_put(struct model *model, int task, int queue, int key)
{
    struct model_queue *at = &model->queues[queue];
    const bool cancelled = model->tasks[task].cancels > 0;
    const struct model_item item = new_item(model, key);
    unsigned char bytes[MODEL_ITEM_SIZE];
    item_bytes(bytes, item);
    const int foretold = cancelled ? 0 : try_put(model, at, item);
    if (foretold == -EAGAIN) join_line(model, at, MODEL_PUTTERS, task, 0, item);
    finish(model, task, "put", bide_queue_put(at->real, bytes), cancelled, foretold);
}

void model_get(struct model *model, int task, int queue)
{
    struct model_queue *at = &model->queues[queue];
    const bool cancelled = model->tasks[task].cancels > 0;
    unsigned char bytes[MODEL_ITEM_SIZE] = {0};
    struct model_item item = {0, 0};
    const int foretold = cancelled ? 0 : try_get(model, at, &item);
    if (foretold == -EAGAIN) join_line(model, at, MODEL_GETTERS, task, 0, item);
    const int code = bide_queue_get(at->real, bytes);
    finish(model, task, "get", code, cancelled, foretold);
    if (code == 0) compare_item(model, at, bytes, foretold == -EAGAIN ? model->tasks[task].item : item);
}

void model_put_nowait(struct model *model, int queue, int key)
{
    struct model_queue *at = &model->queues[queue];
    const struct model_item item = new_item(model, key);
    unsigned char bytes[MODEL_ITEM_SIZE];
    item_bytes(bytes, item);
    const int foretold = try_put(model, at, item);
    compare(model, "put_nowait", bide_queue_put_nowait(at->real, bytes), foretold);
}

void model_get_nowait(struct model *model, int queue)
{
    struct model_queue *at = &model->queues[queue];
    unsigned char bytes[MODEL_ITEM_SIZE] = {0};
    struct model_item item = {0, 0};
    const int foretold = try_get(model, at, &item);
    const int code = bide_queue_get_nowait(at->real, bytes);
    compare(model, "get_nowait", code, foretold);
    if (code == 0) compare_item(model, at, bytes, item);
}

static bool can_put(const struct model_queue *queue)
{
    return queue->shut || queue->waiting[MODEL_GETTERS] > 0 || queue->count < queue->capacity;
}

static bool can_get(const struct model_queue *queue)
{
    return queue->shut || queue->waiting[MODEL_PUTTERS] > 0 || queue->count > 0;
}

/* Any case that is ready will do: the model then does the same. */
void model_select(struct model *model, int task, bool puts, int key)
{
    struct model_queue *at = model->queues;
    struct model_task *self = &model->tasks[task];
    const bool cancelled = self->cancels > 0;
    const bool ready[] = {can_get(&at[0]), puts ? can_put(&at[1]) : can_get(&at[1])};
    const bool waits = !cancelled && !ready[0] && !ready[1];
    unsigned char got[2][MODEL_ITEM_SIZE] = {{0}}, bytes[MODEL_ITEM_SIZE];
    struct model_item put = {0, 0}, item = {0, 0};
    if (puts) put = new_item(model, key);
    item_bytes(bytes, put);
    if (waits) {
        join_line(model, &at[0], MODEL_GETTERS, task, 0, item);
        join_line(model, &at[1], puts ? MODEL_PUTTERS : MODEL_GETTERS, task, 1, put);
    }
    struct bide_select_case cases[] = {{.queue = at[0].real, .get = got[0]}, {.queue = at[1].real}};
    if (puts)
        cases[1].put = bytes;
    else
        cases[1].get = got[1];
    int code = bide_select(cases, 2, BIDE_FOREVER), foretold = -EAGAIN;
    const int index = code;
    if (index >= 0) code = cases[index].code;
    if (index >= 0 && !waits && !cancelled) {
        if (!ready[index]) differ(model, "select took case %d, which is not ready", index);
        foretold = index == 1 && puts ? try_put(model, &at[1], put) : try_get(model, &at[index], &item);
    } else if (index >= 0 && waits) {
        if (index != self->index) differ(model, "select gave case %d, not %d", index, self->index);
        item = self->item;
    }
    finish(model, task, "select", code, cancelled, foretold);
    if (code == 0 && !(index == 1 && puts)) compare_item(model, &at[index], got[index], item);
}

void model_join(struct model *model, int task, int queue)
{
    struct model_queue *at = &model->queues[queue];
    const bool cancelled = model->tasks[task].cancels > 0;
    const int foretold = at->unfinished ? -EAGAIN : 0;
    if (foretold && !cancelled) join_line(model, at, MODEL_JOINERS, task, 0, (struct model_item){0, 0});
    finish(model, task, "join", bide_queue_join(at->real), cancelled, foretold);
}

void model_done(struct model *model, int queue)
{
    struct model_queue *at = &model->queues[queue];
    if (at->unfinished == 0) return;
    if (--at->unfinished == 0) serve_all(model, at, MODEL_JOINERS, 0);
    bide_queue_task_done(at->real);
}

void model_shutdown(struct model *model, int queue, bool now)
{
    struct model_queue *at = &model->queues[queue];
    at->shut = true;
    if (now) {
        at->unfinished -= at->count < at->unfinished ? at->count : at->unfinished;
        at->count = 0;
        if (at->unfinished == 0) serve_all(model, at, MODEL_JOINERS, 0);
    }
    serve_all(model, at, MODEL_GETTERS, -EPIPE);
    serve_all(model, at, MODEL_PUTTERS, -EPIPE);
    bide_queue_shutdown(at->real, now);
    compare(model, "shutdown", 0, 0);
}

void model_yield(struct model *model, int task)
{
    const bool cancelled = model->tasks[task].cancels > 0;
    finish(model, task, "yield", bide_yield(), cancelled, 0);
}

void model_cancel(struct model *model, int task)
{
    struct model_task *at = &model->tasks[task];
    at->cancels++;
    if (at->waits) {
        at->waits = false;
        at->code = -ECANCELED;
        leave_lines(model, task);
    }
    bide_cancel(at->real);
}
