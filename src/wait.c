/* SPDX-License-Identifier: MIT */
/*
 * bide_wait: one park, beside a timer, for many watched tasks. It is woken once, by the end that satisfies
 * the mode; ends that come after that, before it runs, are counted too.
 */
#include "cancel.h"
#include "sys.h"
#include "watch.h"

#include <bide/wait.h>
#include <errno.h>
#include <stdio.h>

enum { FEW = 8 }; /* so many need no memory but the stack */

struct waiting {
    struct watcher watcher;
    struct wait wait;   /* parked on, until the mode is satisfied */
    struct timer timer; /* beside it */
    enum bide_wait_mode mode;
    size_t done;
    bool failed;
    bool parked;
};

static bool is_satisfied(const struct waiting *waiting)
{
    if (waiting->mode == BIDE_FIRST_COMPLETED && waiting->done > 0) return true;
    if (waiting->mode == BIDE_FIRST_EXCEPTION && waiting->failed) return true;
    return waiting->done == waiting->watcher.n;
}

static void one_ended(struct watcher *watcher, struct watch *watch, int result)
{
    (void)watch;
    struct waiting *waiting = CONTAINER(watcher, struct waiting, watcher);
    waiting->done++;
    if (result < 0 && result != -ECANCELED) waiting->failed = true;
    if (!waiting->parked || !is_satisfied(waiting)) return;
    waiting->parked = false;
    wake(&waiting->wait, 0);
}

static int drop_waiting(struct wait *wait)
{
    CONTAINER(wait, struct waiting, wait)->parked = false;
    return 0;
}

static void describe_waiting(const struct wait *wait, char *text, size_t size)
{
    const struct waiting *waiting = CONTAINER(wait, struct waiting, wait);
    const char *const which[] = {"the first", "the first failure", "all"};
    snprintf(text, size, "waits for %s of %zu tasks", which[waiting->mode], waiting->watcher.n);
}

static const struct wait_ops waiting_ops = {.drop = drop_waiting, .describe = describe_waiting};
static const struct wait_ops timeout_ops = {.drop = timer_drop};

/* Parks until the mode is satisfied or the time is up: 0, or why it was cut short. */
static int wait_until_satisfied(struct waiting *waiting, double timeout)
{
    if (is_satisfied(waiting)) return 0;
    if (timeout <= 0) return park_yield();
    cancel_arm(); /* the scopes' deadlines were there first */
    wait_init(&waiting->wait, &waiting_ops);
    timer_init(&waiting->timer, &timeout_ops);
    timer_start(&waiting->timer, clock_after(timers_now(timers_current), clock_ns(timeout)));
    waiting->wait.beside = &waiting->timer.wait;
    waiting->parked = true;
    return park(&waiting->wait);
}

ssize_t bide_wait(struct bide_task *const *tasks, size_t n, enum bide_wait_mode mode, double timeout)
{
    if (!task_current) return -EPERM;
    if (timeout != timeout || (unsigned)mode > BIDE_ALL_COMPLETED) return -EINVAL;
    int code = watch_check("waits for", tasks, n);
    if (code == 0) code = cancel_check();
    if (code < 0) return code;
    struct watch few[FEW];
    struct watch *many = n > FEW ? watch_alloc(0, n) : NULL;
    if (n > FEW && !many) return -ENOMEM;
    struct waiting waiting = {.watcher = {many ? many : few, n, one_ended}, .mode = mode};
    watcher_start(&waiting.watcher, tasks);
    code = wait_until_satisfied(&waiting, timeout);
    watcher_stop(&waiting.watcher);
    sys_free(many);
    return code < 0 ? code : (ssize_t)waiting.done;
}
