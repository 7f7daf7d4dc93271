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
};

/* A cell begins with a pointer to its chunk, which is NULL while the cell is free. */
struct cell {
    struct chunk *chunk;
    struct cell *next_free; /* the object begins here while the cell is used */
};

struct chunk {
    struct node link;
    struct cell *free;
    size_t cells;
    size_t carved;
    size_t used;
    struct cells *owner;
    void *pad; /* to a cache line, so that cells of 128 bytes do not straddle more than they must */
};

void cells_init(struct cells *cells, size_t object_size);
void cells_done(struct cells *cells); /* objects that are left go with it */

/*
 * Is there a free cell, and not the last of its chunk? Then it can be had by cells_get_free, with no more
 * ado.
 */
static inline bool cells_has_free(const struct cells *cells)
{
    const struct chunk *chunk = CONTAINER(cells->open.next, const struct chunk, link);
    return !list_empty(&cells->open) && chunk->free && chunk->used + 1 < chunk->cells;
}

static inline void *cells_get_free(struct cells *cells)
{
    struct chunk *chunk = CONTAINER(cells->open.next, struct chunk, link);
    struct cell *cell = chunk->free;
    chunk->free = cell->next_free;
    chunk->used++;
    cell->chunk = chunk;
    return &cell->next_free;
}

/* Not zeroed; NULL without memory. */
void *cells_get(struct cells *cells);

/* The rare parts of cells_put: it is the first that is free again; it is free already, which aborts. */
void cells_reopen(struct cells *cells, struct chunk *chunk);
_Noreturn void cells_put_twice(const void *object);

static inline void cells_put(struct cells *cells, void *object)
{
    struct cell *cell = CONTAINER(object, struct cell, next_free);
    struct chunk *chunk = cell->chunk;
    if (!chunk) cells_put_twice(object);
    cell->chunk = NULL;
    cell->next_free = chunk->free;
    chunk->free = cell;
    if (chunk->used-- == chunk->cells) cells_reopen(cells, chunk);
}

/* Whether an object that was got once has not been put back; its chunk must still be there. */
static inline bool cells_in_use(const void *object)
{
    return ((void *const *)object)[-1] != NULL;
}

/* Whom an object in use belongs to. */
static inline struct cells *cells_of(const void *object)
{
    return ((struct chunk *const *)object)[-1]->owner;
}

/* Calls fn for each object in use; fn may put back that object, but get and put no other. */
void cells_each(struct cells *cells, void (*fn)(void *object, void *arg), void *arg);

/* Unmaps the chunks that are not used at all, but for the smallest. */
void cells_trim(struct cells *cells);

#endif
