/* SPDX-License-Identifier: MIT */
/*
 * A loop in a thread of its own, fed from others: they run functions as its tasks and block until
 * those have ended, wait for a time, cancel, or just have something called there.
 */
#include <bide.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

static struct bide_loop *loop;

struct lookup {
    const char *name;
    double seconds; /* that it takes */
    int number;     /* what was found */
};

/* A task of the loop. What it works on may live on the stack of the thread that asked. */
static int look_up(void *arg)
{
    struct lookup *lookup = arg;
    int code = bide_sleep(lookup->seconds);
    if (code == 0) lookup->number = 42;
    return code;
}

static int stay(void *arg)
{
    struct bide_task **self = arg;
    *self = bide_current_task();
    puts("loop: is open");
    return bide_sleep(BIDE_FOREVER);
}

static void leave(void *arg)
{
    struct bide_task **self = arg;
    puts("loop: closes");
    bide_cancel(*self);
}

static void *run_loop(void *arg)
{
    bide_loop_run(loop, stay, arg, NULL);
    return NULL;
}

static void *client(void *arg)
{
    if (bide_run_threadsafe(loop, look_up, arg, NULL) < 0) perror("client");
    return NULL;
}

/* Each client's thread is blocked, but the loop serves them all at once. */
static void ask_from_threads(void)
{
    struct lookup lookups[] = {{"a", 0.1, 0}, {"b", 0.1, 0}, {"c", 0.1, 0}};
    pthread_t threads[3];
    double start = bide_time();
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, client, &lookups[i]);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    printf("main: %s %d, %s %d, %s %d in %.1f s\n", lookups[0].name, lookups[0].number, lookups[1].name,
           lookups[1].number, lookups[2].name, lookups[2].number, bide_time() - start);
}

static void ask_in_vain(void)
{
    struct lookup slow = {"slow", 60.0, 0};
    int result;
    struct bide_remote *remote = bide_start_threadsafe(loop, look_up, &slow);
    if (!remote) return;
    if (bide_remote_wait(remote, 0.05, &result) == -ETIMEDOUT) puts("main: no answer within 0.05 s");
    bide_remote_cancel(remote);
    bide_remote_wait(remote, BIDE_FOREVER, &result); /* `slow` is on this stack: it must have ended */
    printf("main: %s\n", result == -ECANCELED ? "cancelled" : "answered after all");
    bide_remote_free(remote);
}

int main(void)
{
    pthread_t thread;
    struct bide_task *self;
    struct lookup lookup = {"first", 0.05, 0};
    loop = bide_loop_new(NULL);
    if (!loop || pthread_create(&thread, NULL, run_loop, &self) != 0) return 1;

    bide_run_threadsafe(loop, look_up, &lookup, NULL);
    printf("main: %s %d\n", lookup.name, lookup.number);
    ask_from_threads();
    ask_in_vain();
    bide_call_soon_threadsafe(loop, NULL, leave, &self);
    pthread_join(thread, NULL);
    bide_loop_free(loop);
    puts("main: the loop has ended");
    return 0;
}
