/* SPDX-License-Identifier: MIT */
/*
 * A plain model of queues, and tasks that use real ones beside it: each call is foretold by the
 * model, or the outcome of its wait is, by what the others do meanwhile; then both are compared.
 */
#ifndef QUEUE_MODEL_H
#define QUEUE_MODEL_H

#include "check.h"

enum { MODEL_TASKS = 6, MODEL_QUEUES = 2, MODEL_ITEMS = 256, MODEL_ITEM_SIZE = 40 };
enum model_kind { MODEL_FIFO, MODEL_LIFO, MODEL_PRIORITY };
enum model_side { MODEL_GETTERS, MODEL_PUTTERS, MODEL_JOINERS, MODEL_SIDES };

struct model_item {
    int key;
    int number;
};

/* A task in a line, as it waits to put, to get or to join, or as a case of a select. */
struct model_wait {
    int task;
    int index;
    struct model_item item;
};

struct model_queue {
    struct bide_queue *real;
    enum model_kind kind;
    size_t capacity;
    size_t item_size;
    struct model_item items[MODEL_ITEMS];
    size_t count;
    struct model_wait lines[MODEL_SIDES][2 * MODEL_TASKS];
    size_t waiting[MODEL_SIDES];
    size_t unfinished;
    bool shut;
};

struct model_task {
    struct bide_task *real;
    bool waits;
    int code; /* once it does not wait any more: of its call, or of its case */
    int index;
    struct model_item item; /* that it got */
    int cancels;
    bool ended;
};

struct model {
    struct model_queue queues[MODEL_QUEUES];
    struct model_task tasks[MODEL_TASKS];
    int numbers; /* of items made so far */
    char failure[160];
};

/* Makes a queue, real and model. */
void model_open(struct model *model, int queue, enum model_kind kind, size_t capacity, size_t item_size);

/* Gets what is left, compares it, and frees the queue. Nobody may wait. */
void model_close(struct model *model, int queue);

/* Calls of the running task, which is the model's number `task`; what is not as foretold is noted in failure. */
void model_put(struct model *model, int task, int queue, int key);
void model_get(struct model *model, int task, int queue);
void model_put_nowait(struct model *model, int queue, int key);
void model_get_nowait(struct model *model, int queue);
void model_select(struct model *model, int task, bool puts,
                  int key); /* get of queue 0; get or put of queue 1 */
void model_join(struct model *model, int task, int queue);
void model_done(struct model *model, int queue);
void model_shutdown(struct model *model, int queue, bool now);
void model_yield(struct model *model, int task);

/* By anybody: cancels a task that has not ended. */
void model_cancel(struct model *model, int task);

#endif
