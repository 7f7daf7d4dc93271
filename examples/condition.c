/* SPDX-License-Identifier: MIT */
/*
 * A condition: tasks wait until something that a lock protects has changed. The lock is held
 * again when bide_cond_wait returns, also when the task was cancelled meanwhile.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static struct bide_lock lock;
static struct bide_cond changed;
static int bread; /* on the shelf; protected by the lock */

static bool has_bread(void *arg)
{
    (void)arg;
    return bread > 0;
}

static int customer(void *arg)
{
    const char *name = arg;
    int code;
    BIDE_LOCKED(&lock, code)
    {
        code = bide_cond_wait_for(&changed, &lock, has_bread, NULL);
        if (code < 0)
            printf("%s leaves without\n", name);
        else
            printf("%s buys bread, %d left\n", name, --bread);
    }
    return code;
}

static int bake(int loaves)
{
    int code;
    BIDE_LOCKED(&lock, code)
    {
        bread += loaves;
        printf("%d baked\n", loaves);
        bide_cond_notify(&changed, (size_t)loaves);
    }
    return code;
}

static int open_the_shop(void *arg)
{
    (void)arg;
    static char *const names[] = {"Ann", "Ben", "Cid", "Dan"};
    struct bide_task *customers[4];
    for (int i = 0; i < 4; i++) customers[i] = bide_create_task(customer, names[i]);
    bide_sleep(1.0);
    bake(1);
    bide_sleep(1.0);
    bide_cancel(customers[1]);
    bake(2); /* for the next two who still wait */
    for (int i = 0; i < 4; i++) bide_await(customers[i], NULL);
    return 0;
}

int main(void)
{
    /* Only the order matters here, so let the clock jump instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, open_the_shop, NULL) < 0;
}
