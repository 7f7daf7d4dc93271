/* SPDX-License-Identifier: MIT */
/* Taking handles. */
#ifndef HANDLE_H
#define HANDLE_H

#include "task.h"

/* Aborts: the handle was taken or given up before, the task perhaps released. */
_Noreturn void handle_taken_before(const char *verb, const struct bide_task *task);

/* Aborts if the task was released, as far as that can be seen. */
static inline void handle_look(const char *verb, const struct bide_task *task)
{
    if (!task_in_use(task)) handle_taken_before(verb, task);
}

/* The same for a call that waits for the task; aborts also if it is another loop's. */
_Noreturn void handle_of_another_loop(const char *verb, const struct bide_task *task);
static inline void handle_meet(const char *verb, const struct bide_task *task)
{
    handle_look(verb, task);
    if (task_sched(task) != sched_current) handle_of_another_loop(verb, task);
}

/*
 * Takes the handle for a call that waits. False: it is a group's, and is not taken. Aborts if it
 * was taken before. After handle_meet.
 */
static inline bool handle_take(const char *verb, struct bide_task *task)
{
    if (task_owned(task)) return false;
    if (!task_take(task)) handle_taken_before(verb, task);
    return true;
}

#endif
