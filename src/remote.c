/* SPDX-License-Identifier: MIT */
/*
 * Tasks that another thread starts, waits for and cancels. A remote has two owners, the thread and
 * the loop, each with a reference; its lock guards all that both look at.
 */
#include "loop.h"
#include "sys.h"

#include <bide/call.h>
#include <errno.h>
#include <time.h>

struct bide_remote {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct bide_loop *loop;
    struct letter start;
    struct letter cancel;
    struct wait owner;      /* of the task */
    struct bide_task *task; /* while it runs; the loop's */
    bide_fn fn;
    void *arg;
    int result;
    struct failure *failure; /* its text, or NULL */
    unsigned
        forks; /* task_forks, when it was made: in a forked child nobody ends it, and its lock may be held */
    unsigned references;
    unsigned cancels; /* that the letter brings; it is under way if there are any */
    bool over;
    bool let_go; /* the thread will not look at it any more */
};

static void put(struct bide_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
    const bool last = --remote->references == 0;
    pthread_mutex_unlock(&remote->lock);
    if (!last) return;
    sys_free(remote->failure);
    pthread_cond_destroy(&remote->ended);
    pthread_mutex_destroy(&remote->lock);
    sys_free(remote);
}

/* ---- in the loop ---- */

static void end(struct bide_remote *remote, int result, struct failure *failure)
{
    pthread_mutex_lock(&remote->lock);
    remote->task = NULL;
    remote->result = result;
    remote->failure = failure;
    remote->over = true;
    pthread_cond_broadcast(&remote->ended);
    pthread_mutex_unlock(&remote->lock);
    put(remote);
}

static void remote_fire(struct wait *wait, int result)
{
    struct bide_remote *remote = CONTAINER(wait, struct bide_remote, owner);
    struct bide_task *task = wait->task;
    pthread_mutex_lock(&remote->lock);
    const bool let_go = remote->let_go;
    pthread_mutex_unlock(&remote->lock);
    if (let_go) task_report(task);
    struct failure *failure = failure_copy(task_failure(task, result));
    task_release(task);
    end(remote, result, failure);
}

static const struct wait_ops remote_ops = {.fire = remote_fire};

static void open_start(struct letter *letter)
{
    struct bide_remote *remote = CONTAINER(letter, struct bide_remote, start);
    const struct task_plan plan = {.fn = remote->fn, .arg = remote->arg, .owner = &remote->owner};
    wait_init(&remote->owner, &remote_ops);
    struct bide_task *task = task_create(&plan);
    if (!task) {
        end(remote, -errno, NULL);
        return;
    }
    pthread_mutex_lock(&remote->lock);
    remote->task = task;
    pthread_mutex_unlock(&remote->lock);
    task_start(task);
}

static void open_cancel(struct letter *letter)
{
    struct bide_remote *remote = CONTAINER(letter, struct bide_remote, cancel);
    pthread_mutex_lock(&remote->lock);
    const unsigned cancels = remote->cancels;
    remote->cancels = 0;
    struct bide_task *task = remote->task; /* only this thread ends it */
    pthread_mutex_unlock(&remote->lock);
    for (unsigned i = 0; task && i < cancels; i++) cancel_by_call(task);
    put(remote);
}

/* ---- in the other thread ---- */

static struct bide_remote *remote_new(struct bide_loop *loop, bide_fn fn, void *arg)
{
    struct bide_remote *remote = sys_alloc(sizeof *remote);
    if (!remote) return NULL;
    *remote = (struct bide_remote){.loop = loop, .fn = fn, .arg = arg, .forks = task_forks, .references = 2};
    remote->start.open = open_start;
    remote->cancel.open = open_cancel;
    pthread_condattr_t attributes;
    pthread_mutex_init(&remote->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&remote->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return remote;
}

struct bide_remote *bide_start_threadsafe(struct bide_loop *loop, bide_fn fn, void *arg)
{
    int code = !loop || !fn ? -EINVAL : loop_is_inherited(loop) ? -EPERM : 0;
    struct bide_remote *remote = code == 0 ? remote_new(loop, fn, arg) : NULL;
    if (remote && (code = mailbox_send(&loop->mailbox, &remote->start)) == 0) return remote;
    errno = remote || code < 0 ? -code : ENOMEM;
    if (remote) {
        remote->references = 1;
        put(remote);
    }
    return NULL;
}

static bool is_own_loop(const struct bide_loop *loop)
{
    return sched_current && loop_current() == loop;
}

/* Waits under the lock. */
static int wait_until_over(struct bide_remote *remote, int64_t deadline)
{
    const struct timespec when = {(time_t)(deadline / CLOCK_SECOND), (long)(deadline % CLOCK_SECOND)};
    while (!remote->over) {
        const int code = deadline == CLOCK_NEVER
                             ? pthread_cond_wait(&remote->ended, &remote->lock)
                             : pthread_cond_timedwait(&remote->ended, &remote->lock, &when);
        if (code == ETIMEDOUT && !remote->over) return -ETIMEDOUT;
    }
    return 0;
}

int bide_remote_wait(struct bide_remote *remote, double seconds, int *result)
{
    if (!remote || seconds != seconds) return -EINVAL;
    if (remote->forks != task_forks) return -EPERM;
    const int64_t ns = clock_ns(seconds);
    const int64_t deadline = clock_after(sys_clock_ns(), ns > 0 ? ns : 0);
    pthread_mutex_lock(&remote->lock);
    int code = 0;
    if (!remote->over) code = is_own_loop(remote->loop) ? -EDEADLK : wait_until_over(remote, deadline);
    const int work = remote->result;
    if (code == 0 && work < 0) task_see_failure(task_current, work, failure_copy(remote->failure));
    pthread_mutex_unlock(&remote->lock);
    if (code < 0) return code;
    if (!result) return work < 0 ? work : 0;
    *result = work;
    return 0;
}

int bide_remote_cancel(struct bide_remote *remote)
{
    if (!remote || remote->forks != task_forks) return 0;
    pthread_mutex_lock(&remote->lock);
    const bool over = remote->over;
    const bool send = !over && remote->cancels == 0;
    if (send) remote->references++;
    if (!over) remote->cancels++;
    pthread_mutex_unlock(&remote->lock);
    if (send && mailbox_send(&remote->loop->mailbox, &remote->cancel) < 0)
        put(remote); /* the loop cancels all as it ends */
    return !over;
}

void bide_remote_free(struct bide_remote *remote)
{
    if (!remote || remote->forks != task_forks) return;
    pthread_mutex_lock(&remote->lock);
    remote->let_go = true;
    pthread_mutex_unlock(&remote->lock);
    put(remote);
}

int bide_run_threadsafe(struct bide_loop *loop, bide_fn fn, void *arg, int *result)
{
    if (!loop || !fn) return -EINVAL;
    if (is_own_loop(loop)) return -EDEADLK;
    struct bide_remote *remote = bide_start_threadsafe(loop, fn, arg);
    if (!remote) return -errno;
    const int code = bide_remote_wait(remote, BIDE_FOREVER, result);
    bide_remote_free(remote);
    return code;
}
