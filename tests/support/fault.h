/* SPDX-License-Identifier: MIT */
/*
 * Faults: makes the nth call of a kind to the system fail, and sweeps a whole program with that.
 * A sweep runs the program once as it is and counts its calls; then once more for each call and
 * each errno that it may give, with that call failing, and with all from it on. Each of these
 * runs must end, in success or with a code that the fault explains, and leave nothing behind:
 * no memory, no descriptor, and no argument that was taken and not used, or used twice.
 */
#ifndef FAULT_H
#define FAULT_H

#include "check.h"
#include "sys.h"

#include <stdatomic.h>

/* For the number of calls that fail: all from the first on. */
enum { FAULT_EVER = 1 << 30 };

/* Counts all calls anew, and fails the first-th call (from 1 on) of that kind and those after it, so many in all. */
void fault_start(enum sys_call kind, int first, int times, int error);
void fault_stop(void);

/* Calls of that kind since fault_start, and how many of them failed. From any thread. */
int fault_count(enum sys_call kind);
int fault_failed(void);

struct fault_program {
    const char *name;
    bide_fn main;
    int (*run)(bide_fn main);  /* instead of running main in a loop of its own: on the main stack */
    enum bide_clock clock;
    unsigned threads;
    bool old_kernel;           /* without lightweight guards of stacks */
    bool wakes_itself;         /* of reads and writes some are of an eventfd, which cannot but be interrupted */
    int codes[8];              /* what else it may return when a call failed, up to a 0 */
};

/* Asserts all that, on the main stack. */
void fault_sweep(const struct fault_program *program);

/* For cmocka's teardown: tells which case it was that failed, and stops. */
int fault_teardown(void **state);

/*
 * How long a program of real time may wait for what has been promised: a moment when the fault
 * may keep it from ever coming (then -ETIMEDOUT is a good answer), else so long that it is a failure.
 */
double fault_patience(void);

/* Is the fault of this run a single one? */
bool fault_is_single(void);

/* An argument that a program hands over. Whoever gets it says fault_begin first, fault_end last. */
struct fault_item {
    atomic_int begun;
    atomic_int ended;
    int taken; /* 1: it must be used once; 0: it was refused; -1: not known */
};

/* A fresh one of this run, and what became of handing it over. */
struct fault_item *fault_item(void);
void fault_begin(struct fault_item *item);
int fault_end(struct fault_item *item, int result);

/* How many failures the run shall tell .on_error: one more. */
void fault_expect_report(void);

#endif
