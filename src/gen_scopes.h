/* SPDX-License-Identifier: MIT */
/* The scopes that a generator has open, which come and go with it. */
#ifndef GEN_SCOPES_H
#define GEN_SCOPES_H

#include "task.h"

/*
 * Takes the scopes inside of `base` (NULL: all) out of the current task's list, for a generator that
 * gives way to who asked it. Returns the innermost of them, or NULL if there are none. No timer of theirs
 * runs meanwhile; they may still become due.
 * Aborts if `base` is not in the list: then it was left by who had not entered it.
 */
struct scope *scopes_detach(struct scope *base);

/*
 * Hangs them under the current task's innermost scope. A deadline that has passed meanwhile is due at
 * once; of a shield's grace only what had not been used up is left.
 */
void scopes_attach(struct scope *innermost);

#endif
