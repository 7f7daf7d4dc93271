/* SPDX-License-Identifier: MIT */
/* Waiting for signals, and what that leaves behind. */
#include "check.h"
#include "faults.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static const int usr1[] = {SIGUSR1}, both[] = {SIGUSR1, SIGUSR2};

static int wait_for(int number)
{
    return bide_signal_wait(&number, 1);
}

/* ---- one loop ---- */

TASK(without_memory_or_handlers_nothing_is_handled)
{
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER); /* the first wait of the program, so it needs some */
    const int no_memory = wait_for(SIGUSR1);
    faults_set(SYS_SIGACTION, EINVAL, 1, FOR_EVER);
    const int no_handler = bide_signal_wait(both, 2);
    faults_clear();
    CHECK_INT(no_memory, -ENOMEM);
    CHECK_INT(no_handler, -EINVAL);
    CHECK_INT(raise(SIGUSR1), 0);
    CHECK_INT(wait_for(SIGUSR1), SIGUSR1);
    return 0;
}

TASK(send_to_process)
{
    return kill(getpid(), SIGUSR1);
}

TASK(send_to_thread)
{
    return pthread_kill(*(pthread_t *)arg, SIGUSR1);
}

TASK(await_usr1)
{
    return wait_for(SIGUSR1);
}

TASK(a_signal_comes_from_raise_kill_and_pthread_kill)
{
    pthread_t self = pthread_self();
    const struct bide_call senders[] = {{send_to_process, NULL}, {send_to_thread, &self}};
    for (int i = 0; i < 20; i++) {
        struct bide_task *task = bide_create_task(await_usr1, NULL);
        CHECK_INT(bide_yield(), 0);
        if (i % 3 == 0)
            CHECK_INT(raise(SIGUSR1), 0);
        else if (i % 3 == 1) /* an idle loop is woken */
            CHECK_INT(bide_to_thread(senders[i % 2].fn, senders[i % 2].arg, NULL), 0);
        else
            CHECK_INT(senders[i % 2].fn(senders[i % 2].arg), 0);
        int number;
        CHECK_INT(bide_await(task, &number), 0);
        CHECK_INT(number, SIGUSR1);
    }
    return 0;
}

TASK(say_which)
{
    const int *set = arg;
    log_event("%d", bide_signal_wait(set, set == both ? 2 : 1) - SIGRTMIN);
    return 0;
}

TASK(all_tasks_that_wait_get_it_in_order)
{
    const int first[] = {SIGRTMIN + 1}, second[] = {SIGRTMIN + 2}, last[] = {SIGRTMIN + 3};
    struct bide_task *tasks[] = {bide_create_task(say_which, (void *)(uintptr_t)first),
                                 bide_create_task(say_which, (void *)(uintptr_t)second),
                                 bide_create_task(say_which, (void *)(uintptr_t)first),
                                 bide_create_task(say_which, (void *)(uintptr_t)last)};
    CHECK_INT(bide_yield(), 0);
    CHECK(raise(SIGRTMIN + 1) == 0 && bide_sleep(0.001) == 0);
    CHECK(raise(SIGRTMIN + 3) == 0 && bide_sleep(0.001) == 0);
    CHECK(raise(SIGRTMIN + 2) == 0);
    CHECK_INT(bide_gather_tasks(tasks, 4, NULL), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "1 1 %d 2", SIGRTMIN + 3 - SIGRTMIN);
    CHECK_LOG(expected);
    return 0;
}

TASK(one_that_comes_while_nobody_waits_is_kept_once)
{
    BIDE_TIMEOUT(0) {
        CHECK_INT(bide_signal_wait(both, 2), -ETIMEDOUT); /* a call that is refused handles nothing */
    }
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_signal_wait(both, 2), -ETIMEDOUT);
    }
    for (int i = 0; i < 3; i++) CHECK(raise(SIGUSR2) == 0 && bide_sleep(0) == 0);
    CHECK_INT(raise(SIGUSR1), 0);
    CHECK_INT(bide_sleep(0.001), 0);
    const int first = bide_signal_wait(both, 2), second = bide_signal_wait(both, 2);
    CHECK(first != second && first + second == SIGUSR1 + SIGUSR2);
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(bide_signal_wait(both, 2), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

TASK(a_wait_can_be_cancelled)
{
    int result = 0;
    struct bide_task *task = bide_create_task(await_usr1, NULL), *other = bide_create_task(await_usr1, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(raise(SIGUSR1), 0); /* after the cancel: not for this task */
    CHECK(bide_await(task, &result) == 0 && result == -ECANCELED);
    CHECK(bide_await(other, &result) == 0 && result == SIGUSR1);

    task = bide_create_task(await_usr1, NULL);
    bide_cancel(task);
    CHECK(raise(SIGUSR1) == 0 && bide_sleep(0.001) == 0);
    CHECK(bide_await(task, &result) == 0 && result == -ECANCELED);
    CHECK_INT(wait_for(SIGUSR1), SIGUSR1); /* still kept */
    return 0;
}

static struct bide_task *others[2];

TASK(get_and_cancel_the_other)
{
    const int number = wait_for(SIGUSR1);
    if (arg) bide_cancel(others[1]);
    log_event("%d", number == SIGUSR1 ? bide_sleep(0) : number);
    return 0;
}

TASK(rule_03_row_12_a_signal_that_was_given_stays_given)
{
    others[0] = bide_create_task(get_and_cancel_the_other, others);
    others[1] = bide_create_task(get_and_cancel_the_other, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(raise(SIGUSR1), 0);
    CHECK_INT(bide_gather_tasks(others, 2, NULL), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "0 %d", -ECANCELED);
    CHECK_LOG(expected);
    return 0;
}

TASK(bad_signals_are_refused)
{
    const int bad[] = {SIGKILL, SIGSTOP, SIGPIPE, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                       SIGTRAP, 0,       -1,      65,      1000,   32,     33};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(wait_for(bad[i]), -EINVAL);
        const int mixed[] = {SIGUSR1, bad[i]};
        CHECK_INT(bide_signal_wait(mixed, 2), -EINVAL);
    }
    CHECK_INT(bide_signal_wait(NULL, 1), -EINVAL);
    CHECK_INT(bide_signal_wait(usr1, 0), -EINVAL);
    CHECK(raise(SIGUSR1) == 0 && wait_for(SIGUSR1) == SIGUSR1);
    return 0;
}

/* ---- what is left behind ---- */

static atomic_int handled;
static void own_handler(int number)
{
    handled += number;
}

struct left {
    struct sigaction usr1, usr2;
    sigset_t mask, pending;
};

static struct left look(void)
{
    struct left left;
    memset(&left, 0, sizeof left);
    sigaction(SIGUSR1, NULL, &left.usr1);
    sigaction(SIGUSR2, NULL, &left.usr2);
    pthread_sigmask(SIG_SETMASK, NULL, &left.mask);
    sigpending(&left.pending);
    return left;
}

TASK(get_both)
{
    CHECK_INT(wait_for(SIGUSR2), SIGUSR2); /* which was blocked, and pending */
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(wait_for(SIGUSR1), -ETIMEDOUT);
    }
    CHECK(raise(SIGUSR1) == 0 && wait_for(SIGUSR1) == SIGUSR1);
    CHECK(raise(SIGUSR2) == 0 && wait_for(SIGUSR2) == SIGUSR2);
    return 0;
}

TASK(never_wait)
{
    return 0;
}

static void dispositions_and_mask_are_put_back(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = own_handler, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    sigset_t set, old_mask;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &action, &old);
    pthread_sigmask(SIG_BLOCK, &set, &old_mask);
    raise(SIGUSR2);

    const struct left before = look();
    assert_int_equal(check_run_with(NULL, get_both, NULL), 0);
    assert_int_equal(check_run_with(NULL, never_wait, NULL), 0);
    const struct left after = look();
    assert_true(after.usr1.sa_handler == own_handler && before.usr1.sa_flags == after.usr1.sa_flags);
    assert_true(sigismember(&after.usr1.sa_mask, SIGHUP) && after.usr2.sa_handler == before.usr2.sa_handler);
    assert_memory_equal(&before.mask, &after.mask, sizeof before.mask);
    assert_false(sigismember(&after.pending, SIGUSR2));
    raise(SIGUSR1);
    assert_int_equal(handled, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    sigaction(SIGUSR1, &old, NULL);
}

static void *send_usr1(void *arg)
{
    usleep(2000);
    pthread_kill(*(pthread_t *)arg, SIGUSR1);
    return NULL;
}

static bool is_blocked(int number)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, number);
}

static void a_foreign_poll_is_woken_even_if_the_signal_was_blocked(void **state)
{
    (void)state;
    struct bide_loop *loop = bide_loop_new(NULL);
    struct pollfd fd = {bide_loop_fd(loop), POLLIN, 0};
    pthread_t thread, self = pthread_self();
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    struct bide_task *task = bide_loop_start(loop, await_usr1, NULL);
    assert_int_equal(bide_loop_step(loop), 1);
    assert_false(is_blocked(SIGPIPE));
    assert_int_equal(pthread_create(&thread, NULL, send_usr1, &self), 0);
    while (bide_loop_step(loop) > 0) poll(&fd, 1, -1); /* which the signal may interrupt */
    pthread_join(thread, NULL);
    assert_int_equal(bide_task_result(task), SIGUSR1);
    bide_detach(task);
    bide_loop_free(loop);
    assert_true(is_blocked(SIGUSR1));
    assert_false(is_blocked(SIGPIPE));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void run_in_a_loop(void **state)
{
    const bide_fn fn = (bide_fn)(uintptr_t)*state;
    log_clear();
    assert_int_equal(check_run_with(NULL, fn, NULL), 0);
    assert_int_equal(wait_for(SIGUSR1), -EPERM);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(without_memory_or_handlers_nothing_is_handled),
        IN_A_LOOP(a_signal_comes_from_raise_kill_and_pthread_kill),
        IN_A_LOOP(all_tasks_that_wait_get_it_in_order),
        IN_A_LOOP(one_that_comes_while_nobody_waits_is_kept_once),
        IN_A_LOOP(a_wait_can_be_cancelled),
        IN_A_LOOP(rule_03_row_12_a_signal_that_was_given_stays_given),
        IN_A_LOOP(bad_signals_are_refused),
        cmocka_unit_test(dispositions_and_mask_are_put_back),
        cmocka_unit_test(a_foreign_poll_is_woken_even_if_the_signal_was_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
