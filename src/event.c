/* SPDX-License-Identifier: MIT */
/*
 * Events. Those that waited when it was set go on, even if it is cleared before they run.
 *
 * Invariant: while it is set nobody is in line.
 */
#include "waiters.h"

#include <bide/sync.h>
#include <stdio.h>

struct __attribute__((may_alias)) event {
    bool set;
    struct waiters waiters; /* each an event_wait's */
};

_Static_assert(sizeof(struct event) <= sizeof(struct bide_event), "struct bide_event is too small");

struct event_wait {
    struct wait wait;
    const struct event *event;
};

static struct event *inside(const struct bide_event *event)
{
    return (struct event *)(uintptr_t)event;
}

static void describe_event(const struct wait *wait, char *text, size_t size)
{
    const struct event_wait *event_wait = CONTAINER(wait, const struct event_wait, wait);
    snprintf(text, size, "waits for the event at %p", (const void *)event_wait->event);
}

static const struct wait_ops event_ops = {.drop = waiters_drop, .describe = describe_event};

int bide_event_wait(struct bide_event *outside)
{
    struct event *event = inside(outside);
    const int code = cancel_check();
    if (code < 0 || event->set) return code;
    waiters_check(&event->waiters, "event", event);
    struct event_wait wait = {.event = event};
    wait_init(&wait.wait, &event_ops);
    return waiters_park(&event->waiters, &wait.wait);
}

void bide_event_set(struct bide_event *outside)
{
    struct event *event = inside(outside);
    waiters_check(&event->waiters, "event", event);
    event->set = true;
    for (struct wait *wait; (wait = waiters_pop(&event->waiters));) waiters_wake(&event->waiters, wait, 0);
}

void bide_event_clear(struct bide_event *event)
{
    inside(event)->set = false;
}

bool bide_event_is_set(const struct bide_event *event)
{
    return inside(event)->set;
}
