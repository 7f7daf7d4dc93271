/* SPDX-License-Identifier: MIT */
/*
 * Runs the scenarios that it reads from standard input on bide, in virtual time, and prints their
 * traces; each ends with a line that begins with "=". asyncio_driver.py is its twin, scenarios.py
 * writes the scenarios.
 */
#include "scenario.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A tick is so many parts of a second that all times are whole, as doubles and as nanoseconds. */
static const double ticks_per_second = 512;

double seconds(const char *ticks)
{
    return (double)atol(ticks) / ticks_per_second;
}

long now(void)
{
    return lround(bide_time() * ticks_per_second);
}

void note(const struct runner *runner, int line, const char *thing, const char *text)
{
    printf("%ld %s %d %s %s\n", now(), runner->body->name, line, thing, text);
}

void design(const char *reason)
{
    printf("! %ld %s\n", now(), reason);
}

void tell(char *text, int result)
{
    if (result >= 0)
        snprintf(text, TEXT_SIZE, "value %d", result);
    else if (result == -ECANCELED)
        snprintf(text, TEXT_SIZE, "cancelled");
    else
        snprintf(text, TEXT_SIZE, "failed %d", -result);
}

/* The pause before a statement. */
static int lead(const struct runner *runner, const struct statement *statement)
{
    if (statement->lead == 0 && !bide_cancelled()) return 0;
    if (bide_sleep((double)statement->lead / ticks_per_second) == 0) return 0;
    if (statement->lead > 0 && runner->handed == now()) design("handed over while a cancel is on its way");
    return CUT;
}

static int run_statement(struct runner *runner, const struct statement *statement)
{
    char text[TEXT_SIZE] = "ok";
    int code = lead(runner, statement);
    if (code == 0) code = statement->verb->run(runner, statement, text);
    if (code == RETURNED) return code;
    if (code < 0) strcpy(text, code == CUT ? "cut short" : "passes a failure on");
    note(runner, statement->line, statement->verb->on_thing && code == 0 ? statement->words[0] : "-", text);
    return code;
}

int run_block(struct runner *runner, int place, int end)
{
    while (place < end) {
        const struct statement *statement = &runner->body->statements[place];
        const int code = run_statement(runner, statement);
        if (code != 0) return code;
        place = statement->verb->is_block ? statement->end + 1 : place + 1;
    }
    if (end == runner->body->count) return 0;
    return lead(runner, &runner->body->statements[end]);
}

int run_body(void *arg)
{
    struct runner runner = {.body = arg, .handed = -1};
    char text[TEXT_SIZE] = "ends ";
    note(&runner, 0, "-", "begins");
    const int code = run_block(&runner, 0, runner.body->count);
    const int result = code < 0 ? code : runner.value;
    tell(text + strlen(text), result);
    note(&runner, 0, "-", text);
    return result;
}

static int run_main(void *arg)
{
    struct world *world = arg;
    world_make_things(world);
    const int code = run_body(world_body(world, "main"));
    world->ended = true;
    return code;
}

static void ignore(void *arg, const struct bide_error *error)
{
    (void)arg, (void)error;
}

int main(void)
{
    struct world world;
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .on_error = ignore};
    while (world_read(&world, stdin)) {
        const int code = bide_run_with(&options, run_main, &world);
        printf("= %d\n", code);
        world_clear(&world);
    }
    return 0;
}
