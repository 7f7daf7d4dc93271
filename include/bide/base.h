/* SPDX-License-Identifier: MIT */
/* What every topic header needs: the task function, durations, the version. */
#ifndef BIDE_BASE_H
#define BIDE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BIDE_API __attribute__((visibility("default")))
#define BIDE_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#error "bide needs gcc or clang"
#endif

/* The version of these headers, "MAJOR.MINOR.PATCH" in BIDE_VERSION. */
#define BIDE_VERSION_MAJOR 0
#define BIDE_VERSION_MINOR 1
#define BIDE_VERSION_PATCH 0
#define BIDE_VERSION "0.1.0"

/* A duration without limit, in seconds. */
#define BIDE_FOREVER __builtin_inf()

#ifdef __cplusplus
extern "C" {
#endif

struct bide_loop;
struct bide_task;

/*
 * A task function: >= 0 is its result, < 0 (a negative errno) its failure. The same function
 * runs as a task or by a plain call, and a plain call is an await; it runs in a thread too, where
 * calls that may wait give -EPERM.
 */
typedef int (*bide_fn)(void *arg);

/* A call that is named but not yet running: what Python calls a coroutine object. */
struct bide_call {
    bide_fn fn;
    void *arg;
};

/*
 * The time in seconds since some fixed moment (CLOCK_MONOTONIC), as the running loop's clock
 * sees it: with a virtual clock it is the loop's own. Usable everywhere.
 */
BIDE_API double bide_time(void);

/* The version of the library that runs, as "MAJOR.MINOR.PATCH". */
BIDE_API const char *bide_version(void);

#ifdef __cplusplus
}
#endif

#endif
