/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include "array.h"

#include <errno.h>

enum { FIRST_ROOM = 64 };

static void ring_free(struct ring *ring)
{
    if (ring->slots) (void)array_resize(ring->slots, (ring->mask + 1) * sizeof *ring->slots, 0);
}

static int resize(struct ring *ring, size_t room)
{
    void **slots = array_resize(NULL, 0, room * sizeof *slots);
    if (!slots) return -ENOMEM;
    for (size_t i = 0; i < ring->count; i++) slots[i] = ring->slots[(ring->head + i) & ring->mask];
    ring_free(ring);
    ring->slots = slots;
    ring->mask = room - 1;
    ring->head = 0;
    return 0;
}

int ring_reserve(struct ring *ring, size_t count)
{
    if (ring_has_room(ring, count)) return 0;
    return resize(ring, ring->slots ? (ring->mask + 1) * 2 : FIRST_ROOM);
}

void ring_trim(struct ring *ring, size_t count)
{
    size_t room = FIRST_ROOM;
    while (room < count * 2) room *= 2;
    if (ring->slots && room < (ring->mask + 1) / 4)
        (void)resize(ring, room); /* without memory to move to, the larger ring serves as well */
}

void ring_done(struct ring *ring)
{
    ring_free(ring);
    *ring = (struct ring){0};
}
