/* SPDX-License-Identifier: MIT */
/* Reading a scenario. The text comes from scenarios.py: what is wrong in it ends the program. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

void give_up(const char *what, const char *why)
{
    fprintf(stderr, "bide_driver: %s: %s\n", what, why);
    exit(2);
}

struct body *world_body(struct world *world, const char *name)
{
    for (int i = 0; i < world->body_count; i++)
        if (strcmp(world->bodies[i].name, name) == 0) return &world->bodies[i];
    give_up(name, "no such task");
}

static int split(char *line, char words[][WORD_SIZE])
{
    int count = 0;
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
        if (count == WORDS_MOST || strlen(word) >= WORD_SIZE) give_up(word, "too long");
        strcpy(words[count++], word);
    }
    return count;
}

static void add_body(struct world *world, const char *name)
{
    if (world->body_count == BODIES_MOST) give_up(name, "too many tasks");
    struct body *body = &world->bodies[world->body_count++];
    *body = (struct body){.world = world, .group = -1};
    strcpy(body->name, name);
    body->statements = world->statements + world->statement_count;
}

static void add_statement(struct world *world, int line, char words[][WORD_SIZE], int count)
{
    if (world->statement_count == STATEMENTS_MOST || world->body_count == 0 || count < 2)
        give_up(words[0], "no place for this statement");
    struct statement *statement = &world->statements[world->statement_count++];
    world->bodies[world->body_count - 1].count++;
    *statement = (struct statement){.line = line, .lead = atol(words[0]), .count = count - 2};
    for (int i = 2; i < count; i++) strcpy(statement->words[i - 2], words[i]);
    statement->verb = verb_find(words[1]);
    if (!statement->verb) give_up(words[1], "no such verb");
}

/* Tells each block where it ends. */
static void match(struct body *body)
{
    int open[STATEMENTS_MOST];
    int depth = 0;
    for (int i = 0; i < body->count; i++) {
        const struct verb *verb = body->statements[i].verb;
        if (verb->is_block) open[depth++] = i;
        if (verb->run) continue;
        if (depth == 0) give_up(body->name, "a block ends that has not begun");
        struct statement *block = &body->statements[open[depth - 1]];
        const bool is_end = strcmp(verb->name, "end") == 0;
        if (is_end) depth--;
        if (is_end) block->end = i;
        if (!is_end || !block->middle) block->middle = i;
    }
}

static void add_line(struct world *world, int number, char *line)
{
    char words[WORDS_MOST][WORD_SIZE];
    if (strncmp(line, "scenario ", 9) == 0) return;
    const int count = split(line, words);
    if (count == 0) give_up("scenario", "an empty line");
    if (strcmp(words[0], "object") == 0) {
        if (world->thing_count == THINGS_MOST) give_up(words[2], "too many objects");
        world->things[world->thing_count++] = thing_new(words + 1, count - 1);
    } else if (strcmp(words[0], "task") == 0) {
        add_body(world, words[1]);
    } else if (words[0][0] >= '0' && words[0][0] <= '9') {
        add_statement(world, number, words, count);
    }
}

bool world_read(struct world *world, FILE *file)
{
    char line[WORDS_MOST * WORD_SIZE];
    *world = (struct world){.statements = calloc(STATEMENTS_MOST, sizeof *world->statements)};
    if (!world->statements) give_up("scenario", "no memory");
    for (int number = 0; fgets(line, sizeof line, file); number++) {
        if (strcmp(line, "run\n") == 0) {
            for (int i = 0; i < world->body_count; i++) match(&world->bodies[i]);
            return true;
        }
        add_line(world, number, line);
    }
    world_clear(world);
    return false;
}

void world_make_things(struct world *world)
{
    for (int i = 0; i < world->thing_count; i++) thing_make(world->things[i]);
}

void world_clear(struct world *world)
{
    for (int i = 0; i < world->thing_count; i++) thing_clear(world->things[i]);
    free(world->statements);
}
