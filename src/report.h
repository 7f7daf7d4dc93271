/* SPDX-License-Identifier: MIT */
/* What the library prints unasked, and all that it prints: each line on standard error. */
#ifndef REPORT_H
#define REPORT_H

#include "task.h"

/* The default of .on_error. */
void report_error(void *arg, const struct bide_error *error);

/* For .slow_after: a task ran that long without waiting. */
void report_slow(const char *name, double seconds);

/* Every task waits for another: who, and for what. */
void report_stuck(struct sched *sched);

#endif
