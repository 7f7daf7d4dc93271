/* SPDX-License-Identifier: MIT */
/* Making tasks, and what one may ask of a handle without waiting. */
#include "handle.h"

#include "loop.h"
#include "misuse.h"
#include "sys.h"

#include <bide/cancel.h>
#include <bide/task.h>
#include <errno.h>

static bool is_sound(const struct bide_task_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return true;
}

static struct bide_loop *loop_of(const struct bide_task *task)
{
    return CONTAINER(task_sched(task), struct bide_loop, sched);
}

struct bide_task *bide_create_task_with(const struct bide_task_options *opt, bide_fn fn, void *arg)
{
    const struct bide_task_options defaults = {0};
    if (!opt) opt = &defaults;
    if (!is_sound(opt)) {
        errno = EINVAL;
        return NULL;
    }
    const struct task_plan plan = {.fn = fn, .arg = arg, .name = opt->name, .stack_size = opt->stack_size};
    struct bide_task *task = task_create(&plan);
    if (!task) return NULL;
    if (!opt->eager) {
        task_start(task);
        return task;
    }
    cancel_settle();
    task_start_eagerly(task);
    return task;
}

struct bide_task *bide_create_task(bide_fn fn, void *arg)
{
    const struct task_plan plan = {.fn = fn, .arg = arg};
    struct bide_task *task = task_create(&plan);
    if (task) task_start(task);
    return task;
}

size_t bide_stack_min(void)
{
    return stack_min();
}

struct bide_task *bide_current_task(void)
{
    return task_current;
}

struct listing {
    struct bide_task **tasks;
    size_t room;
    size_t count;
};

static void list_task(struct bide_task *task, void *arg)
{
    struct listing *listing = arg;
    if (listing->count < listing->room) listing->tasks[listing->count] = task;
    listing->count++;
}

size_t bide_all_tasks(struct bide_task **tasks, size_t n)
{
    struct listing listing = {tasks, tasks ? n : 0, 0};
    if (sched_current) sched_each(sched_current, list_task, &listing);
    return listing.count;
}

bool bide_cancelled(void)
{
    return task_current && task_level(task_current)->code < 0;
}

int bide_uncancel(void)
{
    return task_current ? cancel_take_back() : 0;
}

void handle_taken_before(const char *verb, const struct bide_task *task)
{
    const bool known = task_in_use(task);
    misuse("task '%s' %s the task '%s' at %p, whose handle was taken or given up before",
           task_current ? task_name(task_current) : "(none)", verb, known ? task_name(task) : "(released)",
           (const void *)task);
}

void handle_of_another_loop(const char *verb, const struct bide_task *task)
{
    misuse("task '%s' %s the task '%s' of another loop", task_name(task_current), verb, task_name(task));
}

const char *bide_task_name(const struct bide_task *task)
{
    if (!task) return "(none)";
    handle_look("names", task);
    return task_name(task);
}

int bide_task_set_name(struct bide_task *task, const char *name)
{
    if (!task || !name) return -EINVAL;
    handle_look("names", task);
    return task_set_name(task, name);
}

bool bide_task_done(const struct bide_task *task)
{
    if (task) handle_look("asks", task);
    return !task || task_done(task);
}

int bide_task_result(const struct bide_task *task)
{
    if (!task) return -ENOMEM;
    handle_look("asks", task);
    return task_result(task);
}

bool bide_task_error(struct bide_task *task, struct bide_error *error)
{
    if (!task || !error) return false;
    handle_look("asks", task);
    if (!task_done(task) || task_result(task) >= 0) return false;
    *error = task_error(task);
    return true;
}

int bide_cancel(struct bide_task *task)
{
    if (!task) return 0;
    handle_look("cancels", task);
    if (task_done(task)) return 0;
    const struct visit visit = visit_begin(loop_of(task));
    cancel_by_call(task);
    visit_end(visit);
    return 1;
}

void bide_detach(struct bide_task *task)
{
    if (!task) return;
    handle_look("detaches", task);
    if (task_owned(task)) misuse("the task '%s' is detached, but its handle is its group's", task_name(task));
    if (!task_take(task)) handle_taken_before("detaches", task);
    cancel_settle(); /* .on_error may cancel */
    const struct visit visit = visit_begin(loop_of(task));
    task_abandon(task);
    visit_end(visit);
}

/* A done callback: a wait that fires, on the heap, and frees itself. */
struct on_done {
    struct wait wait;
    void (*fn)(void *arg, struct bide_task *task);
    void *arg;
    struct bide_task *task;
};

static void on_done_fire(struct wait *wait, int result)
{
    (void)result;
    struct on_done call = *CONTAINER(wait, struct on_done, wait);
    sys_free(CONTAINER(wait, struct on_done, wait));
    call.fn(call.arg, call.task);
}

static int on_done_drop(struct wait *wait)
{
    sys_free(CONTAINER(wait, struct on_done, wait));
    return 0;
}

static const struct wait_ops on_done_ops = {.drop = on_done_drop, .fire = on_done_fire};

int bide_task_on_done(struct bide_task *task, void (*fn)(void *arg, struct bide_task *task), void *arg)
{
    if (!task || !fn) return -EINVAL;
    handle_look("watches", task);
    if (task_done(task)) {
        struct bide_task *self = task_current;
        cancel_settle();
        task_current = NULL; /* it is called outside of tasks */
        fn(arg, task);
        task_current = self;
        return 0;
    }
    struct on_done *call = sys_alloc(sizeof *call);
    if (!call) return -ENOMEM;
    wait_init(&call->wait, &on_done_ops);
    call->fn = fn;
    call->arg = arg;
    call->task = task;
    task_watch(task, &call->wait);
    return 0;
}
