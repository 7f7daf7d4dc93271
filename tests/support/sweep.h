/* SPDX-License-Identifier: MIT */
/*
 * A sweep runs a program once as it is and counts its calls to the system; then once more for
 * each call and each errno that it may give, with that call failing, and with all of its kind from
 * it on. Each of these runs must end, in success or with a code that the fault explains, and
 * leave nothing behind: no memory, no descriptor, and no argument that was taken and not used,
 * refused and used, or used twice.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "check.h"

#include <stdatomic.h>

struct sweep_program {
    const char *name;
    bide_fn main;
    int (*run)(bide_fn main); /* instead of running main in a loop of its own: on the main stack */
    enum bide_clock clock;
    unsigned threads;
    bool old_kernel;   /* without lightweight guards of stacks */
    bool uses_threads; /* what is read and written is an eventfd: that can be interrupted, no more */
    int codes[8];      /* what else it may return when a call failed, up to a 0 */
};

/* Asserts all that, on the main stack. */
void sweep(const struct sweep_program *program);

/* For cmocka's teardown: says which case it was that failed. */
int sweep_teardown(void **state);

/*
 * How long a program of real time may wait for what has been promised: a moment when the fault
 * may keep it from ever coming (then -ETIMEDOUT is a good answer), else so long that it is a failure.
 */
double sweep_patience(void);

/* Is the fault of this run a single one? */
bool sweep_is_single(void);

/* An argument that a program hands over. Whoever gets it begins and ends it. */
struct sweep_item {
    atomic_int begun;
    atomic_int ended;
    int taken; /* 1: it must be used once; 0: it was refused; -1: not known */
};

struct sweep_item *sweep_item(void);
void sweep_begin(struct sweep_item *item);
int sweep_end(struct sweep_item *item, int result); /* result */

/* The run shall tell .on_error of one more failure than so far. */
void sweep_expect_report(void);

/* For programs: a task that gets an item and yields, sleeps a second, or fails with -EIO and a text. */
int sweep_use(void *item);
int sweep_nap(void *item);
int sweep_fail(void *item);

/* Is that the text of such a failure, as it is with or without memory? */
bool sweep_is_text(const char *text, int code);

/* bide_create_task_with for such a task, with an item of its own. */
struct bide_task *sweep_create(const struct bide_task_options *options, bide_fn fn);

/* bide_group_start likewise: whether it was not refused, which can only be for want of memory. */
bool sweep_start(struct bide_group *group, bide_fn fn);

/* Remembers the first refusal in *code, which is 0 before. */
void sweep_note(int *code, int refused);

/* The cmocka test every_fault_of_FN, and its place in the list. */
#define SWEEP(fn, ...)                                                                                       \
    static void every_fault_of_##fn(void **state)                                                            \
    {                                                                                                        \
        (void)state;                                                                                         \
        sweep(&(const struct sweep_program){.name = #fn, .main = fn, __VA_ARGS__});                          \
    }
#define SWEEP_TEST(name) cmocka_unit_test_teardown(name, sweep_teardown)

#endif
