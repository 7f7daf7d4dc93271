/* SPDX-License-Identifier: MIT */
/* The list of a task's open scopes. */
#ifndef SCOPE_H
#define SCOPE_H

#include "cancel.h"

/* Opens a scope in the current task; outside of tasks it only marks it so. */
void scope_push(struct scope *scope, enum scope_kind kind, int64_t deadline, int64_t grace_ns);

/* Was it entered outside of tasks, or before this process was forked off? Then it does nothing. */
bool scope_is_outside(const struct scope *scope);

/* Closes it, the innermost one. False outside of tasks. */
bool scope_pop(struct scope *scope);

/* Makes it a cause. */
void scope_set_due(struct scope *scope);

#endif
