/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - taken[side] is set while somebody holds the turn and is parked, or was just handed it. It is
 *    handed over, never freed, while others queue for it.
 *  - Whoever was parked looks at the generation before anything else of the descriptor: it may stand
 *    for something new by then, whose turns are not his.
 *  - drained is set only after a short read of a registered socket without an event of its end, and is
 *    cleared by every event: so what is there to be read, or will be, has an event to come.
 */
#include "attempt.h"

#include "loop.h"
#include "sys.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { STREAK = 64 }; /* calls that find data at hand, before others get their turn */

/* ---- waiting ---- */

static int drop_fd_wait(struct wait *wait)
{
    poller_unwatch(CONTAINER(wait, struct fd_wait, wait));
    return 0;
}

static void describe_fd_wait(const struct wait *wait, char *text, size_t size)
{
    const struct fd_wait *fd_wait = CONTAINER(wait, struct fd_wait, wait);
    const char *what = fd_wait->events == EPOLLIN ? "read" : fd_wait->events == EPOLLOUT ? "write" : "poll";
    snprintf(text, size, "waits to %s descriptor %d", what, fd_wait->fd);
}

static const struct wait_ops fd_wait_ops = {.drop = drop_fd_wait, .describe = describe_fd_wait};

static int drop_turn(struct wait *wait)
{
    list_remove(&wait->link);
    return 0;
}

static void describe_turn(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for its turn at a descriptor");
}

static const struct wait_ops turn_ops = {.drop = drop_turn, .describe = describe_turn};

int attempt_wait(struct descriptor *descriptor, uint32_t events)
{
    struct fd_wait wait = {.events = events};
    wait_init(&wait.wait, &fd_wait_ops);
    const int code = poller_watch(poller_current, descriptor, &wait);
    return code < 0 ? code : park(&wait.wait);
}

ssize_t attempt_ready(const struct attempt *attempt)
{
    const int wanted = attempt->side == SIDE_IN ? POLLIN : POLLOUT;
    const int events = sys_poll(attempt->fd, wanted);
    if (events <= 0) return events < 0 ? events : -EAGAIN;
    /* A terminal whose other side has hung up need not take what is written. */
    return wanted == POLLOUT && !(events & (POLLOUT | POLLERR)) ? -EAGAIN : 0;
}

/* ---- in a thread: files block, whatever their flags say ---- */

struct thread_attempt {
    struct job job;
    const struct attempt *attempt;
    ssize_t result;
};

static int try_in_thread(void *arg)
{
    struct thread_attempt *call = arg;
    call->result = call->attempt->try(call->attempt, HOW_THREAD);
    return 0;
}

static int drop_thread_attempt(struct wait *wait)
{
    return pool_withdraw(&CONTAINER(wait, struct thread_attempt, job.wait)->job);
}

static void describe_thread_attempt(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "waits for a thread to use descriptor %d",
             CONTAINER(wait, struct thread_attempt, job.wait)->attempt->fd);
}

static const struct wait_ops thread_attempt_ops = {.drop = drop_thread_attempt,
                                                   .describe = describe_thread_attempt};

/*
 * Once a thread has begun it is not cut short: what was done is told, and the next call fails. A
 * descriptor that is closed meanwhile keeps its number until then, so that the thread cannot hit another.
 */
static __attribute__((noinline)) ssize_t perform_in_thread(struct descriptor *descriptor,
                                                           const struct attempt *attempt)
{
    struct thread_attempt call = {.attempt = attempt};
    call.job.fn = try_in_thread;
    call.job.arg = &call;
    wait_init(&call.job.wait, &thread_attempt_ops);
    if (pool_submit(&loop_current()->pool, &call.job) < 0) return -ENOMEM;
    descriptor->threads++;
    const int code = park(&call.job.wait);
    if (--descriptor->threads == 0 && descriptor->closing) {
        descriptor->closing = false;
        (void)sys_close(descriptor->fd); /* whoever gave it up has been told that it was */
    }
    return code < 0 ? code : call.result;
}

/* ---- turns ---- */

bool attempt_is_long(void)
{
    if (++poller_current->streak <= STREAK) return false;
    poller_current->streak = 0;
    return true;
}

static int turn_take(struct descriptor *descriptor, enum side side)
{
    if (descriptor->taken[side]) {
        struct turn turn = {.side = side};
        wait_init(&turn.wait, &turn_ops);
        list_append(&descriptor->turns, &turn.wait.link);
        return park(&turn.wait); /* it stays taken: handed over */
    }
    descriptor->taken[side] = true;
    return 0;
}

static struct wait *first_in_line(const struct descriptor *descriptor, enum side side)
{
    for (struct node *node = descriptor->turns.next; node != &descriptor->turns; node = node->next) {
        struct turn *turn = CONTAINER(node, struct turn, wait.link);
        if (turn->side == side) return &turn->wait;
    }
    return NULL;
}

static void turn_give(struct descriptor *descriptor, enum side side)
{
    struct wait *next = first_in_line(descriptor, side);
    descriptor->taken[side] = next != NULL; /* it stays taken: handed over */
    if (!next) return;
    list_remove(&next->link);
    wake(next, 0);
}

/* ---- trying ---- */

static bool is_tcp(struct descriptor *descriptor)
{
    if (descriptor->streaming == STREAMING_UNKNOWN)
        descriptor->streaming = sys_is_plain_tcp(descriptor->fd) ? STREAMING_TCP : STREAMING_NOT;
    return descriptor->streaming == STREAMING_TCP;
}

/*
 * A short read has emptied a TCP socket, and what comes later makes an event, as epoll knows of it
 * already: the next read may wait without trying, which saves one of three system calls of a request.
 */
static inline void note_short_read(struct descriptor *descriptor)
{
    if (descriptor->own && descriptor->registered && !descriptor->disturbed && is_tcp(descriptor))
        descriptor->drained = true;
}

static inline ssize_t try_once(struct descriptor *descriptor, const struct attempt *attempt)
{
    if (descriptor->file) return IN_THREAD;
    if (descriptor->drained && attempt->drains && attempt->size > 0) return -EAGAIN;
    const ssize_t n = attempt->try(attempt, descriptor->own ? HOW_OWN : HOW_FOREIGN);
    if (n > 0 && attempt->drains && (size_t)n < attempt->size) note_short_read(descriptor);
    return n;
}

/* The try has to wait, or to be made in a thread. -EAGAIN: now it is worth another one. */
static inline ssize_t wait_for_more(struct descriptor *descriptor, const struct attempt *attempt, ssize_t n)
{
    int code = cancel_cut();
    if (code == 0 && n == -EAGAIN)
        code = attempt_wait(descriptor, attempt->side == SIDE_IN ? EPOLLIN : EPOLLOUT);
    const bool is_file = code == -EPERM && !descriptor->own; /* epoll knows no such thing */
    if (is_file || (code == 0 && n == IN_THREAD)) return perform_in_thread(descriptor, attempt);
    return code < 0 ? code : -EAGAIN;
}

static bool is_refusing_to_wait(const struct attempt *attempt)
{
    return attempt->flags & MSG_DONTWAIT;
}

/* It comes while the kernel is at work. Always inlined, as gcc drops a call that only fetches. */
static inline __attribute__((always_inline)) void fetch(const char *next)
{
    if (!next) return;
    __builtin_prefetch(next);
    __builtin_prefetch(next + 64);
}

/*
 * Tries until it need not wait any more. The turn is taken before the first wait, if it was not handed over,
 * and given in the end. In one function, as its frame and its caller's are all that lies below a waiting
 * task: of a thousand of them each line comes from far.
 */
static __attribute__((noinline)) ssize_t try_until_done(struct descriptor *descriptor,
                                                        const struct attempt *attempt, bool has_turn)
{
    const uint32_t generation = descriptor->generation;
    ssize_t n;
    while ((n = try_once(descriptor, attempt)) == -EAGAIN || n == IN_THREAD) {
        if (is_refusing_to_wait(attempt)) return -EAGAIN;
        has_turn = descriptor->taken[attempt->side] = true;
        n = wait_for_more(descriptor, attempt, n);
        if (descriptor->generation != generation) return n == -EAGAIN ? -EBADF : n; /* closed meanwhile */
        if (n != -EAGAIN) break;
        fetch(attempt->next);
    }
    if (has_turn) turn_give(descriptor, attempt->side);
    return n;
}

/*
 * It has to wait for its turn; or others run before the try, while the turn is held, so that who asked first
 * is served first.
 */
static __attribute__((noinline)) ssize_t perform_after_others(struct descriptor *descriptor,
                                                              const struct attempt *attempt, bool yields)
{
    const uint32_t generation = descriptor->generation;
    const int refused = turn_take(descriptor, attempt->side);
    if (refused < 0) return refused;
    if (yields && descriptor->generation == generation) park_yield();
    if (descriptor->generation != generation) return -EBADF;
    const int code = yields ? cancel_cut() : 0;
    if (code == 0) return try_until_done(descriptor, attempt, true);
    turn_give(descriptor, attempt->side);
    return code;
}

ssize_t attempt_perform(const struct attempt *attempt)
{
    const int code = cancel_check();
    if (code < 0) return code;
    struct descriptor *descriptor = poller_get_open(poller_current, attempt->fd);
    if (!descriptor) return -errno;
    const bool yields = attempt_is_long() && !is_refusing_to_wait(attempt);
    if (!yields && !descriptor->taken[attempt->side]) return try_until_done(descriptor, attempt, false);
    return is_refusing_to_wait(attempt) ? -EAGAIN : perform_after_others(descriptor, attempt, yields);
}
