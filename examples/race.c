/* SPDX-License-Identifier: MIT */
/* One question to several mirrors: the first answer wins, the rest is cancelled; then all, as they come. */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct mirror {
    const char *name;
    double seconds;
};

static struct mirror mirrors[] = {{"Oslo", 0.3}, {"Seoul", 0.1}, {"Lima", 0.2}};
enum { MIRRORS = sizeof mirrors / sizeof *mirrors };

static int ask(void *arg)
{
    struct mirror *mirror = arg;
    int code = bide_sleep(mirror->seconds);
    if (code == -ECANCELED) printf("  %s: cancelled\n", mirror->name);
    return code;
}

/* Named, so that whoever has the task knows the mirror. */
static void ask_all(struct bide_task **tasks)
{
    for (int i = 0; i < MIRRORS; i++) {
        const struct bide_task_options options = {.name = mirrors[i].name};
        tasks[i] = bide_create_task_with(&options, ask, &mirrors[i]);
    }
}

static void first_answer(void)
{
    struct bide_task *tasks[MIRRORS];
    double start = bide_time();
    ask_all(tasks);
    bide_wait(tasks, MIRRORS, BIDE_FIRST_COMPLETED, BIDE_FOREVER);
    for (int i = 0; i < MIRRORS; i++)
        if (bide_task_done(tasks[i])) printf("winner: %s\n", bide_task_name(tasks[i]));
    for (int i = 0; i < MIRRORS; i++) {
        bide_cancel(tasks[i]);
        bide_await(tasks[i], NULL);
    }
    printf("took %.1f s, as the fastest\n", bide_time() - start);
}

static void each_as_it_comes(void)
{
    struct bide_task *tasks[MIRRORS], *task;
    double start = bide_time();
    ask_all(tasks);
    struct bide_completions *answers = bide_as_completed(tasks, MIRRORS);
    while (bide_next(answers, &task) > 0) {
        printf("%s after %.1f s\n", bide_task_name(task), bide_time() - start);
        bide_await(task, NULL);
    }
    bide_completions_free(answers);
}

static int race(void *arg)
{
    (void)arg;
    first_answer();
    each_as_it_comes();
    return 0;
}

int main(void)
{
    /* So that the times are exact: the clock jumps instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, race, NULL) < 0;
}
