/* SPDX-License-Identifier: MIT */
/* Invariant: a watch is among its task's watchers exactly until the task ends or the watcher stops. */
#include "watch.h"

#include "handle.h"
#include "sys.h"

#include <errno.h>

int watch_check(const char *verb, struct bide_task *const *tasks, size_t n)
{
    if (!tasks || n == 0) return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (!tasks[i]) continue;
        handle_meet(verb, tasks[i]);
        if (tasks[i] == task_current) return -EDEADLK;
    }
    return 0;
}

void *watch_alloc(size_t size, size_t n)
{
    return n <= (PTRDIFF_MAX - size) / sizeof(struct watch) ? sys_alloc(size + n * sizeof(struct watch))
                                                            : NULL;
}

static void watch_fire(struct wait *wait, int result)
{
    (void)result;
    struct watch *watch = CONTAINER(wait, struct watch, wait);
    watch->watcher->ended(watch->watcher, watch, task_result(watch->task));
}

static const struct wait_ops watch_ops = {.fire = watch_fire};

void watcher_start(struct watcher *watcher, struct bide_task *const *tasks)
{
    for (size_t i = 0; i < watcher->n; i++) {
        struct watch *watch = &watcher->watches[i];
        wait_init(&watch->wait, &watch_ops);
        watch->watcher = watcher;
        watch->task = tasks[i];
        if (tasks[i] && !task_done(tasks[i]))
            task_watch(tasks[i], &watch->wait);
        else
            watcher->ended(watcher, watch, tasks[i] ? task_result(tasks[i]) : -ENOMEM);
    }
}

void watcher_stop(struct watcher *watcher)
{
    for (size_t i = 0; i < watcher->n; i++) list_remove(&watcher->watches[i].wait.link);
}
