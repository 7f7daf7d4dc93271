/* SPDX-License-Identifier: MIT */
/*
 * Random programs, one for each seed: a tree of tasks, each of which does a small random tree
 * of actions, drawn from a generator of its own. Every action checks what it gives against the
 * model, and that nobody who works on this stack is left.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include "schedule_model.h"

enum {
    MOST_TASKS = 80,
    MOST_ACTIONS = 500,
    MOST_NESTING = 6,
    MOST_CALLBACKS = 3,
    MOST_EVENTS = 8192,
    MOST_SLEEP = 6,                         /* ticks of one action */
    MOST_TICKS = MOST_ACTIONS * MOST_SLEEP, /* of a program, even if none were to overlap */
    SOME = 4
};

enum how { MAIN, CREATED, GATHERED, STARTED, SPAWNED, DETACHED };

/* What a task is given, mostly on the stack of its starter. */
struct argument {
    uint64_t canary;
    struct record *record;
    uint64_t random;
    int nesting;
};

struct callback {
    struct record *record;
    unsigned index;
};

/* All that is known of a task; kept until the program has ended. */
struct record {
    struct flow flow;
    struct record *parent;    /* who started it; of a group's member: who opened the group */
    struct bide_task *handle; /* its starter's, while that is good */
    struct group_frame *group;
    struct gather_frame *gather;
    struct argument own; /* for those that nobody joins, and for siblings */
    struct callback callbacks[MOST_CALLBACKS];
    int id;
    enum how how;
    bool started;
    bool ended;
    bool awaited; /* somebody awaits it, and takes the handle if he can */
    bool has_text;
    int result;
    int64_t ended_at;
    unsigned reported;   /* how often .on_error was told */
    unsigned registered; /* done callbacks */
    unsigned called;
};

/* The running task, as its actions see it. */
struct actor {
    struct record *record;
    struct flow *flow;
    const struct argument *argument;
    struct group_frame *group; /* the innermost one that it has open */
    struct bide_scope *scope;  /* a deadline that it may move */
    struct model_scope *model;
    uint64_t random;
    int nesting;
};

struct gather_frame {
    struct model_join join;
    bool keeps;                  /* the results: failures cancel nobody */
    int first;                   /* failure */
    const struct record *failed; /* whose */
    bool may_be_cancelled;       /* or -ECANCELED, if that member was quicker than gather's cancel */
    int64_t last_end;
};

struct group_frame {
    struct bide_group group;
    struct model_group model;
    struct model_join exit;
    struct argument arguments[SOME];
    struct record *opener;
    unsigned used;               /* arguments */
    unsigned left;               /* members that run */
    int first;                   /* failure */
    const struct record *failed; /* whose */
    size_t failures;
    int64_t last_end;
};

struct program {
    uint64_t seed;
    int tasks;
    int most_tasks;
    int actions;
    int living;
    bool replayed; /* the second time: events must be the same */
    int events;
    uint32_t log[MOST_EVENTS];
    char failure[400];
    struct record records[MOST_TASKS];
};
extern struct program program;

/* Runs the program of the seed twice. False: program.failure says what was wrong. */
bool program_run(uint64_t seed);

uint64_t program_draw(uint64_t *random);
int draw(struct actor *actor, int n); /* 0 to n - 1 */
void note(const struct record *record, const char *what, int value);

/* A task to be, with its argument; NULL when there are enough. */
struct record *record_new(struct actor *actor, enum how how, struct argument *argument);
int record_main(void *argument);
void record_has_handle(struct record *record, struct bide_task *handle);
void argument_check(const struct argument *argument);
void argument_end(struct argument *argument); /* nobody may use it any more */

/* Can the record's task be cancelled, or asked for? Its handle, or NULL. */
struct bide_task *record_known(const struct record *record);

/* Any record that fits, or NULL. */
struct record *record_pick(struct actor *actor,
                           bool (*fits)(const struct actor *actor, const struct record *record));

/* May it be waited for: is its handle good, and can it not wait for the actor, however indirectly? */
bool is_awaitable(const struct actor *actor, const struct record *record);

/* Perhaps cancels any task: outside of tasks, where this is allowed too. */
void cancel_any(uint64_t random);

/* One action or several: the code of the last. */
int act(struct actor *actor);
int act_some(struct actor *actor);

/* Checks what a call gave against the wait's possible codes; those of them that it can have been. */
unsigned expect_code(unsigned codes, int code, bool folded, int work);

/* The record's task is awaited by the join, or (NULL) no longer. */
void record_join(struct record *record, struct model_join *join);
void record_check_text(const struct record *record); /* its failure has just been seen */
void join_check_time(const struct model_join *join, int64_t last_end);

int do_children(struct actor *actor);
int do_await_member(struct actor *actor);
int do_gather(struct actor *actor);
void gather_member_ended(struct gather_frame *gather, const struct record *record);
int do_group(struct actor *actor);
int do_start(struct actor *actor);
int do_group_wait(struct actor *actor);
int do_group_cancel(struct actor *actor);
void group_member_ended(struct group_frame *group, const struct record *record);

#endif
