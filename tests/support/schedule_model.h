/* SPDX-License-Identifier: MIT */
/*
 * A reference model of cancellation: of each task the causes and when they arose, nothing else.
 * What a call gives follows from that by walking from the outside in, as cancellation.md says.
 * Time is virtual and counted in ticks; ready tasks run while it stands still. So a cause is
 * known to the tick; only the order within one tick is the scheduler's affair: where that
 * decides, the model knows all outcomes that are right.
 */
#ifndef SCHEDULE_MODEL_H
#define SCHEDULE_MODEL_H

#include <bide.h>
#include <errno.h>

#define NEVER INT64_MAX
enum { TICKS = 8, MOST_SCOPES = 24 }; /* ticks a second; open scopes of one task */

enum model_kind { TIMEOUT, SHIELD, GROUP };
enum { MAY_BE_FALSE = 1, MAY_BE_TRUE = 2 }; /* a truth as far as it is known */

struct model_scope {
    enum model_kind kind;
    int64_t entered;
    int64_t limit;    /* timeout: its deadline; group: when it was cancelled; shield: ticks of grace */
    int64_t pressed;  /* shield: since when its grace counts, where that does not follow from the causes */
    unsigned cut;     /* its deadline, or the end of its grace, cut a call short */
    unsigned outside; /* a cause outside of it cut a call short */
};

/* A call that waits for tasks and, when cut short, cancels and joins them. */
struct model_join {
    struct flow *waiter;
    int64_t entered;
    int before;         /* what the waiter's calls failed with when it began */
    bool complete;      /* nobody was left to be waited for then */
    int64_t failed_at;  /* gather: when a failure cancelled the members */
    bool failed_surely; /* false: the order within a tick decides whether one did */
};

struct model_group {
    struct model_scope scope;
    struct model_join *exit; /* once it is being left */
};

/* What can cancel a task, and its open scopes from the outside in. */
struct flow {
    struct bide_task *task;
    int64_t born;
    unsigned cancels;
    int64_t cancelled; /* since when `cancels` is not 0 */
    int64_t ordered;   /* since when its group, or the end of the loop, has cancelled it */
    bool spared;       /* started at the loop's end by one in a shield, who joins it: not cancelled by that */
    struct model_join *join;
    unsigned delivered; /* how many of the join's cancels have arrived */
    struct model_group *group;
    int depth;
    struct model_scope *scopes[MOST_SCOPES];
};

/* Given by the program that uses the model. */
void program_failed(const char *format, ...) BIDE_PRINTF(1, 2);
#define EXPECT(condition, ...) ((condition) ? (void)0 : program_failed(#condition ": " __VA_ARGS__))

extern int64_t model_closing; /* when the main task ended */

int64_t model_now(void);

void flow_init(struct flow *flow);

/* Takes note of the cancels that have come from the library itself, and checks that they are due. */
void flow_sync(struct flow *flow);

/* Is what this flow starts now, and joins, spared by the end of the loop? */
bool flow_spares(struct flow *flow);

/* What a call that may wait fails with now, or 0; and since when one would. After flow_sync. */
int flow_code(const struct flow *flow);
int64_t flow_visible_from(const struct flow *flow);

/* A call that may wait begins: the code that it is refused with, counted as a call cut short, or 0. */
int flow_before(struct flow *flow);

/* A call that nothing but its own end or a cause can end has returned `code`: checks and counts it. */
void flow_after(struct flow *flow, int before, int code, bool complete);

void flow_push(struct flow *flow, struct model_scope *scope, enum model_kind kind, int64_t ticks);
void flow_pop(struct flow *flow, const struct model_scope *scope);
void flow_cancel(struct flow *flow);
unsigned flow_uncancel(struct flow *flow);

/* Since when the group is cancelled. */
int64_t model_group_cancelled(const struct model_group *group);

/* A join begins; nobody has been cancelled by it yet. */
void join_begin(struct model_join *join, struct flow *waiter, bool complete);

/* Since when the waiter is cut short; NEVER if it is not. */
int64_t join_cut_at(const struct model_join *join);

/* The codes that the wait may have given: a set of the bits below. */
unsigned code_bit(int code);
unsigned join_codes(const struct model_join *join);

/* It gave one of these codes: counts it as a call cut short. */
void join_charge(const struct model_join *join, unsigned codes);

#endif
