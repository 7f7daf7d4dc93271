/* SPDX-License-Identifier: MIT */
/* Stands in for an older kernel, an emulator or a container: one system call that no longer works. */
#ifndef FILTER_H
#define FILTER_H

enum { ANY_ARGUMENT = -1 };

/*
 * From here on, in this process and for good, a system call fails with that errno, or answers 0
 * and does nothing if error is 0: always, or only when the argument of that index has this value.
 * Returns 0, or a negative errno where there are no filters.
 */
int filter_call(long number, int index, unsigned value, int error);

#endif
