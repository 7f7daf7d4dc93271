/* SPDX-License-Identifier: MIT */
#include "array.h"

#include "sys.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

static bool is_mapping(size_t size)
{
    return size >= (size_t)64 * 1024;
}

static void release(void *memory, size_t size)
{
    if (is_mapping(size))
        sys_munmap(memory, size);
    else
        sys_free(memory);
}

void *array_resize(void *memory, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        release(memory, old_size);
        return NULL;
    }
    void *fresh = is_mapping(new_size) ? sys_mmap(new_size, PROT_READ | PROT_WRITE, 0) : sys_alloc(new_size);
    if (!fresh || !memory) return fresh;
    memcpy(fresh, memory, old_size < new_size ? old_size : new_size);
    release(memory, old_size);
    return fresh;
}
