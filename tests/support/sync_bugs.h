/* SPDX-License-Identifier: MIT */
/*
 * Faults that locks and their like had elsewhere, tried on any of them: how a task takes what it
 * waits for, and how the main task gives it.
 */
#ifndef SYNC_BUGS_H
#define SYNC_BUGS_H

#include "check.h"

struct sync_gift {
    void (*prepare)(void); /* a fresh object; taking from it now has to wait */
    int (*take)(void);
    void (*put)(void);   /* gives back what was taken; or nothing */
    void (*give)(void);  /* by the main task: the first that waits is woken */
    void (*again)(void); /* for those whose gift was consumed: one more, for the next; or nothing */
    int (*nowait)(void); /* what is free can be taken: 0. Or nothing */
};

/* Each is a test, for the main stack. */
void sync_bug_07(const struct sync_gift *gift); /* a wake-up is lost when the woken one is cancelled */
void sync_bug_08(const struct sync_gift *gift); /* what was taken is lost by a cancel */
void sync_bug_09(const struct sync_gift *gift); /* a cancel and the wake-up in one turn: neither is seen */
void sync_bug_12(const struct sync_gift *gift); /* the wake-up comes when the waiter's stack is gone */

/* The same four as unit tests for the gift `gift` of the file. */
#define SYNC_BUG_TESTS                                                                                       \
    static void bug_07_no_wake_up_is_lost(void **state)                                                      \
    {                                                                                                        \
        (void)state;                                                                                         \
        sync_bug_07(&gift);                                                                                  \
    }                                                                                                        \
    static void bug_08_nothing_is_lost_by_a_cancel(void **state)                                             \
    {                                                                                                        \
        (void)state;                                                                                         \
        sync_bug_08(&gift);                                                                                  \
    }                                                                                                        \
    static void bug_09_one_outcome_when_both_come_at_once(void **state)                                      \
    {                                                                                                        \
        (void)state;                                                                                         \
        sync_bug_09(&gift);                                                                                  \
    }                                                                                                        \
    static void bug_12_nobody_is_woken_on_a_stack_that_is_gone(void **state)                                 \
    {                                                                                                        \
        (void)state;                                                                                         \
        sync_bug_12(&gift);                                                                                  \
    }
#define SYNC_BUG_TEST_LIST                                                                                   \
    cmocka_unit_test(bug_07_no_wake_up_is_lost), cmocka_unit_test(bug_08_nothing_is_lost_by_a_cancel),       \
        cmocka_unit_test(bug_09_one_outcome_when_both_come_at_once),                                         \
        cmocka_unit_test(bug_12_nobody_is_woken_on_a_stack_that_is_gone)

#endif
