/* SPDX-License-Identifier: MIT */
/* The inside of a task, for block.c, task.c and sched.c alone. */
#ifndef BLOCK_H
#define BLOCK_H

#include "task.h"

enum {
    DONE = 1 << 0,
    ENDING = 1 << 1,    /* those who watch it are being told */
    TAKEN = 1 << 2,     /* its handle was given to somebody */
    ABANDONED = 1 << 3, /* nobody will take the handle: released at its end */
    AWAITED = 1 << 4,   /* some task waits for its end, or did */
    CLASS_SHIFT = 8     /* the size class of its stack, above the flags */
};

/* What few tasks need. */
struct extra {
    struct failures failures;
    char *name; /* as given, or automatic */
    char automatic[16];
};

struct bide_task {
    union {
        struct task_head head;
        struct {
            struct context context; /* its value: what its park returns; once ended, its result */
            struct level level;
        };
    };
    struct wait *wait; /* the first of those it is parked on */
    bide_fn fn;
    void *arg;
    struct stack *stack;  /* from its first run to its end */
    struct node watchers; /* waits that are woken when it ends */
    struct node member;   /* in the list of its owner, or of those that keep it */
    struct wait *owner;
    struct extra *extra;
    uint32_t index;
    uint32_t id;
};

/* A control block for the plan, whose stack is promised. NULL without memory. */
struct bide_task *block_new(struct sched *sched, const struct task_plan *plan, uint32_t class,
                            struct stack *own);

/* The task's bide_error_text(code) says so from now on. */
void block_tell(struct bide_task *task, int code, const char *text);

/* Frees what few tasks need. */
void block_forget(struct bide_task *task);

/* Of the failures that the ended task has seen, its own result's is kept. */
void block_keep_failure(struct bide_task *task, int result);

#endif
