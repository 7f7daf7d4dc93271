/* SPDX-License-Identifier: MIT */
/*
 * What the loop does in a turn, narrated. It looks at descriptors, then at timers, then makes the
 * calls that are due, then resumes the tasks that are ready, first in, first out. Nothing runs
 * between a task's two waits but that task.
 */
#include <bide.h>
#include <stdio.h>
#include <unistd.h>

static void say(const char *who, const char *what)
{
    printf("%3.1f  %-7s %s\n", bide_time(), who, what);
}

static void called(void *arg)
{
    say("call", arg);
}

static int sleeper(void *arg)
{
    const char *name = arg;
    say(name, "runs for the first time, sleeps 1 s");
    bide_sleep(1.0);
    say(name, "its timer was due");
    return 0;
}

static int reader(void *arg)
{
    char byte;
    say("reader", "runs for the first time, reads from an empty pipe");
    bide_read(*(int *)arg, &byte, 1);
    say("reader", "its descriptor was readable");
    return 0;
}

static int yielder(void *arg)
{
    (void)arg;
    say("yielder", "runs for the first time, yields");
    bide_yield();
    say("yielder", "has let the others run once");
    return 0;
}

static int narrate(void *arg)
{
    (void)arg;
    int ends[2];
    if (pipe(ends) < 0) return -1;
    say("main", "starts four tasks and asks for two calls; none of them runs yet");
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_start(&group, sleeper, "first");
        bide_group_start(&group, sleeper, "second");
        bide_group_start(&group, yielder, NULL);
        bide_group_start(&group, reader, &ends[0]);
        bide_call_soon(NULL, called, "what was asked for comes before tasks that became ready meanwhile");
        bide_call_later(NULL, 1.0, called, "due at the time of the sleepers, made before they go on");
        say("main", "waits: the others may run");
        bide_sleep(2.0);
        say("main", "writes into the pipe; the reader is not resumed before main waits");
        (void)!write(ends[1], "x", 1);
        say("main", "waits for the group");
    }
    say("main", "all have ended");
    close(ends[0]);
    close(ends[1]);
    return 0;
}

int main(void)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, narrate, NULL) < 0;
}
