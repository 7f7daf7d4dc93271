/* SPDX-License-Identifier: MIT */
/*
 * The values of task locals: a table, a task's heritage, that tasks share until one of them sets a value,
 * so that inheriting costs nothing but a count.
 */
#ifndef BINDINGS_H
#define BINDINGS_H

#include "task.h"

#include <bide/local.h>

/* One value that was set; several tables may have it. */
struct binding {
    size_t holders;  /* tables, and later bindings that have it as their former one */
    uint64_t number; /* of the token that undoes it, else 0; of one task's bindings only one has it */
    const struct bide_local *local;
    void *value;
    struct binding *former; /* set with a token: what a reset brings back, or NULL; of a dead one: the next */
};

/* Of a thread that runs a task's function: that task's, to be read. */
extern _Thread_local const struct heritage *bindings_of_thread INITIAL_EXEC;

/* NULL: the table, which may be NULL, has none for that local. */
struct binding *bindings_find(const struct heritage *table, const struct bide_local *local);

/*
 * Puts a binding in the place of the one for that local, or none (NULL); in a copy if others have
 * the table. The caller's count of `binding` goes to the table. -ENOMEM: nothing has changed.
 * What nobody has any more is destroyed at the end.
 */
int bindings_put(struct heritage **place, const struct bide_local *local, struct binding *binding);

#endif
