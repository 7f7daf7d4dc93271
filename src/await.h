/* SPDX-License-Identifier: MIT */
/* What the calls that wait for another's work have in common. */
#ifndef AWAIT_H
#define AWAIT_H

#include "cancel.h"

#include <errno.h>

/*
 * Two channels: the work's result goes to *result. With NULL the two fold into one: the work's
 * failure, else the code of the wait. That it was cancelled because the wait was cut short is
 * no failure of its own.
 */
static inline int await_fold(int code, int work, int *result)
{
    if (!result) return work < 0 && !(code < 0 && work == -ECANCELED) ? work : code;
    *result = work;
    return code;
}

#endif
