/* SPDX-License-Identifier: MIT */
/* Two shields: a task that goes on when its waiter is cancelled, and a block that is not cut in two. */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

static const char *outcome(int result)
{
    if (result >= 0) return "finished";
    return result == -ECANCELED ? "ECANCELED" : bide_error_text(result);
}

static int save(void *arg)
{
    (void)arg;
    return bide_sleep(3.0); /* stands for writing a file that others read too */
}

/* bide_await would pass the cancel on to the saving; bide_shield only looks. */
static int wait_for_saving(void *arg)
{
    struct bide_task *saving = arg;
    return bide_shield(saving, NULL);
}

static void shield_a_task(void)
{
    struct bide_task *saving = bide_create_task(save, NULL);
    struct bide_task *waiter = bide_create_task(wait_for_saving, saving);
    bide_sleep(1.0);

    int result;
    bide_cancel(waiter);
    bide_await(waiter, &result);
    printf("waiter: %s\n", outcome(result));
    bide_await(saving, &result);
    printf("saving: %s\n", outcome(result));
}

struct accounts {
    int from, to;
};

/* Between the two lines money is missing, so a cancel has to wait, here for 5 s at most. */
static int transfer(void *arg)
{
    struct accounts *accounts = arg;
    BIDE_SHIELD(5.0) {
        accounts->from -= 10;
        bide_sleep(2.0);
        accounts->to += 10;
    }
    return bide_sleep(2.0); /* what was held off meets the first call after the block */
}

static void shield_a_block(void)
{
    struct accounts accounts = {.from = 100, .to = 0};
    struct bide_task *task = bide_create_task(transfer, &accounts);
    bide_sleep(1.0);

    int result;
    bide_cancel(task);
    bide_await(task, &result);
    printf("transfer: %s, %d + %d\n", outcome(result), accounts.from, accounts.to);
}

static int show_shields(void *arg)
{
    (void)arg;
    shield_a_task();
    shield_a_block();
    return 0;
}

int main(void)
{
    /* Only the order matters here, so let the clock jump instead of waiting. */
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, show_shields, NULL) < 0;
}
