/* SPDX-License-Identifier: MIT */
/* How the seam makes a system call: faults first, errno as a negative result. */
#ifndef SYS_CALL_H
#define SYS_CALL_H

#include "sys.h"

#include <errno.h>

/* Should this call fail? errno is set if so. */
static inline bool faulty(enum sys_call call)
{
    if (__builtin_expect(!sys_fault, 1)) return false;
    const int error = sys_fault(call);
    if (error) errno = error;
    return error != 0;
}

/* One call: its result, or its errno as a negative number. */
#define ONCE(kind, call)                                                                                     \
    __extension__({                                                                                          \
        const long result_ = faulty(kind) ? -1 : (long)(call);                                               \
        result_ < 0 ? -(long)errno : result_;                                                                \
    })

/* The same, and the only place that repeats a call which a signal has interrupted. */
#define REPEAT(kind, call)                                                                                   \
    __extension__({                                                                                          \
        long repeated_;                                                                                      \
        do {                                                                                                 \
            repeated_ = ONCE(kind, call);                                                                    \
        } while (repeated_ == -EINTR);                                                                       \
        repeated_;                                                                                           \
    })

#endif
