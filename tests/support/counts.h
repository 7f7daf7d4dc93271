/* SPDX-License-Identifier: MIT */
/* Counts the calls that go through the seam, which all succeed or fail as they do. Any thread. */
#ifndef COUNTS_H
#define COUNTS_H

#include "../../src/sys.h"

/* From here on, from zero. Set while no other thread of the library is at work. */
void counts_start(void);
void counts_stop(void);

/* How many calls of the kind there were; all but those for memory. */
long counts_of(enum sys_call kind);
long counts_all(void);

#endif
