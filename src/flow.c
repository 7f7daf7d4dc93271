/* SPDX-License-Identifier: MIT */
/*
 * The flows of a loop and their stacks. A flow has, from flow_prepare on, either a promise of a stack
 * (it has not begun), or the stack itself, or it has ended.
 */
#include "flow.h"

#include "block.h"
#include "sanitizer.h"
#include "sys.h"

#include <errno.h>

int flow_prepare(struct flow *flow, int (*run)(struct flow *), int (*finish)(void *flow))
{
    struct sched *sched = sched_current;
    const char *why = NULL;
    *flow = (struct flow){.run = run, .finish = finish, .class = stack_class(sched->stack_size)};
    if (stack_promise(&sched->stacks, flow->class, sched->stack_size, &flow->stack, &why) < 0) {
        if (why && task_current) block_tell(task_current, -ENOMEM, why);
        return -ENOMEM;
    }
    list_append(&sched->flows, &flow->member);
    return 0;
}

void flow_begin(struct flow *flow, void (*main)(void))
{
    struct sched *sched = sched_current;
    if (!flow->stack) flow->stack = stack_get(&sched->stacks, flow->class);
    list_init(&flow->stack->kept);
    flow->stack->flow = flow;
    sanitizer_fiber_new(flow->stack);
    arch_prepare(&flow->inside, flow->stack, main, sched->control_words);
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

void flows_abandon(struct sched *sched)
{
    for (struct node *node = sched->flows.next; node != &sched->flows; node = node->next)
        give_up_stack(sched, flow_of_member(node));
}

void flows_free(struct sched *sched)
{
    struct node *node;
    flows_abandon(sched);
    while ((node = list_pop(&sched->flows))) sys_free(flow_of_member(node));
}
