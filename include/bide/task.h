/* SPDX-License-Identifier: MIT */
/*
 * Tasks: functions that run at once, each on a stack of its own, and give way to each other
 * only where they wait.
 *
 * A stack has a guard page below it: a task that overflows it dies of SIGSEGV there and
 * harms no neighbour. What usual calls of libc need of it, rounded up, in KiB (measured with
 * glibc 2.36 on x86-64):
 *
 *     malloc, fopen        1      sscanf, syslog       4      getaddrinfo           12
 *     snprintf("%d %s")    2      printf("%f")         5      regcomp + regexec     20
 *     qsort                2      bide's own calls     1      printf("%Lf"), 1e4900 34
 *
 * The first call of each function of a shared library takes 4 more, where it is bound lazily.
 */
#ifndef BIDE_TASK_H
#define BIDE_TASK_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The stack of a task in bytes, where neither task nor loop options say another size. */
#define BIDE_STACK_DEFAULT ((size_t)64 * 1024)

/* How a task is made. All zero is the default; a NULL pointer to it too. */
struct bide_task_options {
    const char *name;     /* copied; NULL: "task-N" */
    size_t stack_size;    /* bytes, rounded up; about 1 KiB of it is bide's. 0: the loop's;
                           * less than bide_stack_min(): EINVAL */
    bool eager;           /* run it at once, up to its first wait, before this call returns */
    uint64_t reserved[4]; /* zero */
};

/* The smallest stack size that a task may have: a signal handler must fit on it. */
BIDE_API size_t bide_stack_min(void);

/*
 * Starts fn(arg) as a task, which runs as soon as this one waits. The handle is the caller's:
 * it must be given to bide_await, bide_gather_tasks or bide_detach, once. A task that is
 * cancelled before its first run still runs; its first call that may wait fails.
 *
 *     struct bide_task *task = bide_create_task(fetch, &page);
 *     ... other work ...
 *     int result;
 *     if (bide_await(task, &result) < 0) return -ECANCELED;   // my wait was cut short
 *     if (result < 0) return result;                          // fetch failed
 *
 * Errors (NULL and errno): EPERM where no loop runs, EINVAL for a NULL fn, ENOMEM. NULL may be
 * passed on: it counts everywhere as a task that failed with -ENOMEM.
 */
BIDE_API struct bide_task *bide_create_task(bide_fn fn, void *arg);

/* The same with options. Errors: also EINVAL for options that make no sense. */
BIDE_API struct bide_task *bide_create_task_with(const struct bide_task_options *opt, bide_fn fn, void *arg);

/*
 * Waits until the task has ended, and takes its handle. May wait. When this wait is cut short
 * the task is cancelled and still joined, so that what it works on may live on this stack.
 *
 * result: where its result goes, always written (but for -EPERM and -EDEADLK); or NULL.
 * Returns 0, -ECANCELED or -ETIMEDOUT. Errors: -EPERM outside a task, -EDEADLK for oneself or
 * a ring of tasks that await each other: the handle is then not taken. A handle that has been
 * taken before aborts the program, where that can be seen. A handle of a group's task is not
 * taken and may be awaited again.
 */
BIDE_API int bide_await(struct bide_task *task, int *result);

/*
 * Gives the handle back: the task runs on by itself, and its failure, unless it is -ECANCELED,
 * goes to .on_error. NULL does nothing. A handle of a group's task aborts, as one does that has been
 * taken before.
 */
BIDE_API void bide_detach(struct bide_task *task);

/*
 * Sleeps for that many seconds; <= 0 only lets the other ready tasks run once. May wait.
 * Returns 0, -ECANCELED or -ETIMEDOUT. Errors: -EPERM outside a task, -EINVAL for NaN.
 */
BIDE_API int bide_sleep(double seconds);

/* Lets the other ready tasks run once. May wait; returns and fails as bide_sleep. */
BIDE_API int bide_yield(void);

/* The task that runs, borrowed, or NULL outside of one. */
BIDE_API struct bide_task *bide_current_task(void);

/*
 * Writes up to n of the loop's tasks that have not ended to tasks, borrowed until the next
 * call that may wait. Returns how many there are, which may be more than n; 0 where no loop
 * runs.
 */
BIDE_API size_t bide_all_tasks(struct bide_task **tasks, size_t n);

/* The task's name; valid until it is renamed or freed. "(none)" for NULL. */
BIDE_API const char *bide_task_name(const struct bide_task *task);

/* Renames the task; name is copied. Errors: -ENOMEM, -EINVAL for NULL; the old name then stays. */
BIDE_API int bide_task_set_name(struct bide_task *task, const char *name);

/* Whether the task has ended. True for NULL. */
BIDE_API bool bide_task_done(const struct bide_task *task);

/* What the ended task returned; -EINPROGRESS while it has not ended; -ENOMEM for NULL. */
BIDE_API int bide_task_result(const struct bide_task *task);

/*
 * Has fn(arg, task) called once when the task has ended, before those that await it go on, in
 * the order of registration; at once if it has ended. fn runs outside of any task (it must not
 * wait: -EPERM) and borrows the handle. Errors: -EINVAL for a NULL task or fn, -ENOMEM.
 */
BIDE_API int bide_task_on_done(struct bide_task *task, void (*fn)(void *arg, struct bide_task *task),
                               void *arg);

#ifdef __cplusplus
}
#endif

#endif
