/* SPDX-License-Identifier: MIT */
/*
 * Dense memory for many small objects of one size, given back to the system in whole chunks.
 * An object keeps its address until it is put back.
 */
#ifndef CELLS_H
#define CELLS_H

#include "list.h"

struct cells {
    struct node open; /* chunks that have a free cell, the one that was put to last first */
    struct node full;
    size_t cell_size;
    size_t chunk_cells; /* of the next chunk */
    size_t used;
};

void cells_init(struct cells *cells, size_t object_size);
void cells_done(struct cells *cells); /* objects that are left go with it */

void *cells_get(struct cells *cells); /* not zeroed; NULL without memory */
void cells_put(struct cells *cells, void *object);

/* Whether an object that was got once has not been put back; its chunk must still be there. */
static inline bool cells_in_use(const void *object)
{
    return ((void *const *)object)[-1] != NULL;
}

/* Whom an object in use belongs to. */
struct cells *cells_of(const void *object);

/* Calls fn for each object in use; fn may put back that object, but get and put no other. */
void cells_each(struct cells *cells, void (*fn)(void *object, void *arg), void *arg);

/* Unmaps the chunks that are not used at all, but for the smallest. */
void cells_trim(struct cells *cells);

#endif
