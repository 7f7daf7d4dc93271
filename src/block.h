/* SPDX-License-Identifier: MIT */
/*
 * The inside of a task: a part of task.h. Only block.c, flow.c, task.c, sched.c and the functions below
 * look at its fields. They are inline because making and awaiting a task asks a dozen of them: as calls
 * they took a third of its time.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include "task.h"

enum {
    DONE = 1 << 0,
    ENDING = 1 << 1,    /* those who watch it are being told */
    TAKEN = 1 << 2,     /* its handle was given to somebody */
    ABANDONED = 1 << 3, /* nobody will take the handle: released at its end */
    AWAITED = 1 << 4,   /* some task waits for its end, or did */
    CLASS_SHIFT = 8     /* the size class of its stack, above the flags */
};

/* What few tasks need. */
struct extra {
    struct failures failures;
    char *name; /* as given, or automatic */
    char automatic[16];
    struct heritage *heritage; /* NULL: none */
    struct deferred *deferred; /* what runs at its end, the last one first */
};

struct bide_task {
    struct context context; /* its value: what its park returns; once ended, its result */
    struct level level;
    struct wait *wait; /* the first of those it is parked on */
    bide_fn fn;
    void *arg;
    struct stack *stack;  /* from its first run to its end */
    struct node watchers; /* waits that are woken when it ends */
    struct node member;   /* in the list of its owner, or of those that keep it */
    struct wait *owner;
    struct extra *extra;
    uint32_t index;
    uint32_t id;
};

static inline struct level *task_level(struct bide_task *task)
{
    return &task->level;
}

/* Whose it is. */
static inline struct sched *task_sched(const struct bide_task *task)
{
    return CONTAINER(cells_of(task), struct sched, blocks);
}

/* False: it was released, as far as can be seen. */
static inline bool task_in_use(const struct bide_task *task)
{
    return cells_in_use(task);
}

static inline bool task_done(const struct bide_task *task)
{
    return task->context.flags & DONE;
}

static inline int task_result(const struct bide_task *task)
{
    return task_done(task) ? task->context.value : -EINPROGRESS;
}

/* What it is parked on, or NULL. */
static inline struct wait *task_wait(const struct bide_task *task)
{
    return task->wait;
}

/* ---- owners ---- */

static inline bool task_owned(const struct bide_task *task)
{
    return task->owner != NULL;
}

static inline const struct wait *task_owner(const struct bide_task *task)
{
    return task->owner;
}

static inline void task_set_owner(struct bide_task *task, struct wait *owner, struct node *members,
                                  size_t index)
{
    task->owner = owner;
    task->index = (uint32_t)index;
    list_append(members, &task->member);
}

static inline size_t task_index(const struct bide_task *task)
{
    return task->index;
}

static inline struct node *task_member(struct bide_task *task)
{
    return &task->member;
}

static inline struct bide_task *task_of_member(struct node *member)
{
    return CONTAINER(member, struct bide_task, member);
}

/* What it hands down, or NULL; it may be changed only where it is nobody else's. */
static inline struct heritage *task_heritage_known(const struct bide_task *task)
{
    return task->extra ? task->extra->heritage : NULL;
}

/* ---- handles ---- */

/* The handle of a task is given to somebody; false if it already was, or was given up. */
static inline bool task_take(struct bide_task *task)
{
    if (task->context.flags & (TAKEN | ABANDONED)) return false;
    task->context.flags |= TAKEN;
    return true;
}

static inline void task_untake(struct bide_task *task)
{
    task->context.flags &= ~(uint32_t)TAKEN;
}

static inline bool task_taken(const struct bide_task *task)
{
    return task->context.flags & TAKEN;
}

/* ---- its end ---- */

/* The wait will be woken when the task, which has not ended, does. */
static inline void task_watch(struct bide_task *task, struct wait *wait)
{
    list_append(&task->watchers, &wait->link);
}

/* The same for a task's await; and whether there ever was one. */
static inline void task_await(struct bide_task *task, struct wait *wait)
{
    task->context.flags |= AWAITED;
    task_watch(task, wait);
}

static inline bool task_awaited(const struct bide_task *task)
{
    return task->context.flags & AWAITED;
}

/* The failure of an ended task is seen by another, or by whoever ran the loop (NULL): moved, or copied. */
void block_pass_failure(struct bide_task *from, struct bide_task *to, bool move);
static inline void task_pass_failure(struct bide_task *from, struct bide_task *to, bool move)
{
    if (task_result(from) < 0) block_pass_failure(from, to, move);
}

/* ---- its beginning, and when it is gone ---- */

/* Frees what few tasks need. */
void block_forget(struct bide_task *task);

/*
 * At the loop's end new tasks are born cancelled; but not one that somebody joins who may still wait, as in
 * a shield: it is cancelled with him.
 */
static inline bool block_is_doomed(const struct sched *sched, const struct task_plan *plan)
{
    return sched->closing && !(plan->owner && task_current && !task_current->level.code);
}

/* One field by one: a whole block of zeros is a `rep stos`, which takes longer than all the rest. */
static inline void block_init(struct bide_task *task, struct sched *sched, const struct task_plan *plan,
                              uint32_t class, struct stack *own)
{
    task->context = (struct context){.flags = class << CLASS_SHIFT};
    const bool doomed = block_is_doomed(sched, plan);
    task->level = (struct level){.code = doomed ? -ECANCELED : 0, .ordered = doomed};
    task->wait = NULL;
    task->fn = plan->fn;
    task->arg = plan->arg;
    task->stack = own;
    list_init(&task->watchers);
    list_init(&task->member);
    if (plan->members) list_append(plan->members, &task->member);
    task->owner = plan->owner;
    task->extra = NULL;
    task->index = (uint32_t)plan->index;
    task->id = ++sched->next_id;
    sched->living++;
}

/* Makes a task, not yet ready. NULL with errno set; then nothing has happened. */
struct bide_task *task_create_rare(const struct task_plan *plan);
static inline struct bide_task *task_create(const struct task_plan *plan)
{
    struct sched *sched = sched_current;
    if (!sched || sched->over || !plan->fn || plan->stack_size || plan->name || sched->hands_down ||
        !ring_has_room(&sched->ready, sched->living + 1) || sched->stack_class == STACK_OWN ||
        !cells_has_free(&sched->blocks) || !stack_has_spare(&sched->stacks, sched->stack_class))
        return task_create_rare(plan);
    struct bide_task *task = cells_get_free(&sched->blocks);
    stack_set_aside(&sched->stacks, sched->stack_class);
    block_init(task, sched, plan, sched->stack_class, NULL);
    return task;
}

/* An ended task's memory is given back. */
static inline void task_release(struct bide_task *task)
{
    list_remove(&task->member);
    if (task->extra) block_forget(task);
    cells_put(&sched_current->blocks, task);
}

/* ---- for task.c and sched.c ---- */

/* The running task's bide_error_text(-ENOMEM) says why from now on; NULL: it says nothing new. */
void block_explain(const char *why);

/* The task's function has returned: runs what it has deferred, in the task. Returns the result. */
int block_run_deferred(struct bide_task *task, int result);

/* The task ends: of what few tasks need, only its own failure and its name are kept. */
void block_end(struct bide_task *task, int result);

#endif
