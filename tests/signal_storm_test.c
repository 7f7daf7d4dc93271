/* SPDX-License-Identifier: MIT */
/* Signals for several loops at once, and many of them. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static int wait_for(int number)
{
    return bide_signal_wait(&number, 1);
}

TASK(await_usr1)
{
    return wait_for(SIGUSR1);
}

enum { LOOPS = 4, TURNS = 50 };
static atomic_int waiting, got;

TASK(get_in_turns)
{
    for (int turn = 0; turn < TURNS; turn++) {
        struct bide_task *tasks[] = {bide_create_task(await_usr1, NULL), bide_create_task(await_usr1, NULL)};
        CHECK_INT(bide_yield(), 0);
        waiting++;
        for (int i = 0; i < 2; i++) {
            int number;
            CHECK(bide_await(tasks[i], &number) == 0 && number == SIGUSR1);
            got++;
        }
        while (got < (turn + 1) * LOOPS * 2) CHECK_INT(bide_yield(), 0);
    }
    return 0;
}

static void *run_loop(void *arg)
{
    return (void *)(intptr_t)bide_run(get_in_turns, arg);
}

static void all_loops_get_each_signal(void **state)
{
    (void)state;
    pthread_t threads[LOOPS];
    const int fds = check_open_fds();
    waiting = got = 0;
    for (int i = 0; i < LOOPS; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_loop, NULL), 0);
    for (int turn = 0; turn < TURNS; turn++) {
        while (waiting < (turn + 1) * LOOPS) sched_yield();
        kill(getpid(), SIGUSR1);
    }
    for (int i = 0; i < LOOPS; i++) {
        void *code;
        pthread_join(threads[i], &code);
        assert_int_equal((intptr_t)code, 0);
    }
    assert_int_equal(got, LOOPS * TURNS * 2);
    assert_int_equal(check_open_fds(), fds);
}

/* One alarm in a millisecond. The next is asked for after it has come, however slow the machine is. */
static void alarm_soon(void)
{
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 1000}}, NULL);
}

static int ends[2];
enum { PIECE = 4096, ALARMS = 200 };

TASK(write_for_ever)
{
    unsigned char out[PIECE];
    for (unsigned char next = 0;; next++) {
        memset(out, next, sizeof out);
        const int code = bide_write_all(ends[0], out, sizeof out, NULL);
        if (code < 0) return code;
    }
}

TASK(read_for_ever)
{
    unsigned char in[1000];
    for (size_t total = 0;;) {
        const ssize_t n = bide_read(ends[1], in, sizeof in);
        if (n < 0) return (int)n;
        for (ssize_t i = 0; i < n; i++, total++) CHECK_INT(in[i], total / PIECE % 256);
    }
}

TASK(a_storm_of_signals_disturbs_no_io)
{
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct bide_task *writer = bide_create_task(write_for_ever, NULL),
                     *reader = bide_create_task(read_for_ever, NULL);
    BIDE_TIMEOUT(0.001) {
        CHECK_INT(wait_for(SIGALRM), -ETIMEDOUT);
    }
    for (int i = 0; i < ALARMS; i++) {
        alarm_soon();
        CHECK_INT(wait_for(SIGALRM), SIGALRM);
    }
    int results[2];
    bide_cancel(writer);
    bide_cancel(reader);
    CHECK(bide_await(writer, &results[0]) == 0 && bide_await(reader, &results[1]) == 0);
    CHECK(results[0] == -ECANCELED && results[1] == -ECANCELED);
    return bide_close(ends[0]) + bide_close(ends[1]);
}

/* Not SIG_IGN: the system does not arm a timer anew whose signal was ignored. */
static void do_nothing(int number)
{
    (void)number;
}

TASK(await_alarm)
{
    return wait_for(SIGALRM) == SIGALRM ? 0 : -EPROTO;
}

static atomic_int running;

static void *run_and_run(void *arg)
{
    (void)arg;
    intptr_t code = 0;
    for (int i = 0; i < 50 && code == 0; i++) code = bide_run(await_alarm, NULL);
    running--;
    return (void *)code;
}

/* The sender takes part in the storm's pace only: what it sends goes to the others. */
static void send_while_they_run(void)
{
    sigset_t alarm, old;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &old);
    while (running > 0) {
        kill(getpid(), SIGALRM);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    const struct timespec now = {0, 0};
    (void)sigtimedwait(&alarm, NULL, &now); /* the last may have found nobody */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void loops_begin_and_end_in_a_storm(void **state)
{
    (void)state;
    pthread_t threads[3];
    const struct sigaction nothing = {.sa_handler = do_nothing};
    struct sigaction old, after;
    sigaction(SIGALRM, &nothing, &old);
    running = 3;
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, run_and_run, NULL), 0);
    send_while_they_run();
    for (int i = 0; i < 3; i++) {
        void *code;
        pthread_join(threads[i], &code);
        assert_int_equal((intptr_t)code, 0);
    }
    sigaction(SIGALRM, &old, &after);
    assert_true(after.sa_handler == do_nothing);
}

/* ---- handlers on the stacks of tasks ---- */

enum { BUSY = 8 };
static atomic_int hits; /* handlers that ran on a task's stack */

static void count_hit(int number)
{
    (void)number;
    if (bide_current_task()) hits++;
}

TASK(be_busy)
{
    while (hits < rounds(20)) CHECK_INT(bide_yield(), 0);
    return 0;
}

/* The smallest stacks have room for the registers, all of them, and a handler that asks for no other stack. */
TASK(bug_23_a_handler_fits_on_the_smallest_stack)
{
    const struct bide_task_options smallest = {.stack_size = bide_stack_min()};
    const struct sigaction action = {.sa_handler = count_hit, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    struct bide_task *tasks[BUSY];
    struct sigaction old;
    hits = 0;
    sigaction(SIGPROF, &action, &old);
    setitimer(ITIMER_PROF, &often, NULL);
    for (int i = 0; i < BUSY; i++) tasks[i] = bide_create_task_with(&smallest, be_busy, NULL);
    for (int i = 0; i < BUSY; i++) CHECK_INT(bide_await(tasks[i], NULL), 0);
    setitimer(ITIMER_PROF, &never, NULL);
    sigaction(SIGPROF, &old, NULL);
    return 0;
}

static void run_in_a_loop(void **state)
{
    const bide_fn fn = (bide_fn)(uintptr_t)*state;
    assert_int_equal(check_run_with(NULL, fn, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_loops_get_each_signal),
        IN_A_LOOP(a_storm_of_signals_disturbs_no_io),
        cmocka_unit_test(loops_begin_and_end_in_a_storm),
        IN_A_LOOP(bug_23_a_handler_fits_on_the_smallest_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
