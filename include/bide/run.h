/* SPDX-License-Identifier: MIT */
/* Running a program: bide_run is asyncio.run. */
#ifndef BIDE_RUN_H
#define BIDE_RUN_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_error;

enum bide_clock {
    BIDE_CLOCK_MONOTONIC = 0, /* real time */
    BIDE_CLOCK_VIRTUAL = 1    /* starts at 0 and jumps to the next deadline whenever all tasks wait */
};

/* How a loop runs. All zero is the default; a NULL pointer to it too. */
struct bide_options {
    bool debug;            /* report at the end failed tasks whose result nobody took */
    enum bide_clock clock; /* real or virtual time */
    uint64_t shuffle_seed; /* not 0: ready tasks run in a random order that this seed fixes */
    size_t stack_size;     /* bytes of a task's stack; 0: BIDE_STACK_DEFAULT */
    unsigned threads;      /* most threads for bide_to_thread; 0: processors + 4, at most 32 */
    double slow_after;     /* seconds after which a task that holds the loop is reported; 0: never */
    /* Called with the failure of each task that nobody can await (detached, or spawned in a
     * group), between two tasks; it must not wait. NULL: one line on standard error. */
    void (*on_error)(void *arg, const struct bide_error *error);
    void *on_error_arg;
    /* The first ^C (SIGINT) cancels the main task, as asyncio.run does: where it waits, or waits next. A
     * second one, and any after the run, does what it did before. */
    bool cancel_on_interrupt;
    uint64_t reserved[8]; /* zero */
};

/*
 * Runs fn(arg) as the main task of a new loop in this thread, until it has ended.
 *
 *     static int hello(void *arg) { int code = bide_sleep(1); return code < 0 ? code : puts(arg); }
 *     int main(void) { return bide_run(hello, "Hello!") < 0; }
 *
 * Returns what fn returned, after every task that was left has been cancelled and joined, the
 * threads have ended and all memory is given back.
 * Errors: -EALREADY in a thread whose loop is running, -EINVAL for a NULL fn, -EDEADLK when
 * every task waited for another (a report on standard error says which for what), -ENOMEM,
 * -EMFILE and the like where the loop could not be made.
 */
BIDE_API int bide_run(bide_fn fn, void *arg);

/* The same with options. Errors: also -EINVAL for options that make no sense. */
BIDE_API int bide_run_with(const struct bide_options *opt, bide_fn fn, void *arg);

#ifdef __cplusplus
}
#endif

#endif
