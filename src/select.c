/* SPDX-License-Identifier: MIT */
/*
 * bide_select: first looks whether a case is ready; if not, one wait for each of them, side by side
 * in one park. The waits stand in the cases' own opaque words: nothing is allocated.
 *
 * Each wait fires when its source wakes it, so that it can say which case it was: it writes the
 * case's code, takes plain ops, and is woken again, now with the index; that drops the others. A
 * descriptor's looks whether there is anything before that, and else watches on: a select keeps its
 * places in line when another task was faster to read.
 */
#include "attempt.h"
#include "cancel.h"
#include "loop.h"
#include "queue.h"
#include "sys.h"

#include <bide/select.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

enum { EVENTS = POLLIN | POLLOUT };

struct select {
    struct bide_select_case *cases;
    size_t n;
    struct wait *first; /* of the waits beside each other */
    struct timer timer;
    bool has_fds;
};

/* In the opaque words of a case. */
struct __attribute__((may_alias)) place {
    union {
        struct wait wait;
        struct queue_wait queue;
        struct fd_wait fd;
    };
    struct select *select;
    size_t next; /* of the first case: where the search begins, plus 1; 0: it is new */
};

_Static_assert(sizeof(struct place) <= sizeof(((struct bide_select_case *)0)->opaque), "it must fit");

static struct place *place_of(struct bide_select_case *at)
{
    return (struct place *)(void *)at->opaque;
}

static struct bide_select_case *case_of(struct place *place)
{
    return CONTAINER(place, struct bide_select_case, opaque);
}

/* ---- waiting ---- */

static int drop_fd_case(struct wait *wait)
{
    poller_unwatch(CONTAINER(wait, struct fd_wait, wait));
    return 0;
}

static void describe_case(const struct wait *wait, char *text, size_t size)
{
    const struct place *place = CONTAINER(wait, struct place, wait);
    snprintf(text, size, "selects among %zu cases", place->select->n);
}

static void describe_timer(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "selects among %zu cases", CONTAINER(wait, struct select, timer.wait)->n);
}

/* What a wait has when its case has happened: it is out of its source, and only resumes the task. */
static const struct wait_ops happened_ops;

static void happen(struct place *place, int code)
{
    struct bide_select_case *at = case_of(place);
    at->code = code;
    place->wait.ops = &happened_ops;
    wake(&place->wait, (int)(at - place->select->cases));
}

static void queue_case_fire(struct wait *wait, int result)
{
    happen(CONTAINER(wait, struct place, wait), result);
}

static void fd_case_fire(struct wait *wait, int result)
{
    struct place *place = CONTAINER(wait, struct place, wait);
    const struct bide_select_case *at = case_of(place);
    if (result >= 0) result = sys_poll(at->fd, at->events);
    if (result == 0)
        result = poller_watch(place->fd.poller, poller_find(place->fd.poller, at->fd), &place->fd);
    if (result != 0) happen(place, result);
}

static void timer_fire(struct wait *wait, int result)
{
    (void)result;
    wait->ops = &happened_ops;
    wake(wait, -EAGAIN);
}

static const struct wait_ops queue_case_ops = {
    .drop = waiters_drop, .describe = describe_case, .fire = queue_case_fire};
static const struct wait_ops fd_case_ops = {
    .drop = drop_fd_case, .describe = describe_case, .fire = fd_case_fire};
static const struct wait_ops timer_ops = {.drop = timer_drop, .describe = describe_timer, .fire = timer_fire};

/* ---- one case ---- */

static bool is_empty(const struct bide_select_case *at)
{
    return !at->queue && !at->events && !at->get && !at->put;
}

static bool is_sound(const struct bide_select_case *at)
{
    if (at->reserved) return false;
    if (at->queue) return !at->get != !at->put && !at->events;
    return at->events && !(at->events & ~EVENTS) && !at->get && !at->put;
}

/* Has it happen if it is ready: -EAGAIN if not. */
static int try_case(struct bide_select_case *at)
{
    int code;
    if (at->queue) {
        code = at->get ? queue_try_get(at->queue, at->get) : queue_try_put(at->queue, at->put);
        if (code == -EAGAIN) return code;
    } else {
        code = poller_get_open(poller_current, at->fd) ? sys_poll(at->fd, at->events) : -errno;
        if (code == 0) return -EAGAIN;
    }
    at->code = code;
    return 0;
}

static void join_queue(struct bide_select_case *at, struct place *place)
{
    struct waiters *line = at->get ? &at->queue->getters.waiters : &at->queue->putters.waiters;
    wait_init(&place->wait, &queue_case_ops);
    place->queue.queue = at->queue;
    place->queue.item = at->get ? at->get : (void *)(uintptr_t)at->put;
    queue_check(at->queue, line);
    waiters_join(line, &place->wait);
}

static int join_fd(const struct bide_select_case *at, struct place *place)
{
    struct descriptor *descriptor = poller_get_open(poller_current, at->fd);
    if (!descriptor) return -errno;
    place->fd = (struct fd_wait){.events = (at->events & POLLIN ? EPOLLIN : 0) |
                                           (at->events & POLLOUT ? EPOLLOUT : 0)};
    wait_init(&place->wait, &fd_case_ops);
    return poller_watch(poller_current, descriptor, &place->fd);
}

/* ---- all of them ---- */

static int look_at_all(struct select *select)
{
    bool any = false;
    for (size_t i = 0; i < select->n; i++) {
        const struct bide_select_case *at = &select->cases[i];
        if (is_empty(at)) continue;
        if (!is_sound(at)) return -EINVAL;
        any = true;
        if (!at->queue) select->has_fds = true;
    }
    return any ? 0 : -EINVAL;
}

/* The index of the first case that is ready, from the one whose turn it is on; it has then happened. */
static int try_all(struct select *select)
{
    const size_t next = place_of(select->cases)->next;
    const size_t start = (next ? next - 1 : loop_draw(loop_current())) % select->n;
    for (size_t i = 0; i < select->n; i++) {
        const size_t index = start + i < select->n ? start + i : start + i - select->n;
        if (!is_empty(&select->cases[index]) && try_case(&select->cases[index]) == 0) return (int)index;
    }
    return -EAGAIN;
}

static void drop_all(struct select *select)
{
    for (struct wait *wait = select->first; wait; wait = wait->beside)
        (void)wait->ops->drop(wait); /* none of these may refuse */
}

static void stand_beside(struct select *select, struct wait *wait)
{
    wait->beside = select->first;
    select->first = wait;
}

/* Waits for all cases. A descriptor that cannot be watched has happened: it says so. */
static int wait_for_all(struct select *select, double timeout)
{
    for (size_t i = 0; i < select->n; i++) {
        struct bide_select_case *at = &select->cases[i];
        struct place *place = place_of(at);
        if (is_empty(at)) continue;
        place->select = select;
        if (at->queue) {
            join_queue(at, place);
        } else {
            const int code = join_fd(at, place);
            if (code < 0) {
                at->code = code;
                drop_all(select);
                return (int)i;
            }
        }
        stand_beside(select, &place->wait);
    }
    cancel_arm(); /* the scopes' deadlines were there first */
    timer_init(&select->timer, &timer_ops);
    timer_start(&select->timer, clock_after(timers_now(timers_current), clock_ns(timeout)));
    stand_beside(select, &select->timer.wait);
    return park(select->first);
}

static int others_first(void)
{
    park_yield();
    return cancel_cut();
}

static int perform(struct select *select, double timeout)
{
    int code = cancel_check();
    if (code == 0 && select->has_fds && attempt_is_long()) code = others_first();
    if (code < 0) return code;
    code = try_all(select);
    if (code != -EAGAIN) return code;
    if (timeout > 0) return wait_for_all(select, timeout);
    code = others_first();
    return code < 0 ? code : try_all(select);
}

int bide_select(struct bide_select_case *cases, size_t n, double timeout)
{
    if (!task_current) return -EPERM;
    if (!cases || n == 0 || n > INT_MAX || timeout != timeout) return -EINVAL;
    struct select select = {.cases = cases, .n = n};
    int code = look_at_all(&select);
    if (code < 0) return code;
    code = perform(&select, timeout);
    if (code >= 0) place_of(cases)->next = (size_t)code + 2; /* the one behind it, plus 1 */
    return code;
}
