/* SPDX-License-Identifier: MIT */
/* The objects of a scenario, and what is done with them. asyncio_things.py is its twin. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

struct thing {
    char name[WORD_SIZE];
    char kind[WORD_SIZE];
    char order[WORD_SIZE]; /* of a queue */
    unsigned number;       /* permits, parties or capacity (0: unbounded) */
    struct bide_lock lock; /* of a condition, too */
    struct bide_event event;
    struct bide_cond cond;
    struct bide_sem sem;
    struct bide_barrier barrier;
    bool unsure; /* a task has left the barrier: asyncio then gives one index twice */
    struct bide_queue *queue;
    unsigned unfinished; /* items put and not done */
};

struct thing *thing_new(char words[][WORD_SIZE], int count)
{
    struct thing *thing = calloc(1, sizeof *thing);
    if (!thing) give_up(words[1], "no memory");
    strcpy(thing->kind, words[0]);
    strcpy(thing->name, words[1]);
    if (count > 3) strcpy(thing->order, words[2]);
    if (count > 2) thing->number = (unsigned)atoi(words[count - 1]);
    return thing;
}

static int compare(const void *left, const void *right)
{
    const long a = *(const long *)left;
    const long b = *(const long *)right;
    return (a > b) - (a < b);
}

static void make_queue(struct thing *thing)
{
    const size_t capacity = thing->number > 0 ? thing->number : BIDE_UNBOUNDED;
    if (strcmp(thing->order, "fifo") == 0)
        thing->queue = bide_queue_new(sizeof(long), capacity);
    else if (strcmp(thing->order, "lifo") == 0)
        thing->queue = bide_lifo_queue_new(sizeof(long), capacity);
    else
        thing->queue = bide_priority_queue_new(sizeof(long), capacity, compare);
    if (!thing->queue) give_up(thing->name, "cannot be made");
}

void thing_make(struct thing *thing)
{
    if (strcmp(thing->kind, "queue") == 0) make_queue(thing);
    if (strcmp(thing->kind, "sem") == 0) bide_sem_init(&thing->sem, thing->number);
    if (strcmp(thing->kind, "barrier") == 0) bide_barrier_init(&thing->barrier, thing->number);
}

void thing_clear(struct thing *thing)
{
    bide_queue_free(thing->queue);
    free(thing);
}

static struct thing *find(struct runner *runner, const struct statement *statement)
{
    struct world *world = runner->body->world;
    for (int i = 0; i < world->thing_count; i++)
        if (strcmp(world->things[i]->name, statement->words[0]) == 0) return world->things[i];
    give_up(statement->words[0], "no such object");
}

/* What a wait gave: nothing but success, or that it was cut short. */
static int waited(const struct statement *statement, int code)
{
    if (code < 0 && code != -ECANCELED && code != -ETIMEDOUT)
        give_up(statement->words[0], bide_error_text(code));
    return code < 0 ? CUT : 0;
}

/*
 * What was handed over to a task that is cancelled in the same instant stays given, and its next call
 * fails. asyncio takes it back and fails at once: the driver does so, too, where it can.
 */
static bool is_taken_back(int *code)
{
    if (*code < 0 || !bide_cancelled()) return false;
    *code = bide_yield();
    return true;
}

/* ---- locks ---- */

static int do_with(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct thing *thing = find(runner, statement);
    int code = bide_lock_acquire(&thing->lock);
    if (is_taken_back(&code)) bide_lock_release(&thing->lock);
    if (code < 0) return waited(statement, code);
    runner->handed = now();
    note(runner, statement->line, thing->name, "acquired");
    code = run_block(runner, (int)(statement - runner->body->statements) + 1, statement->end);
    note(runner, statement->line, thing->name, "released");
    bide_lock_release(&thing->lock);
    return code;
}

/* ---- events ---- */

static int do_event_wait(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    int code = bide_event_wait(&find(runner, statement)->event);
    (void)is_taken_back(&code);
    return waited(statement, code);
}

static int do_set(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    bide_event_set(&find(runner, statement)->event);
    return 0;
}

static int do_clear(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    bide_event_clear(&find(runner, statement)->event);
    return 0;
}

static int do_pulse(struct runner *runner, const struct statement *statement, char *text)
{
    (void)do_set(runner, statement, text);
    return do_clear(runner, statement, text);
}

/* ---- conditions ---- */

static int do_cond_wait(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct thing *thing = find(runner, statement);
    int code = bide_cond_wait(&thing->cond, &thing->lock);
    runner->handed = now();
    (void)is_taken_back(&code);
    return waited(statement, code);
}

static int do_notify(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    bide_cond_notify(&find(runner, statement)->cond, (size_t)atoi(statement->words[1]));
    return 0;
}

static int do_notify_all(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    bide_cond_notify_all(&find(runner, statement)->cond);
    return 0;
}

/* ---- semaphores and barriers ---- */

static int do_acquire(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct bide_sem *sem = &find(runner, statement)->sem;
    int code = bide_sem_acquire(sem);
    if (is_taken_back(&code)) bide_sem_release(sem);
    return waited(statement, code);
}

static int do_release(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    bide_sem_release(&find(runner, statement)->sem);
    return 0;
}

static int do_barrier_wait(struct runner *runner, const struct statement *statement, char *text)
{
    struct thing *thing = find(runner, statement);
    int code = bide_barrier_wait(&thing->barrier);
    (void)is_taken_back(&code);
    if (code < 0) thing->unsure = true;
    if (!thing->unsure) snprintf(text, TEXT_SIZE, "%d", code);
    return waited(statement, code);
}

/* ---- queues ---- */

static int do_put(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct thing *thing = find(runner, statement);
    const long item = atol(statement->words[1]);
    int code = bide_queue_put(thing->queue, &item);
    if (is_taken_back(&code)) design("an item put by a cancelled task");
    if (code == 0) thing->unfinished++;
    return waited(statement, code);
}

static int do_get(struct runner *runner, const struct statement *statement, char *text)
{
    long item = 0;
    int code = bide_queue_get(find(runner, statement)->queue, &item);
    if (is_taken_back(&code)) design("an item given to a cancelled task");
    snprintf(text, TEXT_SIZE, "%ld", item);
    return waited(statement, code);
}

static int do_put_nowait(struct runner *runner, const struct statement *statement, char *text)
{
    struct thing *thing = find(runner, statement);
    const long item = atol(statement->words[1]);
    const int code = bide_queue_put_nowait(thing->queue, &item);
    if (code == 0) thing->unfinished++;
    if (code == -EAGAIN) strcpy(text, "full");
    return code == -EAGAIN ? 0 : waited(statement, code);
}

static int do_get_nowait(struct runner *runner, const struct statement *statement, char *text)
{
    long item = 0;
    const int code = bide_queue_get_nowait(find(runner, statement)->queue, &item);
    snprintf(text, TEXT_SIZE, "%ld", item);
    if (code == -EAGAIN) strcpy(text, "empty");
    return code == -EAGAIN ? 0 : waited(statement, code);
}

static int do_task_done(struct runner *runner, const struct statement *statement, char *text)
{
    struct thing *thing = find(runner, statement);
    if (thing->unfinished == 0) {
        strcpy(text, "none");
        return 0;
    }
    thing->unfinished--;
    bide_queue_task_done(thing->queue);
    return 0;
}

static int do_join(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    int code = bide_queue_join(find(runner, statement)->queue);
    (void)is_taken_back(&code);
    return waited(statement, code);
}

static int do_size(struct runner *runner, const struct statement *statement, char *text)
{
    snprintf(text, TEXT_SIZE, "%zu", bide_queue_size(find(runner, statement)->queue));
    return 0;
}

static const struct verb verbs[] = {
    {.name = "with", .run = do_with, .is_block = true},
    {.name = "event_wait", .run = do_event_wait, .on_thing = true},
    {.name = "set", .run = do_set, .on_thing = true},
    {.name = "clear", .run = do_clear, .on_thing = true},
    {.name = "pulse", .run = do_pulse, .on_thing = true},
    {.name = "cond_wait", .run = do_cond_wait, .on_thing = true},
    {.name = "notify", .run = do_notify, .on_thing = true},
    {.name = "notify_all", .run = do_notify_all, .on_thing = true},
    {.name = "acquire", .run = do_acquire, .on_thing = true},
    {.name = "release", .run = do_release, .on_thing = true},
    {.name = "barrier_wait", .run = do_barrier_wait, .on_thing = true},
    {.name = "put", .run = do_put, .on_thing = true},
    {.name = "get", .run = do_get, .on_thing = true},
    {.name = "put_nowait", .run = do_put_nowait, .on_thing = true},
    {.name = "get_nowait", .run = do_get_nowait, .on_thing = true},
    {.name = "task_done", .run = do_task_done, .on_thing = true},
    {.name = "join", .run = do_join, .on_thing = true},
    {.name = "size", .run = do_size, .on_thing = true},
};

const struct verb *thing_verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return NULL;
}
