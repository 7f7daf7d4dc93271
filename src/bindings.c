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
    size_t holders;
    size_t n;
    size_t room;
    struct binding *at[];
};

_Thread_local const struct bindings *bindings_of_thread BINDINGS_TLS;

struct bindings *bindings_share(struct bindings *bindings)
{
    if (bindings) bindings->holders++;
    return bindings;
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

void bindings_release(struct bindings *bindings, struct binding **dead)
{
    if (!bindings || --bindings->holders > 0) return;
    for (size_t i = 0; i < bindings->n; i++) binding_release(bindings->at[i], dead);
    sys_free(bindings);
}

static size_t place_of(const struct bindings *bindings, const struct bide_local *local)
{
    size_t i = 0;
    while (i < bindings->n && bindings->at[i]->local != local) i++;
    return i;
}

struct binding *bindings_find(const struct bindings *bindings, const struct bide_local *local)
{
    if (!bindings) return NULL;
    const size_t i = place_of(bindings, local);
    return i < bindings->n ? bindings->at[i] : NULL;
}

/* Makes it a table that nobody else has, with room for one more. */
static int own(struct bindings **place)
{
    struct bindings *old = *place;
    const size_t n = old ? old->n : 0;
    if (old && old->holders == 1 && n < old->room) return 0;
    struct bindings *copy = sys_alloc(sizeof *copy + (n + ROOM) * sizeof copy->at[0]);
    if (!copy) return -ENOMEM;
    *copy = (struct bindings){.holders = 1, .n = n, .room = n + ROOM};
    for (size_t i = 0; i < n; i++) {
        copy->at[i] = old->at[i];
        copy->at[i]->holders++;
    }
    struct binding *dead = NULL; /* none: the copy has them all */
    bindings_release(old, &dead);
    *place = copy;
    return 0;
}

int bindings_put(struct bindings **place, const struct bide_local *local, struct binding *binding,
                 struct binding **dead)
{
    if (own(place) < 0) return -ENOMEM;
    struct bindings *bindings = *place;
    const size_t i = place_of(bindings, local);
    struct binding *old = i < bindings->n ? bindings->at[i] : NULL;
    if (!old && binding) bindings->n++;
    if (old && !binding) bindings->at[i] = bindings->at[--bindings->n];
    if (binding) bindings->at[i] = binding;
    binding_release(old, dead);
    return 0;
}
