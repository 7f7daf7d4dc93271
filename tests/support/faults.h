/* SPDX-License-Identifier: MIT */
/* Lets calls of the seam fail: those of one kind, from the nth on, so many times. Any thread. */
#ifndef FAULTS_H
#define FAULTS_H

#include "../../src/sys.h"

enum { FOR_EVER = -1 };

/* After `after` more calls of that kind have been made, the next `times` ones fail with this errno. */
void faults_set(enum sys_call kind, int error, long after, long times);

/* No call fails any more. */
void faults_clear(void);

/* How many calls of the kind there were since faults_set. */
long faults_asked(void);

#endif
