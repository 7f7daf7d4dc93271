/* SPDX-License-Identifier: MIT */
/*
 * Owns the tasks: their control blocks, the ready queue, parking and waking, the start and the
 * end of a task. With flow.c the only file that switches stacks. It knows nothing of time,
 * descriptors, threads or scopes.
 *
 * Invariants
 *  - A task is exactly one of: fresh (in the ready queue, no stack, one promised), ready (in the
 *    queue once, wait is NULL), running (task_current), parked (wait is not NULL), ended (no
 *    stack, wait is NULL), or not yet started by its maker.
 *  - A parked task is resumed once for each park: wake and task_interrupt both take it out.
 *  - The ready queue has room for every task that has not ended, so waking cannot fail.
 *  - An ended task's stack is put back while it still runs; it is not handed out before it has been
 *    left, as the next fresh task of its class takes it over or comes from the loop's own flow.
 *  - What is set up at creation (control block, room, a promised stack) makes running certain.
 */
#include "task.h"

#include "misuse.h"
#include "switch.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>

enum {
    TURN = 61, /* resumptions before the loop looks at the world again */
    AHEAD = 3, /* places in the queue */
    FAR_AHEAD = 6
};

/* ---- switching ---- */

static void task_main(void);

/* The stack that was promised, for the first run. */
static void first_run(struct sched *sched, struct bide_task *task)
{
    if (!task->stack) task->stack = stack_get(&sched->stacks, task->context.flags >> CLASS_SHIFT);
    list_init(&task->stack->kept);
    sanitizer_fiber_new(task->stack);
    arch_prepare(&task->context, task->stack, task_main, sched->control_words);
}

/* What is rare about resuming, out of the way of the rest. */
static __attribute__((noinline)) int resume_with_care(struct sched *sched, struct context *from,
                                                      struct stack *from_stack, struct bide_task *task,
                                                      bool ended)
{
    if (!task->context.sp) {
        first_run(sched, task);
        sched->starter = from;
    }
    return switch_stacks(sched, from, from_stack, &task->context, task->stack, ended);
}

static inline int resume(struct sched *sched, struct context *from, struct stack *from_stack,
                         struct bide_task *task, bool ended)
{
    task_current = task;
    if (!SANITIZER_FIBERS && LIKELY(task->context.sp && !sched->exceptions))
        return arch_switch(from, &task->context);
    return resume_with_care(sched, from, from_stack, task, ended);
}

static __attribute__((noinline)) int resume_root(struct sched *sched, struct context *from,
                                                 struct stack *from_stack, bool ended)
{
    task_current = NULL;
    return switch_stacks(sched, from, from_stack, &sched->root, &sched->root_stack, ended);
}

/*
 * Many tasks are ready, too many for the caches: has the block of one that runs soon fetched, and of one
 * that runs still sooner, whose block has come by now, the stack. Always inlined, as gcc takes a call that
 * only fetches for one without effect, and drops it.
 */
static inline __attribute__((always_inline)) void look_ahead(const struct ring *ready)
{
    if (ready->count <= FAR_AHEAD) return;
    __builtin_prefetch(ring_at(ready, FAR_AHEAD));
    const struct bide_task *soon = ring_at(ready, AHEAD);
    const char *sp = soon->context.sp;
    if (!sp) return; /* it has not run yet */
    __builtin_prefetch(sp);
    __builtin_prefetch(sp + 64);
    __builtin_prefetch(sp + 128);
    __builtin_prefetch(sp + 192);
}

/*
 * Leaves a flow for the next ready task, or for the loop's own flow when there is none or its turn is due.
 * It ends in a jump to arch_switch, so that nothing has to be returned through afterwards.
 */
static inline int leave(struct sched *sched, struct context *from, struct stack *from_stack, bool ended)
{
    if (!LIKELY(sched->ready.count > 0 && sched->budget > 0))
        return resume_root(sched, from, from_stack, ended);
    sched->budget--;
    struct bide_task *next = ring_pop(&sched->ready);
    look_ahead(&sched->ready);
    return resume(sched, from, from_stack, next, ended);
}

int task_park(struct wait *wait)
{
    struct bide_task *self = task_current;
    self->wait = wait;
    wait->task = self;
    for (struct wait *each = wait->beside; each; each = each->beside) each->task = self;
    return leave(sched_current, &self->context, self->stack, false);
}

int task_yield(void)
{
    struct bide_task *self = task_current;
    struct sched *sched = sched_current;
    self->context.value = 0;
    ring_push(&sched->ready, self);
    return leave(sched, &self->context, self->stack, false);
}

/* Brings a ready task, drawn at random, to the head of the queue. */
static void shuffle(struct sched *sched)
{
    sched->random ^= sched->random << 13;
    sched->random ^= sched->random >> 7;
    sched->random ^= sched->random << 17;
    ring_swap_front(&sched->ready, (size_t)(sched->random % sched->ready.count));
}

/* Resumes one task, and reports it if that took long. Its name is kept, as it may end meanwhile. */
static void run_timed(struct sched *sched)
{
    char name[64];
    snprintf(name, sizeof name, "%s", task_name(sched->ready.slots[sched->ready.head]));
    const int64_t start = sys_clock_ns();
    leave(sched, &sched->root, &sched->root_stack, false);
    const int64_t ns = sys_clock_ns() - start;
    if (ns > sched->slow_ns) sched->on_slow(name, (double)ns / 1e9);
}

void sched_run(struct sched *sched)
{
    const bool one_by_one = sched->random || sched->slow_ns;
    for (unsigned left = TURN; left > 0 && sched->ready.count > 0; left--) {
        if (sched->random) shuffle(sched);
        sched->budget = one_by_one ? 1 : TURN;
        if (sched->slow_ns)
            run_timed(sched);
        else
            leave(sched, &sched->root, &sched->root_stack, false);
        if (!one_by_one) return;
    }
}

/* ---- waking ---- */

static void make_ready(struct bide_task *task, int value)
{
    task->wait = NULL;
    task->context.value = value;
    ring_push(&sched_current->ready, task);
}

/* Leaves the sources of all waits of a park but one. Only a wait that is alone may refuse. */
static void drop_others(struct wait *first, struct wait *except)
{
    if (!first && except) misuse("task '%s' is woken twice from one park", task_name(except->task));
    for (struct wait *wait = first; wait; wait = wait->beside)
        if (wait != except && wait->ops->drop(wait) < 0)
            misuse("a wait beside another one cannot be dropped");
}

/* Apart, as wake is to need no stack where the wait is alone. */
static __attribute__((noinline)) void wake_one_of_many(struct wait *wait, int result)
{
    drop_others(wait->task->wait, wait);
    make_ready(wait->task, result);
}

void wake(struct wait *wait, int result)
{
    if (wait->ops->fire) {
        wait->ops->fire(wait, result);
        return;
    }
    struct bide_task *task = wait->task;
    if (LIKELY(task->wait == wait && !wait->beside))
        make_ready(task, result);
    else
        wake_one_of_many(wait, result);
}

void wake_list(struct node *waits, int result)
{
    struct node *node;
    while ((node = list_pop(waits))) wake(CONTAINER(node, struct wait, link), result);
}

bool task_interrupt(struct bide_task *task, int code)
{
    struct wait *wait = task->wait;
    if (!wait || !wait->ops->drop || wait->ops->drop(wait) < 0) return false;
    drop_others(wait->beside, NULL);
    make_ready(task, code);
    return true;
}

void task_set_value(struct bide_task *task, int code)
{
    task->context.value = code;
}

/* ---- the life of a task ---- */

void task_start_eagerly(struct bide_task *task)
{
    struct bide_task *self = task_current;
    if (!self) {
        task_start(task);
        return;
    }
    self->context.value = 0;
    ring_push_front(&sched_current->ready, self);
    resume(sched_current, &self->context, self->stack, task, false);
}

static void finish(struct bide_task *task, int result)
{
    if (task->level.innermost)
        misuse("task '%s' returned while the scope or group at %p, which it had entered, is open",
               task_name(task), (void *)task->level.innermost);
    if (!list_empty(&task->stack->kept)) task_keep(task, NULL);
    if (task->extra) block_end(task, result);
    task->context.value = result;
    task->context.flags |= DONE | ENDING;
    task->stack = NULL;
    sched_current->living--;
    task_current = NULL; /* done callbacks run outside of any task */
    wake_list(&task->watchers, 0);
    task->context.flags &= ~(uint32_t)ENDING;
    if (task->owner) {
        task->owner->task = task;
        wake(task->owner, result);
    } else if (task->context.flags & ABANDONED) {
        task_report(task);
        task_release(task);
    }
}

/* Has the next task run on the stack of one that has just ended, if it is fresh and needs such a one. */
static bool take_over(struct sched *sched, struct stack *stack)
{
    if (sched->ready.count == 0 || sched->budget == 0) return false;
    struct bide_task *next = sched->ready.slots[sched->ready.head];
    if (next->stack || next->context.flags >> CLASS_SHIFT != stack->class) return false;
    ring_pop(&sched->ready);
    sched->budget--;
    stack_reuse(&sched->stacks, stack);
    next->stack = stack;
    next->context.sp = stack; /* no longer fresh; the first park stores the true one */
    arch_set_control_words(sched->control_words);
    task_current = next;
    return true;
}

/*
 * Leaves the stack of a task that has ended. When it goes back to whoever began it, by a return: the
 * processor has paired calls and returns so far, and predicts this one and all that the other makes.
 */
static inline void depart(struct sched *sched, struct stack *stack)
{
    struct context gone;
    struct bide_task *next = sched->ready.slots[sched->ready.head];
    if (SANITIZER_FIBERS || sched->exceptions || sched->ready.count == 0 || sched->budget == 0 ||
        &next->context != sched->starter) {
        leave(sched, &gone, stack, true);
        __builtin_unreachable();
    }
    (void)ring_pop(&sched->ready);
    sched->budget--;
    task_current = next;
    arch_return(&next->context);
}

/* The bottom of every task's stack. */
static void task_main(void)
{
    struct stack *stack = task_current->stack;
    struct sched *sched = sched_current;
    sanitizer_switch_end(stack);
    do {
        struct bide_task *task = task_current;
        int result = task->fn(task->arg);
        if (sched_current != sched)
            misuse("task '%s' returned in the child of a fork, where its loop does not run", task_name(task));
        if (task->extra) result = block_run_deferred(task, result);
        finish(task, result);
    } while (take_over(sched, stack));
    stack_put(&sched->stacks, stack);
    depart(sched, stack);
}
