/* SPDX-License-Identifier: MIT */
/* Examples as processes of their own. For the main stack. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include "check.h"

#include <sys/types.h>

/* Where the build has put it, seen from this program. Empty if it is not there. */
void example_find(const char *name, char *path, size_t size);

/* The same; skips the test, in words, if it is not there. */
void example_need(const char *name, char *path, size_t size);

/* A process and what it has printed, on standard output and standard error. */
struct example {
    pid_t pid;
    int output;
    char text[1024];
};

/* Starts it by /bin/sh: command, with `path` as $0 and `argument` as $1. In the child `prepare(arg)` runs before, if there is one. */
void example_start(struct example *example, const char *command, const char *path, const char *argument,
                   void (*prepare)(void *arg), void *arg);

/* Reads what it prints until these words have come: what stands behind them, or NULL at the end. */
const char *example_hear(struct example *example, const char *words);

/* Reads all that it still prints, and waits for its end. Returns its wait status. */
int example_end(struct example *example);

/* The same after a SIGTERM. */
int example_stop(struct example *example);

#endif
