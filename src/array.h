/* SPDX-License-Identifier: MIT */
/*
 * Memory for arrays that grow and shrink with a burst. Large ones are mappings of their own, so
 * that the system has them back at once, whatever the allocator does with its heap.
 */
#ifndef ARRAY_H
#define ARRAY_H

#include <stddef.h>

/* As realloc, with both sizes in bytes; 0 for the new one frees. NULL without memory: the old stays. */
void *array_resize(void *memory, size_t old_size, size_t new_size);

#endif
