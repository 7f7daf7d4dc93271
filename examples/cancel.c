/* SPDX-License-Identifier: MIT */
/* Cancelling a task: it is woken where it waits, cleans up, and passes the code on. */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

/* In a cancelled task every call that may wait fails; clean-up that has to wait needs a shield. */
static void say_goodbye(void)
{
    BIDE_SHIELD(1.0) {
        bide_sleep(0.05); /* stands for a last message over the network */
    }
    puts("worker: cleaned up");
}

static int work(void *arg)
{
    (void)arg;
    puts("worker: started");
    int code = bide_sleep(3600.0); /* stands for waiting for something to do */
    say_goodbye();
    return code;
}

static int show_cancel(void *arg)
{
    (void)arg;
    struct bide_task *worker = bide_create_task(work, NULL);
    bide_sleep(0.1);

    bide_cancel(worker); /* only asks: awaiting it sees that it has ended */
    int result;
    int code = bide_await(worker, &result);
    printf("my wait: %s\n", code == 0 ? "ok" : bide_error_text(code));
    printf("the worker: %s\n", result == -ECANCELED ? "ECANCELED" : bide_error_text(result));
    return code;
}

int main(void)
{
    return bide_run(show_cancel, NULL) < 0;
}
