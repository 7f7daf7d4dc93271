/* SPDX-License-Identifier: MIT */
/*
 * The bytes that a stream holds, in one piece of memory that it has only while it needs it.
 *
 * Invariants: start <= end < size, or all are 0 and there is no memory. One byte behind the end is always
 * there, for the 0 that ends a line.
 */
#ifndef STREAM_BUFFER_H
#define STREAM_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct stream_buffer {
    char *data;
    size_t size;
    size_t start;
    size_t end;
};

/* Makes room for so many bytes behind those that there are. False without memory: then nothing changed. */
bool buffer_reserve(struct stream_buffer *buffer, size_t room);

/* Gives the memory back. */
void buffer_drop(struct stream_buffer *buffer);
static inline void buffer_free(struct stream_buffer *buffer)
{
    if (buffer->data) buffer_drop(buffer);
}

static inline size_t buffer_length(const struct stream_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline char *buffer_first(const struct stream_buffer *buffer)
{
    return buffer->data + buffer->start;
}

static inline size_t buffer_room(const struct stream_buffer *buffer)
{
    return buffer->data ? buffer->size - buffer->end - 1 : 0;
}

#endif
