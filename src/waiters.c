/* SPDX-License-Identifier: MIT */
/* The rare parts of standing in line. */
#include "waiters.h"

#include "loop.h"
#include "misuse.h"

enum { MOST_SEARCHED = 1000 }; /* tasks, so that a report of very many does not take for ever */

int waiters_drop(struct wait *wait)
{
    const struct node *link = &wait->link;
    if (link->prev->next != link || link->next->prev != link)
        misuse("task '%s' stands in the line of the object at or near %p, which was cleared or made anew",
               task_name(wait->task), (const void *)link->prev);
    list_remove(&wait->link);
    return 0;
}

static struct bide_loop *loop_of(const struct waiters *waiters)
{
    return CONTAINER(waiters->sched, struct bide_loop, sched);
}

void waiters_check_loop(struct waiters *waiters, const char *what, const void *object)
{
    if (waiters->sched == sched_current) return;
    if (waiters->forks != task_forks) {
        list_init(&waiters->line);
        return;
    }
    if (!sched_current && !loop_of(waiters)->running) return; /* by its host, between two steps */
    misuse("task '%s' uses the %s at %p, which task '%s' of another loop waits for", waiters_user(), what,
           object, task_name(waiters_first(waiters)->task));
}

void waiters_wake_outside(const struct waiters *waiters, struct wait *wait, int result)
{
    const struct visit visit = visit_begin(loop_of(waiters));
    wake(wait, result);
    visit_end(visit);
}

struct search {
    const struct bide_task *task;
    const char *name;
};

static void compare(struct bide_task *task, void *arg)
{
    struct search *search = arg;
    if (task == search->task) search->name = task_name(task);
}

/* It is looked for among the living, as its memory may be gone. */
const char *waiters_holder_name(const struct bide_task *holder)
{
    if (!holder) return "(none)";
    struct search search = {holder, "(unknown)"};
    if (sched_current && sched_current->living <= MOST_SEARCHED) sched_each(sched_current, compare, &search);
    return search.name;
}
