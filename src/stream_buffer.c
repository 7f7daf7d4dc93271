/* SPDX-License-Identifier: MIT */
#include "stream_buffer.h"

#include "loop.h"
#include "sys.h"

#include <stdint.h>
#include <string.h>

enum { LEAST = 512 };

/* A power of two: so that filling it byte by byte copies each byte only a few times. */
static size_t size_for(size_t bytes)
{
    size_t size = LEAST;
    while (size < bytes && size <= SIZE_MAX / 2) size *= 2;
    return size < bytes ? bytes : size;
}

/* Most last from a write to its drain: the loop keeps one of the least size for the next. */
static void **spare_for(size_t size)
{
    return size == LEAST && sched_current ? &loop_current()->spare : NULL;
}

static char *memory_get(size_t size)
{
    void **spare = spare_for(size);
    if (!spare || !*spare) return sys_alloc(size);
    char *data = *spare;
    *spare = NULL;
    return data;
}

static void memory_put(char *data, size_t size)
{
    void **spare = spare_for(size);
    if (spare && !*spare)
        *spare = data;
    else
        sys_free(data);
}

/* As moving costs as much as there is, it is done only when as much was taken before. */
bool buffer_reserve(struct stream_buffer *buffer, size_t room)
{
    const size_t length = buffer_length(buffer);
    if (length == 0) buffer->start = buffer->end = 0;
    if (buffer_room(buffer) >= room) return buffer->data != NULL;
    if (room >= SIZE_MAX - length) return false;
    const bool fits = buffer->size > length + room;
    if (fits && buffer->start >= length) {
        memmove(buffer->data, buffer_first(buffer), length);
    } else {
        const size_t size = size_for(length + room + 1);
        char *data = memory_get(size);
        if (!data) return false;
        if (length > 0) memcpy(data, buffer_first(buffer), length);
        if (buffer->data) memory_put(buffer->data, buffer->size);
        buffer->data = data;
        buffer->size = size;
    }
    buffer->start = 0;
    buffer->end = length;
    return true;
}

void buffer_drop(struct stream_buffer *buffer)
{
    memory_put(buffer->data, buffer->size);
    *buffer = (struct stream_buffer){0};
}
