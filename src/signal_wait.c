/* SPDX-License-Identifier: MIT */
/* Waiting for a signal, and main's cancel on ^C. */
#include "interrupt.h"
#include "loop.h"

#include <bide/signal.h>
#include <errno.h>
#include <stdio.h>

static int drop_signal(struct wait *wait)
{
    list_remove(&wait->link);
    return 0;
}

static void describe_signal(const struct wait *wait, char *text, size_t size)
{
    (void)wait;
    snprintf(text, size, "waits for a signal");
}

static const struct wait_ops signal_ops = {.drop = drop_signal, .describe = describe_signal};

static bool can_wait_for(int number)
{
    return number >= 1 && number < SIGNALS && number != SIGKILL && number != SIGSTOP && number != SIGPIPE &&
           number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL && number != SIGTRAP;
}

int bide_signal_wait(const int *signals, size_t n)
{
    if (!task_current) return -EPERM;
    if (!signals || n == 0) return -EINVAL;
    struct signal_wait wait = {.set = 0};
    for (size_t i = 0; i < n; i++) {
        if (!can_wait_for(signals[i])) return -EINVAL;
        wait.set |= (uint64_t)1 << (signals[i] - 1);
    }
    int code = cancel_check();
    if (code == 0) code = signals_subscribe(&loop_current()->signals, wait.set);
    if (code < 0) return code;
    loop_current()->signals.asked |= wait.set;
    wait_init(&wait.wait, &signal_ops);
    if (!signals_watch(&loop_current()->signals, &wait)) return wait.number;
    code = park(&wait.wait);
    return code < 0 ? code : wait.number;
}

/* ---- .cancel_on_interrupt ---- */

/* From now on SIGINT has its old effect, unless tasks wait for it too. */
static void give_up(struct interrupt *interrupt)
{
    struct signals *signals = interrupt->wait.signals;
    if (!(signals->asked & interrupt->wait.set)) signals_unsubscribe(signals, SIGINT);
}

static void interrupt_fire(struct wait *wait, int result)
{
    (void)result;
    struct interrupt *interrupt = CONTAINER(wait, struct interrupt, wait.wait);
    give_up(interrupt);
    cancel_by_call(interrupt->task);
}

static const struct wait_ops interrupt_ops = {.drop = drop_signal, .fire = interrupt_fire};

int interrupt_begin(struct interrupt *interrupt, struct signals *signals, struct bide_task *task)
{
    interrupt->wait.set = (uint64_t)1 << (SIGINT - 1);
    interrupt->wait.signals = signals;
    interrupt->task = task;
    wait_init(&interrupt->wait.wait, &interrupt_ops);
    const int code = signals_subscribe(signals, interrupt->wait.set);
    if (code == 0 && !signals_watch(signals, &interrupt->wait)) interrupt_fire(&interrupt->wait.wait, 0);
    return code;
}

void interrupt_end(struct interrupt *interrupt)
{
    list_remove(&interrupt->wait.wait.link);
    give_up(interrupt);
}
