/* SPDX-License-Identifier: MIT */
/*
 * Task locals. A value that was set with a token keeps the one before it, so a token need not own
 * anything: it only tells which value is to be undone, and one that is never used leaks nothing.
 */
#include "bindings.h"
#include "sys.h"

#include <errno.h>

/* The inside of struct bide_local_token. */
struct __attribute__((may_alias)) token {
    uint64_t number; /* of its binding, which may be gone, and its memory another one's; 0: used up */
    const struct bide_local *local;
    struct bide_task *task;
};

_Static_assert(sizeof(struct token) <= sizeof(struct bide_local_token),
               "struct bide_local_token is too small");

void *bide_local_get(const struct bide_local *local)
{
    const struct heritage *table = task_current ? task_heritage_known(task_current) : bindings_of_thread;
    const struct binding *binding = bindings_find(table, local);
    if (binding) return binding->value;
    return local ? local->initial : NULL;
}

int bide_local_set(struct bide_local *local, void *value, struct bide_local_token *outside)
{
    if (!task_current) return -EPERM;
    if (!local) return -EINVAL;
    struct heritage **place = task_heritage(task_current);
    struct binding *binding = place ? sys_alloc(sizeof *binding) : NULL;
    if (!binding) return -ENOMEM;
    /* Without a token it stands for the present one: what an inner function sets, an outer one undoes. */
    struct binding *top = bindings_find(*place, local);
    struct binding *former = outside || !top ? top : top->former;
    *binding = (struct binding){
        .holders = 1, .number = top ? top->number : 0, .local = local, .value = value, .former = former};
    if (former) former->holders++;
    if (bindings_put(place, local, binding) < 0) {
        if (former) former->holders--;
        sys_free(binding);
        return -ENOMEM;
    }
    if (outside) {
        binding->number = ++sched_current->tokens;
        *(struct token *)outside = (struct token){binding->number, local, task_current};
    }
    return 0;
}

int bide_local_reset(struct bide_local_token *outside)
{
    struct token *token = (struct token *)outside;
    if (!task_current) return -EPERM;
    if (!token || !token->number || token->task != task_current) return -EINVAL;
    struct heritage **place = task_heritage(task_current);
    if (!place) return -ENOMEM;
    struct binding *undone = bindings_find(*place, token->local);
    while (undone && undone->number != token->number) undone = undone->former;
    if (!undone) {
        token->number = 0;
        return -EINVAL;
    }
    struct binding *former = undone->former;
    if (former) former->holders++;
    token->number = 0; /* now, as it may be a part of the value that is destroyed */
    if (bindings_put(place, token->local, former) == 0) return 0;
    if (former) former->holders--;
    token->number = undone->number;
    return -ENOMEM;
}
