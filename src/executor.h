/* SPDX-License-Identifier: MIT */
/* Threads of one's own, beside those that every loop has. */
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include "pool.h"

struct bide_executor {
    struct node link; /* in its loop's list */
    struct pool pool;
};

/* At the loop's end: frees those that are left. */
void executors_free(struct node *executors);

#endif
