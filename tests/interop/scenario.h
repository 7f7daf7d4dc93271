/* SPDX-License-Identifier: MIT */
/* A scenario as bide_driver.c runs it: parsed, with the objects and handles that its tasks share. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <bide.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

enum { WORDS_MOST = 40, WORD_SIZE = 16, STATEMENTS_MOST = 400, BODIES_MOST = 100, THINGS_MOST = 20 };
enum { GROUPS_MOST = 100, TEXT_SIZE = 400 };

struct verb;

struct statement {
    int line;
    long lead; /* ticks that the task sleeps before it */
    const struct verb *verb;
    int count;
    char words[WORDS_MOST][WORD_SIZE];
    int middle; /* of a block: the place of its finally, or of its end */
    int end;    /* of a block: the place of its end */
};

/* What one task does. */
struct body {
    char name[WORD_SIZE];
    struct world *world;
    struct statement *statements;
    int count;
    struct bide_task *handle; /* NULL: not started by spawn or start, or over */
    int group;                /* whose handle it is, or -1 */
};

struct thing;

struct world {
    struct body bodies[BODIES_MOST];
    int body_count;
    struct thing *things[THINGS_MOST];
    int thing_count;
    struct bide_group *groups[GROUPS_MOST];
    struct statement *statements; /* of all bodies */
    int statement_count;
    bool ended; /* the main task has */
};

/* A task, or a function called by one, that runs a body. */
struct runner {
    struct body *body;
    int value;   /* of its return statement */
    int last;    /* the failure that its last wait saw, or 0 */
    long handed; /* the tick at which it was last given a lock */
};

enum { RETURNED = 1, CUT = -ECANCELED }; /* beside 0 and a failure: how statements end */

/* Runs the statement, and writes what became of it to text. Returns 0, RETURNED, CUT or a failure. */
typedef int (*statement_fn)(struct runner *runner, const struct statement *statement, char *text);

struct verb {
    const char *name;
    statement_fn run;
    bool is_block;
    bool on_thing;
};

const struct verb *verb_find(const char *name);
const struct verb *thing_verb_find(const char *name);

/* Reads the next scenario, or ends the program when it is wrong. Returns false at the end of the file. */
bool world_read(struct world *world, FILE *file);
void world_make_things(struct world *world);
void world_clear(struct world *world);
struct body *world_body(struct world *world, const char *name);

/* Runs a struct body: the function of each task. */
int run_body(void *body);

/* Runs the statements from place up to end, and waits for the lead of that one. */
int run_block(struct runner *runner, int place, int end);
/* A line of the trace. */
void note(const struct runner *runner, int line, const char *thing, const char *text);
/* From this instant on the runtimes differ by design. */
void design(const char *reason);
/* What a task returned, in words. */
void tell(char *text, int result);
long now(void);
double seconds(const char *ticks);
_Noreturn void give_up(const char *what, const char *why);

struct thing *thing_new(char words[][WORD_SIZE], int count);
void thing_make(struct thing *thing);
void thing_clear(struct thing *thing);

#endif
