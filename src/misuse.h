/* SPDX-License-Identifier: MIT */
/* What is printed, on standard error: a line at a time, after "bide: ". */
#ifndef MISUSE_H
#define MISUSE_H

void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wrong use that would corrupt memory: one line that names both sides, then abort, in release builds too. */
_Noreturn void misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
