/* SPDX-License-Identifier: MIT */
/* The rare parts of standing in line. */
#include "waiters.h"

#include "misuse.h"

int waiters_drop(struct wait *wait)
{
    list_remove(&wait->link);
    return 0;
}

void waiters_check_loop(const struct waiters *waiters, const char *what, const void *object)
{
    if (waiters->sched == sched_current) return;
    misuse("the %s at %p is used by %s%s%s, while tasks of another loop wait for it", what, object,
           task_current ? "task '" : "what is no task", task_current ? task_name(task_current) : "",
           task_current ? "'" : "");
}
