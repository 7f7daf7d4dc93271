/* SPDX-License-Identifier: MIT */
/*
 * The flows of a loop and their stacks. A flow has, from flow_prepare on, either a promise of a stack
 * (it has not begun), or the stack itself, or it has ended.
 */
#include "flow.h"

#include "switch.h"
#include "sys.h"

#include <errno.h>

int flow_prepare(struct flow *flow, int (*run)(struct flow *), int (*finish)(void *flow))
{
    struct sched *sched = sched_current;
    const char *why = NULL;
    *flow = (struct flow){.run = run, .finish = finish, .class = stack_class(sched->stack_size)};
    if (stack_promise(&sched->stacks, flow->class, sched->stack_size, &flow->stack, &why) < 0) {
        block_explain(why);
        return -ENOMEM;
    }
    sched->end_flows = flows_end;
    list_append(&sched->flows, &flow->member);
    return 0;
}

static void give_up_stack(struct sched *sched, struct flow *flow)
{
    if (flow->ended) return;
    flow->ended = true;
    if (flow_has_begun(flow)) {
        sanitizer_fiber_end(flow->stack);
        stack_put(&sched->stacks, flow->stack);
    } else {
        stack_unpromise(&sched->stacks, flow->class, flow->stack);
    }
}

void flow_done(struct flow *flow)
{
    list_remove(&flow->member);
    give_up_stack(sched_current, flow);
}

static struct flow *flow_of_member(struct node *node)
{
    return CONTAINER(node, struct flow, member);
}

struct flow *flow_open(struct sched *sched)
{
    struct flow *open = NULL;
    struct node *node, others;
    list_init(&others);
    while (!open && (node = list_pop(&sched->flows))) {
        struct flow *flow = flow_of_member(node);
        if (flow_has_begun(flow) && !flow->ended) open = flow;
        list_append(open ? &sched->flows : &others, node);
    }
    list_splice(&sched->flows, &others);
    return open;
}

static void back_to_bottom(struct bide_task *task, void *arg)
{
    (void)arg;
    while (task->stack->flow) task->stack = task->stack->flow->outer;
}

void flows_end(struct sched *sched)
{
    sched_each(sched, back_to_bottom, NULL);
    for (struct node *node = sched->flows.next; node != &sched->flows; node = node->next)
        give_up_stack(sched, flow_of_member(node));
}

void flows_free(struct sched *sched)
{
    struct node *node;
    while ((node = list_pop(&sched->flows))) sys_free(flow_of_member(node));
}

/* ---- entering and leaving ---- */

static void flow_main(void);

/* Its stack, for the first time. */
static void begin(struct flow *flow)
{
    struct sched *sched = sched_current;
    if (!flow->stack) flow->stack = stack_get(&sched->stacks, flow->class);
    list_init(&flow->stack->kept);
    flow->stack->flow = flow;
    sanitizer_fiber_new(flow->stack);
    arch_prepare(&flow->inside, flow->stack, flow_main, sched->control_words);
}

static __attribute__((noinline)) int flow_enter_with_care(struct sched *sched, struct flow *flow)
{
    if (!flow_has_begun(flow)) begin(flow);
    task_current->stack = flow->stack;
    return switch_stacks(sched, &flow->outside, flow->outer, &flow->inside, flow->stack, false);
}

int flow_enter(struct flow *flow)
{
    struct bide_task *self = task_current;
    struct sched *sched = sched_current;
    flow->outer = self->stack;
    if (SANITIZER_FIBERS || !LIKELY(flow->inside.sp && !sched->exceptions))
        return flow_enter_with_care(sched, flow);
    self->stack = flow->stack;
    return arch_switch(&flow->outside, &flow->inside);
}

int flow_leave(struct flow *flow, int value)
{
    struct stack *outer = flow->outer;
    struct sched *sched = sched_current;
    task_current->stack = outer;
    flow->outer = NULL;
    flow->outside.value = value;
    if (!SANITIZER_FIBERS && LIKELY(!sched->exceptions)) return arch_switch(&flow->inside, &flow->outside);
    return switch_stacks(sched, &flow->inside, flow->stack, &flow->outside, outer, flow->ended);
}

struct flow *flow_current(void)
{
    return task_current ? task_current->stack->flow : NULL;
}

/* The bottom of a flow's stack. It may end in another task than it began in. */
static void flow_main(void)
{
    struct stack *stack = task_current->stack;
    struct flow *flow = stack->flow;
    sanitizer_switch_end(stack);
    const int value = flow->run(flow);
    stack_put(&sched_current->stacks, stack);
    flow->ended = true;
    flow_leave(flow, value);
    __builtin_unreachable();
}
