/* SPDX-License-Identifier: MIT */
/* Taking handles. */
#ifndef HANDLE_H
#define HANDLE_H

#include "task.h"

/* Aborts if the task was released, as far as that can be seen. */
void handle_look(const char *verb, const struct bide_task *task);

/*
 * Takes the handle for a call that waits. False: it is a group's, and is not taken. Aborts if it
 * was taken before, or belongs to another loop.
 */
bool handle_take(const char *verb, struct bide_task *task);

#endif
