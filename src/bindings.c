/* SPDX-License-Identifier: MIT */
/*
 * Invariants: a table with several holders is never changed. A table has at most one binding for
 * a local. A binding lives as long as it has holders. Only the loop's thread counts.
 */
#include "bindings.h"

#include "sys.h"

#include <errno.h>

enum { ROOM = 4 }; /* by which a table grows */

struct bindings {
    struct heritage heritage;
    size_t n;
    size_t room;
    struct binding *at[];
};

_Thread_local const struct heritage *bindings_of_thread INITIAL_EXEC;

static struct bindings *table_of(const struct heritage *heritage)
{
    return CONTAINER((uintptr_t)heritage, struct bindings, heritage);
}

/* One holder less; the former ones that only it had die with it. */
static void binding_release(struct binding *binding, struct binding **dead)
{
    while (binding && --binding->holders == 0) {
        struct binding *former = binding->former;
        binding->former = *dead;
        *dead = binding;
        binding = former;
    }
}

/* Calls the destructors of a list of dead bindings, outside of tasks, and frees them. */
static void destroy(struct binding *dead)
{
    struct bide_task *self = task_current;
    task_current = NULL;
    while (dead) {
        struct binding *next = dead->former;
        if (dead->local->destroy) dead->local->destroy(dead->value);
        sys_free(dead);
        dead = next;
    }
    task_current = self;
}

static void bindings_free(struct heritage *heritage)
{
    struct bindings *bindings = table_of(heritage);
    struct binding *dead = NULL;
    for (size_t i = 0; i < bindings->n; i++) binding_release(bindings->at[i], &dead);
    sys_free(bindings);
    destroy(dead);
}

static size_t place_of(const struct bindings *bindings, const struct bide_local *local)
{
    size_t i = 0;
    while (i < bindings->n && bindings->at[i]->local != local) i++;
    return i;
}

struct binding *bindings_find(const struct heritage *table, const struct bide_local *local)
{
    if (!table) return NULL;
    const struct bindings *bindings = table_of(table);
    const size_t i = place_of(bindings, local);
    return i < bindings->n ? bindings->at[i] : NULL;
}

/* Makes it a table that nobody else has, with room for one more. */
static int own(struct heritage **place)
{
    struct bindings *old = *place ? table_of(*place) : NULL;
    const size_t n = old ? old->n : 0;
    if (old && old->heritage.holders == 1 && n < old->room) return 0;
    struct bindings *copy = sys_alloc(sizeof *copy + (n + ROOM) * sizeof copy->at[0]);
    if (!copy) return -ENOMEM;
    *copy = (struct bindings){.heritage = {1, bindings_free}, .n = n, .room = n + ROOM};
    for (size_t i = 0; i < n; i++) {
        copy->at[i] = old->at[i];
        copy->at[i]->holders++;
    }
    *place = &copy->heritage;
    if (old && --old->heritage.holders == 0) bindings_free(&old->heritage); /* the copy has all that it had */
    return 0;
}

int bindings_put(struct heritage **place, const struct bide_local *local, struct binding *binding)
{
    if (own(place) < 0) return -ENOMEM;
    struct bindings *bindings = table_of(*place);
    const size_t i = place_of(bindings, local);
    struct binding *dead = NULL, *old = i < bindings->n ? bindings->at[i] : NULL;
    if (!old && binding) bindings->n++;
    if (old && !binding) bindings->at[i] = bindings->at[--bindings->n];
    if (binding) bindings->at[i] = binding;
    binding_release(old, &dead);
    destroy(dead);
    return 0;
}
