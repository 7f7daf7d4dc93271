/* SPDX-License-Identifier: MIT */
/*
 * A bucket of tokens that fills by the clock, and a line of tasks that want one each.
 *
 * Invariants
 *  - The timer runs exactly while somebody stands in line: for when the first one's token is there.
 *  - Who comes while somebody stands in line joins it.
 */
#include "waiters.h"

#include <bide/limiter.h>
#include <errno.h>
#include <stdio.h>

struct __attribute__((may_alias)) limiter {
    struct waiters waiters;
    struct timer timer;
    double rate; /* tokens in a nanosecond; 0: not initialised */
    double burst;
    double tokens;    /* that there were at `since_ns` */
    int64_t since_ns; /* -1: never asked yet */
};

_Static_assert(sizeof(struct limiter) <= sizeof(struct bide_limiter), "struct bide_limiter is too small");

struct limited {
    struct wait wait;
    struct limiter *limiter;
};

static const double NS = 1e9;
static const double LITTLE = 1e-3;    /* of a nanosecond, and */
static const double WHOLE = 1 - 1e-6; /* of a token: what rounding may make of a whole one */

static struct limiter *inside(struct bide_limiter *limiter)
{
    return (struct limiter *)limiter;
}

static int drop_limited(struct wait *wait)
{
    struct limiter *limiter = CONTAINER(wait, struct limited, wait)->limiter;
    list_remove(&wait->link);
    if (waiters_empty(&limiter->waiters)) timer_stop(&limiter->timer);
    return 0;
}

static void describe_limited(const struct wait *wait, char *text, size_t size)
{
    snprintf(text, size, "waits for the limiter at %p",
             (void *)CONTAINER(wait, struct limited, wait)->limiter);
}

static const struct wait_ops limited_ops = {.drop = drop_limited, .describe = describe_limited};

static void refill(struct limiter *limiter)
{
    const int64_t now = timers_now(timers_current);
    const double passed =
        now > limiter->since_ns ? (double)(now - limiter->since_ns) : 0; /* of another clock */
    limiter->tokens = limiter->since_ns < 0 ? limiter->burst : limiter->tokens + passed * limiter->rate;
    if (limiter->tokens > limiter->burst) limiter->tokens = limiter->burst;
    limiter->since_ns = now;
}

static bool take(struct limiter *limiter)
{
    if (limiter->tokens < WHOLE) return false;
    limiter->tokens -= 1;
    return true;
}

/* For when there will be a whole token: rounded up, as a timer that comes early would come again at once. */
static void start_timer(struct limiter *limiter)
{
    const double ns = (1 - limiter->tokens) / limiter->rate;
    int64_t whole = ns < (double)CLOCK_NEVER / 2 ? (int64_t)ns : CLOCK_NEVER - 1;
    if (whole == 0 || ns - (double)whole > LITTLE) whole++;
    timer_start(&limiter->timer, clock_after(limiter->since_ns, whole));
}

static void limiter_fire(struct wait *wait, int result)
{
    (void)result;
    struct limiter *limiter = CONTAINER(wait, struct limiter, timer.wait);
    refill(limiter);
    while (!waiters_empty(&limiter->waiters) && take(limiter)) wake(waiters_pop(&limiter->waiters), 0);
    if (!waiters_empty(&limiter->waiters)) start_timer(limiter);
}

static const struct wait_ops timer_ops = {.drop = timer_drop, .fire = limiter_fire};

int bide_limiter_init(struct bide_limiter *limiter, double rate, unsigned burst)
{
    if (!limiter || !(rate > 0) || rate == BIDE_FOREVER || burst == 0) return -EINVAL;
    *inside(limiter) = (struct limiter){.rate = rate / NS, .burst = burst, .since_ns = -1};
    return 0;
}

int bide_limiter_acquire_nowait(struct bide_limiter *outside)
{
    struct limiter *limiter = inside(outside);
    if (!task_current) return -EPERM;
    if (!limiter || limiter->rate == 0) return -EINVAL;
    waiters_check(&limiter->waiters, "limiter", limiter);
    if (!waiters_empty(&limiter->waiters)) return -EAGAIN;
    refill(limiter);
    return take(limiter) ? 0 : -EAGAIN;
}

int bide_limiter_acquire(struct bide_limiter *outside)
{
    struct limiter *limiter = inside(outside);
    int code = cancel_check();
    if (code < 0) return code;
    code = bide_limiter_acquire_nowait(outside);
    if (code != -EAGAIN) return code;
    cancel_arm(); /* the scopes' deadlines were there first */
    if (waiters_empty(&limiter->waiters)) {
        timer_init(&limiter->timer, &timer_ops);
        start_timer(limiter);
    }
    struct limited limited = {.limiter = limiter};
    wait_init(&limited.wait, &limited_ops);
    return waiters_park(&limiter->waiters, &limited.wait);
}
