/* SPDX-License-Identifier: MIT */
/* Calling a function again after a pause, while it fails. */
#include "await.h"
#include "loop.h"

#include <bide/retry.h>
#include <bide/task.h>
#include <errno.h>

enum { ATTEMPTS = 5 };
static const double DELAY = 0.1, FACTOR = 2;

static bool is_sound(const struct bide_retry_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return opt->delay >= 0 && opt->factor >= 0 && opt->max_delay >= 0 && opt->jitter >= 0 && opt->jitter <= 1;
}

/* From 0 to below 1: the next of a sequence (splitmix64). */
static double draw(uint64_t *state)
{
    uint64_t bits = *state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return (double)((bits ^ (bits >> 31)) >> 11) / 9007199254740992.0;
}

/* Another one each time, also for many that failed at the same moment. */
static uint64_t draw_seed(void)
{
    return loop_draw(loop_current()) + (uint64_t)timers_now(timers_current);
}

static bool shall_retry(const struct bide_retry_options *opt, void *arg, int code)
{
    if (code >= 0) return false;
    return opt->retry ? opt->retry(arg, code) : code != -ECANCELED;
}

int bide_retry(const struct bide_retry_options *opt, bide_fn fn, void *arg, int *result)
{
    const struct bide_retry_options defaults = {0};
    if (!opt) opt = &defaults;
    if (!task_current) return -EPERM;
    if (!fn || !is_sound(opt)) return -EINVAL;
    const unsigned attempts = opt->attempts ? opt->attempts : ATTEMPTS;
    const double factor = opt->factor > 0 ? opt->factor : FACTOR;
    const double longest = opt->max_delay > 0 ? opt->max_delay : BIDE_FOREVER;
    double delay = opt->delay > 0 ? opt->delay : DELAY;
    uint64_t random = opt->seed ? opt->seed : draw_seed();
    int code = 0, work = fn(arg);
    for (unsigned attempt = 1; attempt < attempts && shall_retry(opt, arg, work); attempt++) {
        if (delay > longest) delay = longest;
        const double pause = opt->jitter > 0 ? delay * (1 - opt->jitter * draw(&random)) : delay;
        if (opt->on_retry) opt->on_retry(arg, attempt, work, pause);
        code = bide_sleep(pause);
        if (code < 0) break;
        work = fn(arg);
        delay *= factor;
    }
    return await_fold(code, work, result);
}
