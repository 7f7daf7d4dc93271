/* SPDX-License-Identifier: MIT */
/* All tasks of a loop together: made ready for use, visited, given up, freed. */
#include "sanitizer.h"
#include "task.h"

#include <errno.h>

/* Of the C++ runtime, where a program has one: the words that hold the exceptions being handled. */
extern void *__cxa_get_globals(void) __attribute__((weak));

int sched_init(struct sched *sched, size_t stack_size, uint64_t seed)
{
    *sched = (struct sched){.stack_size = stack_size, .stack_class = stack_class(stack_size), .random = seed};
    stack_pool_init(&sched->stacks);
    list_init(&sched->flows);
    cells_init(&sched->blocks, sizeof(struct bide_task));
    return ring_reserve(&sched->ready, 1);
}

void sched_enter(struct sched *sched)
{
    sched_current = sched;
    sched->control_words = arch_control_words();
    sched->exceptions = __cxa_get_globals ? __cxa_get_globals() : NULL;
    sanitizer_fiber_own(&sched->root_stack);
}

void sched_leave(void)
{
    sanitizer_fiber_disown(&sched_current->root_stack);
    sched_current = NULL;
}

struct each {
    void (*fn)(struct bide_task *task, void *arg);
    void *arg;
};

static void each_living(void *object, void *arg)
{
    struct each *each = arg;
    struct bide_task *task = object;
    if (!(task->context.flags & DONE)) each->fn(task, each->arg);
}

void sched_each(struct sched *sched, void (*fn)(struct bide_task *task, void *arg), void *arg)
{
    struct each each = {fn, arg};
    cells_each(&sched->blocks, each_living, &each);
}

/*
 * Waits on a stack that goes leave their sources, which may stay: a lock or a future of the user's. That
 * one cannot be left now, as a join, has no meaning any more.
 */
static void drop_waits(struct bide_task *task, void *arg)
{
    (void)arg;
    for (struct wait *wait = task->wait; wait; wait = wait->beside) {
        if (wait->ops->drop) (void)wait->ops->drop(wait);
        list_remove(&wait->link);
    }
}

static void drop_watchers(struct bide_task *task, void *arg)
{
    (void)arg;
    struct node *node;
    while ((node = list_pop(&task->watchers))) {
        struct wait *wait = CONTAINER(node, struct wait, link);
        if (wait->ops->drop) (void)wait->ops->drop(wait); /* none of them will be woken */
    }
}

static void drop_stack(struct bide_task *task, void *arg)
{
    struct sched *sched = arg;
    sanitizer_fiber_end(task->stack);
    stack_put(&sched->stacks, task->stack);
    task->context.flags |= DONE;
    task->context.value = -EDEADLK;
    task->stack = NULL;
    sched->living--;
}

void sched_abandon(struct sched *sched)
{
    sched_each(sched, drop_waits, NULL); /* of all, before any stack goes: a lock may lie on one */
    sched_each(sched, drop_watchers, NULL);
    if (sched->end_flows) sched->end_flows(sched);
    sched_each(sched, drop_stack, sched);
}

static void free_block(void *object, void *arg)
{
    const struct sched *sched = arg;
    struct bide_task *task = object;
    if (sched->debug && !(task->context.flags & TAKEN)) task_report(task);
    if (task->extra) block_forget(task);
}

void sched_done(struct sched *sched)
{
    sched->over = true; /* .on_error may try */
    cells_each(&sched->blocks, free_block, sched);
    cells_done(&sched->blocks);
    ring_done(&sched->ready);
    if (sched->end_flows) sched->end_flows(sched);
    stack_pool_done(&sched->stacks);
}

bool sched_excess(const struct sched *sched, bool idle)
{
    return stack_excess(&sched->stacks, idle);
}

void sched_trim(struct sched *sched, bool idle)
{
    stack_trim(&sched->stacks, idle);
    cells_trim(&sched->blocks);
    ring_trim(&sched->ready, sched->living + 1);
}
