/* SPDX-License-Identifier: MIT */
/*
 * bide_as_completed. Invariants
 *  - Each watch is with its task, in `ended` in the order of the ends, or was given out.
 *  - Tasks stand in line only while `ended` is empty and some are left.
 *  - Who was woken got its task, and looks at the completions no more: they may have been freed.
 */
#include "misuse.h"
#include "sys.h"
#include "waiters.h"
#include "watch.h"

#include <bide/wait.h>
#include <errno.h>
#include <stdio.h>

struct bide_completions {
    struct watcher watcher;
    struct node ended;   /* of struct watch, by its wait's link */
    struct waiters line; /* of struct asker */
    size_t left;         /* not given out */
    struct watch watches[];
};

struct asker {
    struct wait wait;
    struct bide_task *task;
    bool got;
};

static void describe_asker(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for the next task to end");
}

static const struct wait_ops asker_ops = {.drop = waiters_drop, .describe = describe_asker};

static void give(struct bide_completions *completions, struct asker *asker, const struct watch *watch)
{
    asker->task = watch->task;
    asker->got = true;
    completions->left--;
}

static void one_ended(struct watcher *watcher, struct watch *watch, int result)
{
    (void)result;
    struct bide_completions *completions = CONTAINER(watcher, struct bide_completions, watcher);
    struct wait *wait = waiters_pop(&completions->line);
    if (!wait) {
        list_append(&completions->ended, &watch->wait.link);
        return;
    }
    give(completions, CONTAINER(wait, struct asker, wait), watch);
    wake(wait, 0);
    while (completions->left == 0 && (wait = waiters_pop(&completions->line))) wake(wait, 0);
}

struct bide_completions *bide_as_completed(struct bide_task *const *tasks, size_t n)
{
    int code = task_current ? watch_check("waits for", tasks, n) : -EPERM;
    struct bide_completions *completions = code == 0 ? watch_alloc(sizeof(struct bide_completions), n) : NULL;
    if (!completions) {
        errno = code < 0 ? -code : ENOMEM;
        return NULL;
    }
    *completions = (struct bide_completions){
        .watcher = {completions->watches, n, one_ended}, .line.sched = sched_current, .left = n};
    list_init(&completions->ended);
    watcher_start(&completions->watcher, tasks);
    return completions;
}

/* The next one: at hand, or waited for, or none. */
static int ask(struct bide_completions *completions, struct asker *asker)
{
    if (completions->left == 0) return 0;
    struct node *node = list_pop(&completions->ended);
    if (node) {
        give(completions, asker, CONTAINER(node, struct watch, wait.link));
        return 0;
    }
    wait_init(&asker->wait, &asker_ops);
    return waiters_park(&completions->line, &asker->wait);
}

int bide_next(struct bide_completions *completions, struct bide_task **task)
{
    if (!task_current) return -EPERM;
    if (!task) return -EINVAL;
    int code = cancel_check();
    if (code < 0) return code;
    if (!completions) return -ENOMEM;
    if (completions->line.sched != sched_current)
        misuse("task '%s' asks the completions at %p, which are another loop's", task_name(task_current),
               (void *)completions);
    struct asker asker = {.got = false};
    code = ask(completions, &asker);
    if (code < 0) return code;
    if (asker.got) *task = asker.task;
    return asker.got;
}

void bide_completions_free(struct bide_completions *completions)
{
    if (!completions) return;
    const struct wait *wait = waiters_pop(&completions->line);
    if (wait)
        misuse("task '%s' frees the completions at %p while task '%s' waits for the next",
               task_current ? task_name(task_current) : "(none)", (void *)completions, task_name(wait->task));
    watcher_stop(&completions->watcher);
    sys_free(completions);
}
