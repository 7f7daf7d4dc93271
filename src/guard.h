/* SPDX-License-Identifier: MIT */
/*
 * Guards: ranges of a mapping that no one can read or write. The kernel's lightweight ones
 * cost no mapping; where they do not work, a guard is a mapping of its own (and cuts another one
 * in two), of which a process may have few.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that guard_make takes at once. */
enum { GUARD_BATCH = 32 };

/* The bytes of a guard: a page, or more on an architecture whose compiler cannot probe big frames. */
size_t guard_size(void);

/* Do lightweight guards work? Tried once for the whole process. */
bool guard_light(void);

/*
 * Makes n guards (at most GUARD_BATCH): at first, first + stride and so on. While *light is true
 * they are lightweight; when that fails it becomes false, and these and all later ones are
 * mappings.
 *
 * Returns how many were made, at least one, or -ENOMEM; where vm.max_map_count is the reason *why then is
 * a text that names it.
 */
int guard_make(char *first, size_t stride, int n, bool *light, const char **why);

/* The memory of n guards that were mappings is gone. Any thread. */
void guard_forget(size_t n);

/* For tests: tries lightweight guards again; the most mappings used for guards, 0 for the system's. */
void guard_reset(long limit);

#endif
