/* SPDX-License-Identifier: MIT */
/* Failures with a text: what exceptions carry in Python. */
#ifndef BIDE_ERROR_H
#define BIDE_ERROR_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A failure: what .on_error and bide_group_errors tell. */
struct bide_error {
    int code;         /* a negative errno */
    int line;         /* where bide_fail was called, or 0 */
    const char *file; /* likewise, or NULL */
    const char *text; /* its text, else strerror's */
    const char *task; /* the name of the task that failed */
    void *reserved[3];
};

/*
 * Returns -err, and keeps the text and the place for whoever sees the failure: the caller of
 * this function, the task that awaits this one, the thread that called bide_run.
 *
 *     return bide_fail(EIO, "disk %s is gone", name);
 *
 * err: a positive errno (a negative one is taken for its positive twin; 0 for EINVAL).
 * fmt: as for printf; the text is cut to 199 bytes. Without memory the text is lost, the code
 * is not. Usable everywhere, also in a function that runs in a thread.
 */
BIDE_API int bide_fail(int err, const char *fmt, ...) BIDE_PRINTF(2, 3);

/* What the macro below calls: the same, with the place. */
BIDE_API int bide_fail_at(const char *file, int line, int err, const char *fmt, ...) BIDE_PRINTF(4, 5);
#define bide_fail(...) bide_fail_at(__FILE__, __LINE__, __VA_ARGS__)

/*
 * What is known of the ended task's failure, borrowed from it. Returns true, or false if it has
 * not ended, or has not failed, or is NULL: *error is then untouched.
 */
BIDE_API bool bide_task_error(struct bide_task *task, struct bide_error *error);

/*
 * The text kept for the last failure with this code (-EIO or EIO) that the running task, or
 * outside of tasks this thread, has seen; strerror's where none was given. A task keeps one text for
 * each code, a thread outside of tasks only the last of all. Valid until it sees another failure or
 * ends; it may be an argument of bide_fail.
 */
BIDE_API const char *bide_error_text(int code);

#ifdef __cplusplus
}
#endif

#endif
