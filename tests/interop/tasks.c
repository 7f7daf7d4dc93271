/* SPDX-License-Identifier: MIT */
/* What the tasks of a scenario do with each other: they start, wait, cancel, and hold blocks open. */
#include "scenario.h"

#include <stdlib.h>
#include <string.h>

/*
 * Beside a deadline, is there a cause from outside, too? Asked by a call, not by bide_cancelled:
 * the scope of that cause is to know that it cut something short.
 */
static bool is_cut(void)
{
    return bide_yield() < 0;
}

/* The code of a call that waited for work, and what the work returned. */
static int waited(struct runner *runner, int code, int result, char *text)
{
    if (code < 0 || (bide_cancelled() && is_cut())) return CUT;
    tell(text, result);
    runner->last = result < 0 && result != -ECANCELED ? result : 0;
    return 0;
}

static int do_sleep(struct runner *runner, const struct statement *statement, char *text)
{
    (void)runner, (void)text;
    return bide_sleep(seconds(statement->words[0])) < 0 ? CUT : 0;
}

static int do_spawn(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct body *body = world_body(runner->body->world, statement->words[0]);
    body->handle = bide_create_task_with(&(struct bide_task_options){.name = body->name}, run_body, body);
    if (!body->handle) give_up(body->name, "cannot be started");
    return 0;
}

static struct body *body_with_handle(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *body = world_body(runner->body->world, statement->words[0]);
    if (body->handle) return body;
    strcpy(text, "no handle");
    return NULL;
}

static int do_await(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *body = body_with_handle(runner, statement, text);
    if (!body) return 0;
    int result;
    const int code = bide_await(body->handle, &result);
    body->handle = NULL;
    return waited(runner, code, result, text);
}

static int do_shield(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *body = body_with_handle(runner, statement, text);
    if (!body) return 0;
    int result = 0;
    const int code = bide_shield(body->handle, &result);
    return waited(runner, code, result, text);
}

static int do_cancel(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *body = body_with_handle(runner, statement, text);
    if (body) snprintf(text, TEXT_SIZE, "%d", bide_cancel(body->handle));
    return 0;
}

static int do_check(struct runner *runner, const struct statement *statement, char *text)
{
    (void)statement, (void)text;
    return runner->last;
}

static int do_fail(struct runner *runner, const struct statement *statement, char *text)
{
    (void)runner, (void)text;
    return bide_fail(atoi(statement->words[0]), "as it says in line %d", statement->line);
}

static int do_return(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    runner->value = atoi(statement->words[0]);
    return RETURNED;
}

/* The tasks of the list that can be waited for, from the third word on. */
static size_t collect(struct runner *runner, const struct statement *statement, struct body **bodies,
                      struct bide_task **tasks)
{
    size_t n = 0;
    for (int i = 2; i < statement->count; i++) {
        bodies[n] = world_body(runner->body->world, statement->words[i]);
        if (bodies[n]->handle) n++;
    }
    for (size_t i = 0; i < n; i++) tasks[i] = bodies[i]->handle;
    return n;
}

static int do_wait(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *bodies[WORDS_MOST];
    struct bide_task *tasks[WORDS_MOST];
    const size_t n = collect(runner, statement, bodies, tasks);
    const char *word = statement->words[0];
    const enum bide_wait_mode mode = strcmp(word, "first") == 0     ? BIDE_FIRST_COMPLETED
                                     : strcmp(word, "failure") == 0 ? BIDE_FIRST_EXCEPTION
                                                                    : BIDE_ALL_COMPLETED;
    const double limit = statement->words[1][0] == '-' ? BIDE_FOREVER : seconds(statement->words[1]);
    strcpy(text, n > 0 ? "done" : "no handle");
    if (n == 0) return 0;
    ssize_t left = bide_wait(tasks, n, mode, limit);
    if (left < 0 || (bide_cancelled() && is_cut())) return CUT;
    runner->last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!bide_task_done(tasks[i])) continue;
        strcat(strcat(text, " "), bodies[i]->name);
        left--;
    }
    if (left != 0) give_up(runner->body->name, "bide_wait has miscounted");
    return 0;
}

/* Notes the failure that the text begins with, if it does. */
static void note_failure(struct runner *runner, const char *text)
{
    int code;
    runner->last = sscanf(text, "failed %d", &code) == 1 ? -code : 0;
}

static int do_completed(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *bodies[WORDS_MOST];
    struct bide_task *tasks[WORDS_MOST];
    const size_t known = collect(runner, statement, bodies, tasks);
    size_t n = 0;
    for (size_t i = 0; i < known; i++)
        if (!bide_task_done(tasks[i])) tasks[n++] = tasks[i];
    if (n > (size_t)atoi(statement->words[0])) n = (size_t)atoi(statement->words[0]);
    strcpy(text, "no handle");
    runner->last = 0;
    if (n == 0) return 0;
    struct bide_completions *order = bide_as_completed(tasks, n);
    struct bide_task *task;
    int code;
    const char *between = "";
    for (char *end = text; (code = bide_next(order, &task)) > 0; between = ", ") {
        tell(stpcpy(end, between), bide_task_result(task));
        end += strlen(end);
        if (statement->words[1][0] == '0') continue;
        if ((code = bide_sleep(seconds(statement->words[1]))) < 0) break;
    }
    bide_completions_free(order);
    note_failure(runner, text);
    return code < 0 || (bide_cancelled() && is_cut()) ? CUT : 0;
}

static int do_gather(struct runner *runner, const struct statement *statement, char *text)
{
    struct bide_call calls[WORDS_MOST];
    int results[WORDS_MOST];
    const int n = statement->count - 1;
    const bool all = strcmp(statement->words[0], "all") == 0;
    for (int i = 0; i < n; i++)
        calls[i] = (struct bide_call){run_body, world_body(runner->body->world, statement->words[i + 1])};
    const int code = bide_gather(calls, (size_t)n, all ? results : NULL);
    if (code == -ETIMEDOUT || (code == -ECANCELED && (all || is_cut()))) return CUT;
    if (code < 0) tell(text, code);
    char *end = text;
    for (int i = 0; all && i < n; i++) {
        tell(end, results[i]);
        end += strlen(end);
        if (i < n - 1) end = stpcpy(end, ", ");
    }
    note_failure(runner, text);
    return all && bide_cancelled() && is_cut() ? CUT : 0;
}

static int do_waitfor(struct runner *runner, const struct statement *statement, char *text)
{
    struct body *body = world_body(runner->body->world, statement->words[1]);
    int result;
    const int code = bide_wait_for(run_body, body, seconds(statement->words[0]), &result);
    if (code != -ETIMEDOUT || is_cut()) return waited(runner, code, result, text);
    if (result < 0 && result != -ECANCELED) return waited(runner, 0, result, text);
    strcpy(text, "expired");
    runner->last = 0;
    return 0;
}

/* ---- blocks ---- */

static int run_inside(struct runner *runner, const struct statement *block)
{
    return run_block(runner, (int)(block - runner->body->statements) + 1, block->middle);
}

static int run_guarded(struct runner *runner, int place, int end)
{
    int code = 0;
    BIDE_SHIELD(BIDE_FOREVER) {
        code = run_block(runner, place, end);
    }
    return code;
}

static int do_timeout(struct runner *runner, const struct statement *statement, char *text)
{
    int code = 0;
    BIDE_TIMEOUT(seconds(statement->words[0])) {
        code = run_inside(runner, statement);
    }
    if (code != CUT || !bide_expired() || is_cut()) return code;
    strcpy(text, "expired");
    return 0;
}

static void tell_failures(const struct bide_group *group, char *text)
{
    struct bide_error errors[BODIES_MOST];
    const size_t n = bide_group_errors(group, errors, BODIES_MOST);
    char *end = stpcpy(text, "failed ");
    for (size_t i = 0; i < n && i < BODIES_MOST; i++)
        end += snprintf(end, (size_t)(text + TEXT_SIZE - end), i ? ",%d" : "%d", -errors[i].code);
}

static int do_group(struct runner *runner, const struct statement *statement, char *text)
{
    struct world *world = runner->body->world;
    const int number = atoi(statement->words[0] + 1);
    struct bide_group group;
    bide_group_enter(&group);
    world->groups[number] = &group;
    const int code = run_inside(runner, statement);
    if (code != 0 && code != CUT) bide_group_cancel(&group);
    const int result = bide_group_exit(&group);
    for (int i = 0; i < world->body_count; i++)
        if (world->bodies[i].group == number) world->bodies[i].handle = NULL;
    if (code != 0 && code != CUT) return code;
    if (result == -ECANCELED || result == -ETIMEDOUT || (result == 0 && code == CUT)) return CUT;
    runner->last = result;
    if (result < 0) tell_failures(&group, text);
    return 0;
}

static int do_start(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    struct body *body = world_body(runner->body->world, statement->words[1]);
    body->group = atoi(statement->words[0] + 1);
    body->handle = bide_group_start(runner->body->world->groups[body->group], run_body, body);
    if (!body->handle) give_up(body->name, "cannot be started in its group");
    return 0;
}

static int do_guard(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    return run_guarded(runner, (int)(statement - runner->body->statements) + 1, statement->end);
}

static int do_try(struct runner *runner, const struct statement *statement, char *text)
{
    (void)text;
    const int code = run_inside(runner, statement);
    const int last_code = run_guarded(runner, statement->middle + 1, statement->end);
    return last_code != 0 ? last_code : code;
}

static int do_catch(struct runner *runner, const struct statement *statement, char *text)
{
    const int code = run_inside(runner, statement);
    if (code != CUT) return code;
    while (bide_uncancel() > 0) continue;
    strcpy(text, "caught");
    return 0;
}

static const struct verb verbs[] = {
    {.name = "sleep", .run = do_sleep},
    {.name = "spawn", .run = do_spawn},
    {.name = "await", .run = do_await},
    {.name = "shield", .run = do_shield},
    {.name = "cancel", .run = do_cancel},
    {.name = "check", .run = do_check},
    {.name = "fail", .run = do_fail},
    {.name = "return", .run = do_return},
    {.name = "wait", .run = do_wait},
    {.name = "completed", .run = do_completed},
    {.name = "gather", .run = do_gather},
    {.name = "waitfor", .run = do_waitfor},
    {.name = "timeout", .run = do_timeout, .is_block = true},
    {.name = "group", .run = do_group, .is_block = true},
    {.name = "start", .run = do_start},
    {.name = "guard", .run = do_guard, .is_block = true},
    {.name = "try", .run = do_try, .is_block = true},
    {.name = "catch", .run = do_catch, .is_block = true},
    {.name = "finally"},
    {.name = "end"},
};

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    return thing_verb_find(name);
}
