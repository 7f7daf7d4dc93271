/* SPDX-License-Identifier: MIT */
/* The tasks of a random program: their records, their start and end, and what is left at the end. */
#include "schedule.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program program;

void program_failed(const char *format, ...)
{
    if (program.failure[0]) return;
    const struct bide_task *task = bide_current_task();
    const int used = snprintf(
        program.failure, sizeof program.failure,
        "seed %llu, %stick %lld, event %d, task '%s': ", (unsigned long long)program.seed,
        program.replayed ? "again, " : "", (long long)model_now(), program.events, bide_task_name(task));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(program.failure + used, sizeof program.failure - (size_t)used, format, arguments);
    va_end(arguments);
}

uint64_t program_draw(uint64_t *random)
{
    uint64_t x = *random += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

int draw(struct actor *actor, int n)
{
    return (int)(program_draw(&actor->random) % (uint64_t)n);
}

/* ---- the log of events ---- */

static uint32_t mix(uint32_t hash, uint64_t value)
{
    for (int i = 0; i < 8; i++) hash = (hash ^ (uint32_t)(value >> 8 * i & 0xff)) * 16777619U;
    return hash;
}

void note(const struct record *record, const char *what, int value)
{
    static int trace = -1;
    if (trace < 0) trace = getenv("BIDE_TRACE") != NULL;
    const int64_t now = model_now();
    if (trace)
        fprintf(stderr, "%5d %4lld  %*s%d %s %d\n", program.events, (long long)now, record->id, "",
                record->id, what, value);
    uint32_t hash = mix(mix(mix(2166136261U, (uint64_t)record->id), (uint64_t)value), (uint64_t)now);
    for (const char *c = what; *c; c++) hash = mix(hash, (uint64_t)*c);
    if (program.events == MOST_EVENTS) return;
    if (program.replayed)
        EXPECT(program.log[program.events] == hash, "'%s %d' of %d did not happen the first time", what,
               value, record->id);
    program.log[program.events++] = hash;
}

/* ---- arguments ---- */

static uint64_t canary_of(const struct record *record)
{
    return 0xb1de00000000b1deU ^ program.seed << 16 ^ (uint64_t)record->id << 40;
}

void argument_check(const struct argument *argument)
{
    EXPECT(argument->canary == canary_of(argument->record), "the argument is gone");
}

void argument_end(struct argument *argument)
{
    argument_check(argument);
    EXPECT(argument->record->started && argument->record->ended, "joined, but task %d has not ended",
           argument->record->id);
    argument->canary = 0;
}

/* ---- records ---- */

struct record *record_new(struct actor *actor, enum how how, struct argument *argument)
{
    if (program.tasks == program.most_tasks || actor->nesting >= MOST_NESTING) return NULL;
    struct record *record = &program.records[program.tasks];
    *record = (struct record){.parent = actor->record, .id = program.tasks++, .how = how};
    flow_init(&record->flow);
    if (!argument) argument = &record->own;
    *argument = (struct argument){.canary = canary_of(record),
                                  .record = record,
                                  .random = program_draw(&actor->random),
                                  .nesting = actor->nesting + 1};
    program.living++;
    return record;
}

void record_has_handle(struct record *record, struct bide_task *handle)
{
    EXPECT(handle && (!record->flow.task || record->flow.task == handle), "another handle");
    record->handle = record->flow.task = handle;
}

struct bide_task *record_known(const struct record *record)
{
    return record->ended ? (record->awaited ? NULL : record->handle) : record->flow.task;
}

struct record *record_pick(struct actor *actor,
                           bool (*fits)(const struct actor *actor, const struct record *record))
{
    const int first = draw(actor, program.tasks);
    for (int i = 0; i < program.tasks; i++) {
        struct record *record = &program.records[(first + i) % program.tasks];
        if (fits(actor, record)) return record;
    }
    return NULL;
}

/* Tasks wait only for their children, and for older siblings of theirs or of their ancestors: no rings. */
bool is_awaitable(const struct actor *actor, const struct record *record)
{
    if (!record->handle || !record_known(record)) return false;
    if (record->parent == actor->record) return true;
    for (const struct record *each = actor->record; each; each = each->parent)
        if (each->parent == record->parent && record->id < each->id) return true;
    return false;
}

/* ---- tasks ---- */

static int result_of(struct actor *actor, int code)
{
    static const int failures[] = {EIO, ENOENT, EBUSY};
    struct record *record = actor->record;
    switch (draw(actor, 8)) {
    case 0:
    case 1: return code;
    case 2: return -failures[draw(actor, 3)];
    case 3: record->has_text = true; return bide_fail(failures[draw(actor, 3)], "task %d fails", record->id);
    default: return 1000 + record->id;
    }
}

static void record_start(struct record *record)
{
    char name[16];
    EXPECT(!record->started, "task %d was started before", record->id);
    record->started = true;
    record->flow.task = bide_current_task();
    EXPECT(!record->handle || record->handle == record->flow.task, "another handle");
    snprintf(name, sizeof name, "%d", record->id);
    EXPECT(bide_task_set_name(record->flow.task, name) == 0, "the name");
    flow_sync(&record->flow);
    note(record, "starts", flow_code(&record->flow));
}

static void record_end(struct record *record, int result)
{
    EXPECT(!record->ended && record->flow.depth == 0, "task %d ended before", record->id);
    note(record, "ends", result);
    flow_sync(&record->flow);
    record->ended = true;
    record->ended_at = model_now();
    record->result = result;
    program.living--;
    if (record->gather) gather_member_ended(record->gather, record);
    if (record->group) group_member_ended(record->group, record);
    if (record->how == MAIN) model_closing = model_now();
    EXPECT(record->ended_at <= MOST_TICKS, "the program takes too long");
}

int record_main(void *arg)
{
    const struct argument *argument = arg;
    struct record *record = argument->record;
    argument_check(argument);
    record_start(record);
    struct actor actor = {.record = record,
                          .flow = &record->flow,
                          .argument = argument,
                          .random = argument->random,
                          .nesting = argument->nesting};
    int code = act_some(&actor);
    for (int more = record->how == MAIN ? 4 : 0; more > 0; more--) code = act_some(&actor);
    const int result = result_of(&actor, code);
    argument_check(argument);
    record_end(record, result);
    return result;
}

/* ---- a program ---- */

static void on_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    const int id = atoi(error->task);
    EXPECT(id >= 0 && id < program.tasks, "a failure of '%s'", error->task);
    struct record *record = &program.records[id];
    record->reported++;
    note(record, "is reported", error->code);
    EXPECT(record->ended && record->result == error->code, "task %d is reported with %d, not %d", id,
           error->code, record->result);
    cancel_any((uint64_t)id);
}

static void check_records(void)
{
    EXPECT(program.living == 0, "%d tasks have not ended", program.living);
    for (int i = 0; i < program.tasks; i++) {
        const struct record *record = &program.records[i];
        const bool alone = record->how == SPAWNED || record->how == DETACHED;
        const bool failed = record->result < 0 && record->result != -ECANCELED;
        EXPECT(record->started && record->ended, "task %d did not run to its end", i);
        EXPECT(record->reported == (alone && failed), "task %d was reported %u times", i, record->reported);
        EXPECT(record->called == record->registered, "task %d has told %u of %u", i, record->called,
               record->registered);
    }
}

static void run_once(uint64_t seed)
{
    uint64_t random = seed;
    struct actor nobody = {.random = seed};
    program.tasks = program.living = program.events = 0;
    program.most_tasks = 4 + draw(&nobody, MOST_TASKS - 3);
    program.actions = 20 + draw(&nobody, MOST_ACTIONS - 20);
    model_closing = NEVER;
    struct record *first = record_new(&nobody, MAIN, NULL);
    const bool in_order = draw(&nobody, 8) == 0; /* first in, first out, as usual */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL,
                                         .shuffle_seed = in_order ? 0 : program_draw(&random) | 1,
                                         .stack_size = (size_t)256 * 1024,
                                         .on_error = on_error};
    const int fds = check_open_fds();
    const int result = bide_run_with(&options, record_main, &first->own);
    EXPECT(result == first->result, "bide_run gave %d, not %d", result, first->result);
    EXPECT(check_open_fds() == fds, "%d descriptors, not %d", check_open_fds(), fds);
    check_records();
}

bool program_run(uint64_t seed)
{
    program.seed = seed;
    program.failure[0] = '\0';
    program.replayed = false;
    run_once(seed);
    const int events = program.events;
    if (program.failure[0]) return false;
    program.replayed = true;
    run_once(seed);
    EXPECT(program.events == events, "%d events, not %d", program.events, events);
    return !program.failure[0];
}
