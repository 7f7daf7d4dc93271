/* SPDX-License-Identifier: MIT */
/*
 * Generators: functions that give one value after the other to whoever asks, and stand still in
 * between (asyncio's async generators). A generator has a stack of its own, but it is no task: it
 * runs as part of the task that asks it, like a plain call. It may wait where it likes; it sees
 * the cancel, the deadlines and the locals of who asks, and its failures have their text there.
 * Blocks (BIDE_TIMEOUT, BIDE_SHIELD, BIDE_GROUP) that it holds open while it gives a value lie
 * inside those of its asker while it runs, and touch nobody while it stands still. A deadline goes
 * on counting meanwhile, and is due at the next ask if it has passed.
 *
 *     static int lines_of(void *arg)                      // a generator
 *     {
 *         char line[256];
 *         int fd = connect_to(arg), code;
 *         while ((code = read_line(fd, line, sizeof line)) > 0) {
 *             code = bide_yield_value(line);
 *             if (code < 0) break;                         // closed early
 *         }
 *         bide_close(fd);
 *         return code;
 *     }
 *
 *     struct bide_gen *lines = bide_gen_new(lines_of, "example.org");
 *     void *line;
 *     int code;
 *     while ((code = bide_gen_next(lines, &line)) > 0)     // async for line in lines
 *         if (is_last(line)) break;
 *     bide_gen_close(lines);                               // always
 */
#ifndef BIDE_GEN_H
#define BIDE_GEN_H

#include <bide/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A generator. Any task of its loop may ask it, one at a time. */
struct bide_gen;

/*
 * Makes a generator that will run fn(arg), from the first time it is asked. fn returns >= 0 at its
 * end, or a failure. Its stack has the size that the loop's options say.
 * Every generator is to be given to bide_gen_close. One that is left when its loop ends is closed
 * by the loop, as if its asker had been cancelled, and its failure goes to .on_error; the pointer
 * is then no longer good.
 *
 * Errors (NULL and errno): EPERM where no loop runs, EINVAL for a NULL fn, ENOMEM.
 */
BIDE_API struct bide_gen *bide_gen_new(bide_fn fn, void *arg);

/*
 * Runs the generator on to its next value. It is like a plain call of the generator's code: it
 * waits if and where that waits, and checks for cancellation only there.
 *
 * value: where the pointer given to bide_yield_value goes, or NULL. If that points to something on
 * the generator's stack, it is good until the generator is asked again or closed.
 * Returns 1 with a value; 0 at the end, or the generator's failure, then and ever after: *value is
 * untouched. Errors: -EPERM outside a task, -EINVAL for NULL, -EBUSY while another task asks it,
 * -EDEADLK in the generator itself. A generator of another loop that has not ended aborts.
 */
BIDE_API int bide_gen_next(struct bide_gen *gen, void **value);

/* The same, and hands `sent` to the generator: bide_gen_sent() is that, there, until the next ask. */
BIDE_API int bide_gen_send(struct bide_gen *gen, void *sent, void **value);

/*
 * Ends the generator, frees it and what it has. One that has not been asked yet never runs, and
 * its arg is still yours. One that stands in bide_yield_value goes on there with -ECANCELED, and
 * so does every call in it that may wait, but in a BIDE_SHIELD, until it returns: its clean-up
 * runs before this call returns, however long that takes. Works while cancelled; NULL does nothing.
 *
 * Returns 0, or the failure with which its clean-up ended, unless that is -ECANCELED. Errors:
 * -EPERM where its loop does not run, and outside a task if it would have to run: it is then still
 * there. Closing a generator that runs aborts the program.
 */
BIDE_API int bide_gen_close(struct bide_gen *gen);

/*
 * In a generator: gives a value to who asked, and stands still until it is asked again. It does
 * not check for cancellation. Functions that the generator calls may call it, too.
 *
 * Returns 0 when it is asked again; -ECANCELED when it is closed: it should clean up and return,
 * as every further call gives -ECANCELED too, though other tasks may run then. Errors: -EPERM
 * outside a generator.
 */
BIDE_API int bide_yield_value(void *value);

/* In a generator: what bide_gen_send sent for the present ask; NULL with bide_gen_next, and outside. */
BIDE_API void *bide_gen_sent(void);

#ifdef __cplusplus
}
#endif

#endif
