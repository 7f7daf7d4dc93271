/* SPDX-License-Identifier: MIT */
/* The texts of failures: what bide_fail keeps, until somebody sees the failure. */
#ifndef FAILURE_H
#define FAILURE_H

enum { FAILURE_TEXT = 200 };

struct failure {
    struct failure *next;
    int code; /* a negative errno; 0: none */
    int line;
    const char *file;
    char text[FAILURE_TEXT];
};

/* The failures that a task has seen, the last one first, at most one for a code. */
struct failures {
    struct failure *first;
};

/* Where bide_fail keeps its text outside of tasks: one for each thread, overwritten by the next. */
struct failure *failure_of_thread(void);

/* A copy on the heap; NULL without memory, and of NULL. */
struct failure *failure_copy(const struct failure *failure);

/* The failure with this code, or NULL. */
struct failure *failures_find(const struct failures *failures, int code);

/* Takes the failure with this code out, or NULL. */
struct failure *failures_take(struct failures *failures, int code);

/* A failure with this code was seen: what was known of an older one is forgotten. Takes
 * `failure`, which may be NULL: a failure without a text. */
void failures_see(struct failures *failures, int code, struct failure *failure);

void failures_clear(struct failures *failures);

#endif
