/* SPDX-License-Identifier: MIT */
/*
 * The values of task locals: a table that tasks share until one of them sets a value, so that
 * inheriting costs nothing but a count. Nothing here calls a destructor: what nobody has any more
 * is put into a list, for whoever called.
 */
#ifndef BINDINGS_H
#define BINDINGS_H

#include <bide/local.h>

#define BINDINGS_TLS __attribute__((tls_model("initial-exec")))

/* One value that was set; several tables may have it. */
struct binding {
    size_t holders;  /* tables, and later bindings that have it as their former one */
    uint64_t number; /* no other one of its loop ever had it, where there is a token for it; else 0 */
    const struct bide_local *local;
    void *value;
    struct binding *former; /* set with a token: what a reset brings back, or NULL; of a dead one: the next */
};

struct bindings;

/* Of a thread that runs a task's function: that task's, to be read. */
extern _Thread_local const struct bindings *bindings_of_thread BINDINGS_TLS;

/* One more who has the table; NULL too. */
struct bindings *bindings_share(struct bindings *bindings);

/* One less. What is then nobody's is put in front of *dead. */
void bindings_release(struct bindings *bindings, struct binding **dead);

struct binding *bindings_find(const struct bindings *bindings, const struct bide_local *local);

/*
 * Puts a binding in the place of the one for that local, or none (NULL); in a copy if others have
 * the table. The caller's count of `binding` goes to the table. -ENOMEM: nothing has changed.
 */
int bindings_put(struct bindings **place, const struct bide_local *local, struct binding *binding,
                 struct binding **dead);

#endif
