/* SPDX-License-Identifier: MIT */
/*
 * A generator is a flow that its asker enters and that leaves itself at each value.
 *
 * Invariants
 *  - `loop` is set exactly while the generator stands still in bide_yield_value, holds no scope
 *    open and is not being closed: so one comparison tells whether it can be entered just so.
 *  - While it runs, `base` is the scope of its asker that was innermost at the ask: scopes inside of
 *    it are the generator's own, and are `scopes` while it stands still.
 *  - Once `closing` it does not leave itself again but by its end.
 */
#include "flow.h"
#include "gen_scopes.h"
#include "misuse.h"
#include "scope.h"
#include "sys.h"

#include <bide/gen.h>
#include <errno.h>

struct bide_gen {
    struct flow flow;
    struct sched *loop;
    void **value; /* where its asker wants the next value, or NULL */
    void *sent;
    struct scope *base;
    struct scope *scopes;
    struct sched *sched; /* of its loop */
    bide_fn fn;
    void *arg;
    int result; /* once it has ended: what each ask gives */
    bool closing;
};

static inline struct bide_gen *gen_current(void)
{
    return (struct bide_gen *)(void *)flow_current();
}

/* The bottom of a generator. */
static int run(struct flow *flow)
{
    struct bide_gen *gen = CONTAINER(flow, struct bide_gen, flow);
    const int result = gen->fn(gen->arg);
    const struct scope *innermost = task_level(task_current)->innermost;
    if (innermost != gen->base)
        misuse("a generator in task '%s' returned while the scope or group at %p is %s",
               task_name(task_current), innermost ? (const void *)innermost : (const void *)gen->base,
               innermost ? "open" : "left, which it had not entered");
    task_keep(task_current, NULL); /* of the groups that it has left */
    gen->result = result < 0 ? result : 0;
    return gen->result;
}

/* Lets it go on, with its scopes inside of the asker's. Returns as bide_gen_next. */
static int enter(struct bide_gen *gen)
{
    struct scope *scopes = gen->scopes;
    gen->loop = NULL;
    gen->base = task_level(task_current)->innermost;
    gen->scopes = NULL;
    if (scopes) scopes_attach(scopes);
    return flow_enter(&gen->flow);
}

/* Who runs it already? */
static int is_busy(const struct bide_gen *gen)
{
    const struct flow *flow = flow_current();
    for (; flow; flow = flow->outer->flow)
        if (flow == &gen->flow) return -EDEADLK;
    return -EBUSY;
}

/* What is rare about an ask, or forbidden. */
static __attribute__((noinline)) int ask_with_care(struct bide_gen *gen, void *sent, void **value)
{
    if (!task_current) return -EPERM;
    if (!gen) return -EINVAL;
    if (gen->flow.ended) return gen->result;
    if (gen->sched != sched_current)
        misuse("task '%s' asks the generator at %p, which is another loop's", task_name(task_current),
               (void *)gen);
    if (gen->flow.outer) return is_busy(gen);
    gen->sent = sent;
    gen->value = value;
    return enter(gen);
}

static inline int ask(struct bide_gen *gen, void *sent, void **value)
{
    if (__builtin_expect(!gen || !gen->loop || gen->loop != sched_current || !task_current, 0))
        return ask_with_care(gen, sent, value);
    gen->loop = NULL;
    gen->sent = sent;
    gen->value = value;
    gen->base = task_level(task_current)->innermost;
    return flow_enter(&gen->flow);
}

int bide_gen_next(struct bide_gen *gen, void **value)
{
    return ask(gen, NULL, value);
}

int bide_gen_send(struct bide_gen *gen, void *sent, void **value)
{
    return ask(gen, sent, value);
}

/* It is being closed: other tasks may run, so that a loop that goes on yielding cannot freeze the program. */
static __attribute__((noinline)) int refuse(void)
{
    if (cancel_check() == 0) park_yield(); /* its shield holds the closing off */
    return -ECANCELED;
}

int bide_yield_value(void *value)
{
    struct bide_gen *gen = gen_current();
    if (__builtin_expect(!gen || gen->closing, 0)) return gen ? refuse() : -EPERM;
    if (gen->value) *gen->value = value;
    if (__builtin_expect(task_level(task_current)->innermost != gen->base, 0))
        gen->scopes = scopes_detach(gen->base);
    else
        gen->loop = sched_current;
    return flow_leave(&gen->flow, 1);
}

void *bide_gen_sent(void)
{
    const struct bide_gen *gen = gen_current();
    return gen ? gen->sent : NULL;
}

/* ---- the life of a generator ---- */

/* Runs it to its end, in a scope that cuts all its waits short. */
static int finish(void *flow)
{
    struct bide_gen *gen = CONTAINER(flow, struct bide_gen, flow);
    struct scope closing;
    scope_push(&closing, SCOPE_CLOSING, CLOCK_NEVER, 0);
    scope_set_due(&closing);
    gen->closing = true;
    gen->sent = NULL;
    gen->flow.inside.value = -ECANCELED;
    const int code = enter(gen);
    (void)scope_pop(&closing);
    return code == -ECANCELED ? 0 : code;
}

struct bide_gen *bide_gen_new(bide_fn fn, void *arg)
{
    int code = !sched_current || sched_current->over ? -EPERM : !fn ? -EINVAL : 0;
    struct bide_gen *gen = code == 0 ? sys_alloc(sizeof *gen) : NULL;
    if (gen) {
        *gen = (struct bide_gen){.fn = fn, .arg = arg, .sched = sched_current};
        code = flow_prepare(&gen->flow, run, finish);
        if (code == 0) return gen;
        sys_free(gen);
    }
    errno = code < 0 ? -code : ENOMEM;
    return NULL;
}

int bide_gen_close(struct bide_gen *gen)
{
    if (!gen) return 0;
    if (gen->sched != sched_current) return -EPERM;
    if (gen->flow.outer)
        misuse("the generator at %p is closed by %s%s%s while it runs", (void *)gen,
               task_current ? "task '" : "what is no task", task_current ? task_name(task_current) : "",
               task_current ? "'" : "");
    int code = 0;
    if (flow_has_begun(&gen->flow) && !gen->flow.ended) {
        if (!task_current) return -EPERM;
        code = finish(&gen->flow);
    }
    flow_done(&gen->flow);
    sys_free(gen);
    return code;
}
