/* SPDX-License-Identifier: MIT */
/* A group's task whose end is somebody else's business, until the group adopts it. */
#ifndef GROUP_H
#define GROUP_H

#include "task.h"

#include <bide/group.h>

/* Starts a task that the group joins and cancels, but whose end `owner` is told of. NULL with errno set. */
struct bide_task *group_start_for(struct bide_group *group, bide_fn fn, void *arg, struct wait *owner);

/* Its end is the group's from now on. */
void group_adopt(struct bide_group *outside, struct bide_task *task);
bool group_has_adopted(const struct bide_task *task);

/* It has ended before that, and is released next. */
void group_forget(struct bide_group *group, struct bide_task *task);

#endif
