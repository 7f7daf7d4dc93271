/* SPDX-License-Identifier: MIT */
#include "sync_world.h"

#include <stdio.h>

struct sync_model sync_state;

void wrong(const char *format, ...)
{
    char text[200], choices[2 * MOST_CHOICES + 1] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (int i = 0; i < sync_state.made; i++)
        snprintf(choices + 2 * i, 3, " %x", (unsigned)sync_state.choices[i] & 15);
    if (!sync_state.failed)
        check_failed(__FILE__, __LINE__, "%s, %d workers, seed %llu, choices%s: %s", sync_state.kind->name,
                     sync_state.workers, (unsigned long long)sync_state.seed, choices, text);
    sync_state.failed = true;
}

/* ---- lines, and the ready queue ---- */

void sync_line_push(struct sync_line *line, int worker)
{
    line->who[line->length++] = worker;
}

bool sync_line_remove(struct sync_line *line, int worker)
{
    int kept = 0;
    for (int i = 0; i < line->length; i++)
        if (line->who[i] != worker) line->who[kept++] = line->who[i];
    const bool found = kept < line->length;
    line->length = kept;
    return found;
}

int sync_line_pop(struct sync_line *line)
{
    const int first = line->length > 0 ? line->who[0] : -1;
    if (first >= 0) sync_line_remove(line, first);
    return first;
}

void sync_make_ready(int who)
{
    sync_state.queue[sync_state.tail++ % MOST_QUEUED] = who;
}

/* ---- the verbs ---- */

void sync_now(int worker, int code)
{
    sync_state.worker[worker].stage = NOW;
    sync_state.worker[worker].result = code;
}

void sync_waits(int worker)
{
    sync_state.worker[worker].stage = WAITS;
}

void sync_returns(int worker, int code)
{
    sync_state.worker[worker].stage = RETURNS;
    sync_state.worker[worker].result = code;
    sync_make_ready(worker);
}

void sync_inner(int worker)
{
    sync_state.worker[worker].stage = INNER;
    sync_make_ready(worker);
}

bool sync_is_cancelled(int worker)
{
    return sync_state.worker[worker].cancelled;
}

bool sync_refused(int worker)
{
    if (sync_state.worker[worker].cancelled) sync_returns(worker, -ECANCELED);
    return sync_state.worker[worker].cancelled;
}

/* ---- the workers ---- */

void sync_runs(int who)
{
    if (who < SYNC_WORKERS && sync_state.worker[who].stage == NOW) return;
    while (sync_state.head != sync_state.tail) {
        const int next = sync_state.queue[sync_state.head++ % MOST_QUEUED];
        if (next < SYNC_WORKERS && sync_state.worker[next].stage == INNER) {
            sync_state.kind->inner(next);
            if (sync_state.worker[next].stage != NOW) continue;
        }
        if (next != who) wrong("%d runs, but it is the turn of %d", who, next);
        return;
    }
    wrong("%d runs, but nobody is ready", who);
}

static void ends(int who, int code)
{
    struct worker *worker = &sync_state.worker[who];
    sync_runs(who);
    if (worker->stage != NOW && worker->stage != RETURNS) wrong("%d has no reason to return %d", who, code);
    if (code != worker->result) wrong("%d: %d gives %d, not %d", who, worker->op, code, worker->result);
    if (bide_cancelled() != worker->cancelled) wrong("%d is cancelled, or is not", who);
    while (bide_uncancel() > 0) continue;
    worker->cancelled = false;
    worker->stage = IDLE;
}

static const struct wait_ops seat_ops = {.drop = NULL};

int sync_work(void *arg)
{
    struct worker *worker = arg;
    const int who = (int)(worker - sync_state.worker);
    for (;;) {
        wait_init(&worker->seat, &seat_ops);
        park_join(&worker->seat);
        if (worker->op == STOP) return 0;
        sync_runs(who);
        if (worker->op == CLEAR) {
            sync_now(who, 0);
            ends(who, 0);
        } else {
            sync_state.kind->begin(who, worker->op);
            ends(who, sync_state.kind->perform(who, worker->op));
        }
        if (sync_state.failed) return -EPROTO;
    }
}
