/* SPDX-License-Identifier: MIT */
/*
 * The free cells of a chunk are linked through the word after their first. Cells from `carved` on have
 * never been used and are not linked, so that fresh memory is not touched before it is needed.
 */
#include "cells.h"

#include "misuse.h"
#include "sanitizer.h"
#include "sys.h"

#include <stdint.h>
#include <sys/mman.h>

enum { FIRST_CELLS = 63, MOST_CELLS = 65536 };

static struct cell *cell_at(const struct cells *cells, struct chunk *chunk, size_t i)
{
    return (struct cell *)(void *)((char *)(chunk + 1) + i * cells->cell_size);
}

static size_t chunk_size(const struct cells *cells, size_t count)
{
    return sizeof(struct chunk) + count * cells->cell_size;
}

void cells_init(struct cells *cells, size_t object_size)
{
    list_init(&cells->open);
    list_init(&cells->full);
    cells->cell_size = offsetof(struct cell, next_free) + object_size;
    cells->chunk_cells = FIRST_CELLS;
}

static struct chunk *chunk_new(struct cells *cells)
{
    struct chunk *chunk =
        sys_mmap(chunk_size(cells, cells->chunk_cells), PROT_READ | PROT_WRITE, MAP_NORESERVE);
    if (!chunk) return NULL;
    sanitizer_root_begin(chunk, chunk_size(cells, cells->chunk_cells)); /* what objects know is no leak */
    chunk->owner = cells;
    chunk->cells = cells->chunk_cells;
    if (cells->chunk_cells < MOST_CELLS) cells->chunk_cells = cells->chunk_cells * 2 + 1;
    list_prepend(&cells->open, &chunk->link);
    return chunk;
}

static void chunk_free(struct cells *cells, struct chunk *chunk)
{
    list_remove(&chunk->link);
    sanitizer_root_end(chunk, chunk_size(cells, chunk->cells));
    sys_munmap(chunk, chunk_size(cells, chunk->cells));
}

void cells_done(struct cells *cells)
{
    list_splice(&cells->open, &cells->full);
    while (!list_empty(&cells->open)) chunk_free(cells, CONTAINER(cells->open.next, struct chunk, link));
}

void *cells_get(struct cells *cells)
{
    struct chunk *chunk =
        list_empty(&cells->open) ? chunk_new(cells) : CONTAINER(cells->open.next, struct chunk, link);
    if (!chunk) return NULL;
    struct cell *cell = chunk->free;
    if (cell)
        chunk->free = cell->next_free;
    else
        cell = cell_at(cells, chunk, chunk->carved++);
    cell->chunk = chunk;
    if (++chunk->used == chunk->cells) {
        list_remove(&chunk->link);
        list_append(&cells->full, &chunk->link);
    }
    return &cell->next_free;
}

void cells_put_twice(const void *object)
{
    misuse("the control block at %p is given back twice", object);
}

void cells_reopen(struct cells *cells, struct chunk *chunk)
{
    list_remove(&chunk->link);
    list_prepend(&cells->open, &chunk->link);
}

static void chunks_each(struct cells *cells, struct node *list, void (*fn)(void *object, void *arg),
                        void *arg)
{
    for (struct node *node = list->next, *next; node != list; node = next) {
        next = node->next;
        struct chunk *chunk = CONTAINER(node, struct chunk, link);
        for (size_t i = 0; i < chunk->carved; i++) {
            struct cell *cell = cell_at(cells, chunk, i);
            if (cell->chunk) fn(&cell->next_free, arg);
        }
    }
}

void cells_each(struct cells *cells, void (*fn)(void *object, void *arg), void *arg)
{
    /* The full ones last: one that fn opens moves to the other list, which has been seen. */
    chunks_each(cells, &cells->open, fn, arg);
    chunks_each(cells, &cells->full, fn, arg);
}

void cells_trim(struct cells *cells)
{
    for (struct node *node = cells->open.next, *next; node != &cells->open; node = next) {
        next = node->next;
        struct chunk *chunk = CONTAINER(node, struct chunk, link);
        if (chunk->used == 0 && chunk->cells > FIRST_CELLS) chunk_free(cells, chunk);
    }
    if (list_empty(&cells->open) && list_empty(&cells->full)) cells->chunk_cells = FIRST_CELLS;
}
