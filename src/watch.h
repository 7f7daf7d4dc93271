/* SPDX-License-Identifier: MIT */
/*
 * Watching many tasks without taking them: for each a wait that fires at its end. Whose the handle is may
 * release the task right after, so nothing of an ended task is looked at later.
 */
#ifndef WATCH_H
#define WATCH_H

#include "task.h"

struct watcher;

struct watch {
    struct wait wait; /* among those who watch the task; its link is the watcher's once that has ended */
    struct watcher *watcher;
    struct bide_task *task;
};

struct watcher {
    struct watch *watches;
    size_t n;
    void (*ended)(struct watcher *watcher, struct watch *watch, int result);
};

/* Whether the running task may wait for them: 0, -EINVAL for none, -EDEADLK for itself. */
int watch_check(const char *verb, struct bide_task *const *tasks, size_t n);

/* Memory for n watches behind a struct of that size, or NULL. */
void *watch_alloc(size_t size, size_t n);

/* Watches them; of those that have ended, or are NULL, it is told at once. */
void watcher_start(struct watcher *watcher, struct bide_task *const *tasks);

/* Those that have not ended are no longer watched. */
void watcher_stop(struct watcher *watcher);

#endif
