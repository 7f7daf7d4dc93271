/* SPDX-License-Identifier: MIT */
/*
 * Functions that the loop calls when a descriptor is ready.
 *
 * Invariant: a handle is pending as a call whose time never comes, with its watch as argument, exactly as
 * long as the watch is linked into its descriptor. What is left when the loop ends is freed with it.
 */
#include "call.h"
#include "loop.h"
#include "sys.h"

#include <errno.h>
#include <poll.h>

struct fd_watch {
    struct node node; /* among the loop's leftovers */
    struct fd_wait wait;
    struct bide_handle *handle;
    int fd, events;
    void (*fn)(void *arg);
    void *arg;
};

static void watch_free(void *arg)
{
    struct fd_watch *watch = arg;
    poller_unwatch(&watch->wait);
    list_remove(&watch->node);
    sys_free(watch);
}

static int watch_start(struct fd_watch *watch, struct descriptor *descriptor)
{
    return poller_watch(poller_current, descriptor, &watch->wait);
}

/* Others have events, too, and errors are told to all: it may not be ready for its own. */
static bool is_spurious(struct fd_watch *watch, int result)
{
    struct descriptor *descriptor = poller_find(poller_current, watch->fd);
    return result >= 0 && sys_poll(watch->fd, watch->events) == 0 && watch_start(watch, descriptor) == 0;
}

static void watch_fire(struct wait *wait, int result)
{
    struct fd_watch *watch = CONTAINER(wait, struct fd_watch, wait.wait);
    if (is_spurious(watch, result)) return;
    const struct fd_watch done = *watch;
    (void)bide_handle_cancel(done.handle); /* which was pending, and frees the watch */
    if (result != -EBADF)
        (void)bide_call_soon(done.handle, done.fn, done.arg); /* with a handle that is free */
}

static const struct wait_ops watch_ops = {.fire = watch_fire};

/* Not ready yet: until it is, or never. */
static int call_when_ready(const struct fd_watch *plan, struct descriptor *descriptor)
{
    struct fd_watch *watch = sys_alloc(sizeof *watch);
    if (!watch) return -ENOMEM;
    *watch = *plan;
    list_init(&watch->node);
    watch->wait = (struct fd_wait){.events = (plan->events & POLLIN ? EPOLLIN : 0u) |
                                             (plan->events & POLLOUT ? EPOLLOUT : 0u)};
    wait_init(&watch->wait.wait, &watch_ops);
    int code = bide_call_later(plan->handle, BIDE_FOREVER, plan->fn, watch);
    if (code == 0 && (code = watch_start(watch, descriptor)) < 0) (void)bide_handle_cancel(plan->handle);
    if (code < 0) {
        sys_free(watch);
        return code;
    }
    ((struct call *)(void *)plan->handle)->drop = watch_free;
    list_append(&loop_current()->leftovers, &watch->node);
    return 0;
}

int bide_call_on_fd(struct bide_handle *handle, int fd, int events, void (*fn)(void *arg), void *arg)
{
    if (!sched_current) return -EPERM;
    if (!handle || !fn || !(events & (POLLIN | POLLOUT)) || events & ~(POLLIN | POLLOUT)) return -EINVAL;
    struct descriptor *descriptor = poller_get_open(poller_current, fd);
    if (!descriptor) return -errno;
    const int ready = sys_poll(fd, events);
    if (ready < 0) return ready;
    if (ready > 0) return bide_call_soon(handle, fn, arg);
    const struct fd_watch plan = {.handle = handle, .fd = fd, .events = events, .fn = fn, .arg = arg};
    return call_when_ready(&plan, descriptor);
}
