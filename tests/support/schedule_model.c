/* SPDX-License-Identifier: MIT */
#include "schedule_model.h"

#include "task.h" /* how often a task was cancelled, and whether by its owner, is seen inside */

int64_t model_closing = NEVER;

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t after(int64_t time, int64_t ticks)
{
    return time == NEVER || ticks == NEVER ? NEVER : time + ticks;
}

int64_t model_now(void)
{
    return (int64_t)(bide_time() * TICKS + 0.5);
}

/* ---- what can be seen ---- */

enum { NO_CAUSE = -1, OWN_CANCEL = 0 }; /* from 1 on: a scope, counted from the outside */

struct sight {
    int cause;  /* the outermost that is seen */
    int hiding; /* the innermost shield that hides what is outside of it, or 0 */
};

static int64_t cancelled_since(const struct flow *flow)
{
    return earlier(flow->cancelled, flow->ordered);
}

/* When a shield's grace is over, if something outside of it can be seen `since` then. */
static int64_t grace_over(const struct model_scope *shield, int64_t since)
{
    if (since == NEVER) return NEVER;
    const int64_t pressed = shield->pressed != NEVER ? shield->pressed : later(since, shield->entered);
    return after(pressed, shield->limit);
}

/* Causes that tasks made in the very tick are ties: they may have come later. Bit i lets that of i count. */
static bool counts(int64_t since, int64_t time, unsigned ties, int i)
{
    return since < time || (since == time && (ties >> i & 1));
}

static struct sight look(const struct flow *flow, int64_t time, unsigned ties)
{
    struct sight sight = {NO_CAUSE, 0};
    int64_t since = NEVER;
    if (counts(cancelled_since(flow), time, ties, 0)) {
        sight.cause = OWN_CANCEL;
        since = cancelled_since(flow);
    }
    for (int i = 1; i <= flow->depth; i++) {
        const struct model_scope *scope = flow->scopes[i - 1];
        if (scope->kind == SHIELD) {
            since = grace_over(scope, since);
            if (since <= time) continue;
            since = NEVER;
            sight = (struct sight){NO_CAUSE, i};
        } else if (counts(scope->limit, time, scope->kind == TIMEOUT ? ~0U : ties, i)) {
            if (sight.cause == NO_CAUSE) sight.cause = i;
            since = earlier(since, scope->limit);
        }
    }
    return sight;
}

static unsigned ties_at(const struct flow *flow, int64_t time)
{
    unsigned ties = cancelled_since(flow) == time ? 1 : 0;
    for (int i = 1; i <= flow->depth; i++)
        if (flow->scopes[i - 1]->kind == GROUP && flow->scopes[i - 1]->limit == time) ties |= 1U << i;
    return ties;
}

static int sight_code(const struct flow *flow, struct sight sight)
{
    if (sight.cause == NO_CAUSE) return 0;
    const bool own = sight.cause == flow->depth && sight.cause != OWN_CANCEL;
    return own && flow->scopes[sight.cause - 1]->kind == TIMEOUT ? -ETIMEDOUT : -ECANCELED;
}

int flow_code(const struct flow *flow)
{
    return sight_code(flow, look(flow, model_now(), ~0U));
}

int64_t flow_visible_from(const struct flow *flow)
{
    int64_t since = cancelled_since(flow);
    for (int i = 0; i < flow->depth; i++) {
        const struct model_scope *scope = flow->scopes[i];
        since = scope->kind == SHIELD ? grace_over(scope, since) : earlier(since, scope->limit);
    }
    return since;
}

/* ---- whom a call that was cut short is charged to ---- */

static void add_truth(unsigned *truth, bool by_all, bool by_some)
{
    if (by_some) *truth |= MAY_BE_TRUE;
    if (by_all) *truth &= ~(unsigned)MAY_BE_FALSE;
}

/* The scope is the cause, or lies inside of it and is not hidden from it. */
static bool is_cut(const struct model_scope *scope, int i, struct sight sight)
{
    if (sight.cause == NO_CAUSE || i <= sight.hiding) return false;
    return scope->kind == SHIELD ? i > sight.cause : i == sight.cause;
}

static bool is_cut_outside(const struct model_scope *scope, int i, struct sight sight)
{
    return sight.cause != NO_CAUSE && scope->kind != SHIELD && i > sight.hiding && i > sight.cause;
}

/* One of these sights, nobody knows which, cut a call short. */
static void charge_one_of(struct flow *flow, const struct sight *sights, int n)
{
    for (int i = 1; i <= flow->depth; i++) {
        struct model_scope *scope = flow->scopes[i - 1];
        int cut = 0, outside = 0;
        for (int s = 0; s < n; s++) {
            cut += is_cut(scope, i, sights[s]);
            outside += is_cut_outside(scope, i, sights[s]);
        }
        add_truth(&scope->cut, n > 0 && cut == n, cut > 0);
        add_truth(&scope->outside, n > 0 && outside == n, outside > 0);
    }
}

int flow_before(struct flow *flow)
{
    flow_sync(flow);
    const struct sight sight = look(flow, model_now(), ~0U);
    charge_one_of(flow, &sight, 1);
    return sight_code(flow, sight);
}

void flow_after(struct flow *flow, int before, int code, bool complete)
{
    if (before < 0) {
        EXPECT(code == before, "refused with %d, not %d", code, before);
        return;
    }
    flow_sync(flow);
    const int64_t now = model_now(), visible = flow_visible_from(flow);
    EXPECT(visible >= now, "cut short at %lld instead of %lld", (long long)now, (long long)visible);
    if (code == 0) {
        EXPECT(complete, "the call succeeded too early");
        return;
    }
    const struct sight sight = look(flow, now, ~0U);
    EXPECT(visible == now && code == sight_code(flow, sight), "cut short with %d, not %d", code,
           sight_code(flow, sight));
    charge_one_of(flow, &sight, 1);
}

/* ---- scopes ---- */

void flow_push(struct flow *flow, struct model_scope *scope, enum model_kind kind, int64_t ticks)
{
    const int64_t now = model_now();
    *scope = (struct model_scope){.kind = kind,
                                  .entered = now,
                                  .pressed = NEVER,
                                  .limit = kind == TIMEOUT ? after(now, later(ticks, 0)) : ticks,
                                  .cut = MAY_BE_FALSE,
                                  .outside = MAY_BE_FALSE};
    flow->scopes[flow->depth++] = scope;
}

void flow_pop(struct flow *flow, const struct model_scope *scope)
{
    EXPECT(flow->depth > 0 && flow->scopes[flow->depth - 1] == scope, "the model's scopes are crossed");
    flow->depth--;
}

/* ---- cancels ---- */

void flow_init(struct flow *flow)
{
    *flow = (struct flow){.born = model_now(), .cancelled = NEVER, .ordered = NEVER};
}

/* The moments at which the join cancels its members, as far as known. Returns how many. */
static unsigned join_cancels(const struct model_join *join, int64_t times[2], unsigned *sure)
{
    const int64_t now = model_now(), cut = join_cut_at(join);
    unsigned n = 0;
    *sure = 0;
    if (join->failed_at <= now) {
        times[n++] = join->failed_at;
        *sure += join->failed_surely && join->failed_at < now;
    }
    if (cut <= now) {
        times[n++] = cut;
        *sure += cut < now;
    }
    if (n == 2 && times[1] < times[0]) {
        times[1] = times[0];
        times[0] = cut;
    }
    return n;
}

static void sync_cancels(struct flow *flow)
{
    const unsigned fresh = task_level(flow->task)->cancels - flow->cancels;
    int64_t times[2] = {NEVER, NEVER};
    unsigned sure = 0;
    const unsigned possible = flow->join ? join_cancels(flow->join, times, &sure) : 0;
    const unsigned arrived = flow->delivered + fresh;
    EXPECT(fresh <= 2 && arrived <= possible && arrived >= sure, "%u cancels have arrived, not %u to %u",
           arrived, sure, possible);
    if (fresh > 0 && fresh <= 2 && flow->cancels == 0) flow->cancelled = times[flow->delivered & 1];
    flow->cancels += fresh;
    flow->delivered = arrived;
}

int64_t model_group_cancelled(const struct model_group *group)
{
    return earlier(group->scope.limit, group->exit ? join_cut_at(group->exit) : NEVER);
}

static void sync_ordered(struct flow *flow)
{
    const bool ordered = task_level(flow->task)->ordered;
    const int64_t closing = flow->spared ? NEVER : model_closing;
    int64_t since = earlier(flow->group ? model_group_cancelled(flow->group) : NEVER, closing);
    since = later(since, flow->born);
    EXPECT(ordered ? since <= model_now() : since >= model_now(), "cancelled by its owner: %d", ordered);
    if (ordered && flow->ordered == NEVER) flow->ordered = since;
}

void flow_sync(struct flow *flow)
{
    if (!flow->task) return;
    sync_cancels(flow);
    sync_ordered(flow);
}

bool flow_spares(struct flow *flow)
{
    flow_sync(flow);
    return sched_current->closing && flow_code(flow) == 0;
}

void flow_cancel(struct flow *flow)
{
    if (flow->cancels++ == 0) flow->cancelled = model_now();
}

/* Notes of each shield since when its grace counts; or that it does not. */
static void press_shields(struct flow *flow)
{
    const int64_t now = model_now();
    int64_t since = cancelled_since(flow);
    for (int i = 0; i < flow->depth; i++) {
        struct model_scope *scope = flow->scopes[i];
        if (scope->kind != SHIELD) {
            since = earlier(since, scope->limit);
            continue;
        }
        if (since > now)
            scope->pressed = NEVER;
        else if (scope->pressed == NEVER)
            scope->pressed = later(since, scope->entered);
        since = grace_over(scope, since);
    }
}

unsigned flow_uncancel(struct flow *flow)
{
    flow_sync(flow);
    press_shields(flow);
    if (flow->cancels > 0 && --flow->cancels == 0) flow->cancelled = NEVER;
    press_shields(flow);
    return flow->cancels;
}

/* ---- joins ---- */

void join_begin(struct model_join *join, struct flow *waiter, bool complete)
{
    const int before = flow_before(waiter);
    *join = (struct model_join){
        .waiter = waiter, .entered = model_now(), .before = before, .complete = complete, .failed_at = NEVER};
}

int64_t join_cut_at(const struct model_join *join)
{
    if (join->before < 0) return join->entered;
    flow_sync(join->waiter);
    return later(flow_visible_from(join->waiter), join->entered);
}

unsigned code_bit(int code)
{
    return code == 0 ? 1 : code == -ECANCELED ? 2 : code == -ETIMEDOUT ? 4 : 0;
}

/* All that the waiter may have seen when it was cut short. Returns how many. */
static int join_sights(const struct model_join *join, unsigned codes, struct sight *sights, int room)
{
    const struct flow *waiter = join->waiter;
    const int64_t cut = join_cut_at(join);
    const unsigned all = cut <= model_now() ? ties_at(waiter, cut) : 0;
    int n = 0;
    if (cut >= model_now() && (codes & code_bit(0))) sights[n++] = (struct sight){NO_CAUSE, 0};
    if (cut > model_now()) return n;
    for (unsigned ties = all;; ties = (ties - 1) & all) { /* each part of them */
        const struct sight sight = look(waiter, cut, ties);
        const int code = sight_code(waiter, sight);
        if (code < 0 && (codes & code_bit(code)) && n < room) sights[n++] = sight;
        if (ties == 0) return n;
    }
}

unsigned join_codes(const struct model_join *join)
{
    if (join->before < 0 || join->complete) return code_bit(join->before);
    struct sight sights[64];
    unsigned codes = 0;
    const int n = join_sights(join, ~0U, sights, 64);
    for (int i = 0; i < n; i++) codes |= code_bit(sight_code(join->waiter, sights[i]));
    return codes;
}

void join_charge(const struct model_join *join, unsigned codes)
{
    if (join->before < 0 || join->complete) return;
    struct sight sights[64];
    const int n = join_sights(join, codes, sights, 64);
    charge_one_of(join->waiter, sights, n);
}
