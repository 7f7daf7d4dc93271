/* SPDX-License-Identifier: MIT */
/*
 * Wrong use that would corrupt memory: one line on standard error that names both sides, then
 * abort, in release builds too.
 */
#ifndef MISUSE_H
#define MISUSE_H

_Noreturn void misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
