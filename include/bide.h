/* SPDX-License-Identifier: MIT */
/*
 * bide: asyncio for C. One include for everything; the topic headers stand alone too, and
 * are listed here in the order in which one learns them.
 *
 * Conventions, the same everywhere:
 *  - A function returns >= 0 or a negative errno. One that makes something returns a pointer,
 *    or NULL with errno set. On failure its outputs are untouched.
 *  - Durations are seconds in a double. BIDE_FOREVER is no limit, <= 0 is already due, NaN is
 *    -EINVAL.
 *  - "May wait" in a function's description means: it must be called in a task (else -EPERM),
 *    other tasks may run meanwhile, and it always checks for cancellation, also when it would
 *    not have to wait: it then gives -ECANCELED, or -ETIMEDOUT for the innermost scope's own
 *    deadline (bide/scope.h). A function that does not say so never waits and never checks.
 *  - Where one waits for another's work, the return value tells what became of the wait, and
 *    *result what the work returned. With a NULL result the two fold into one: the work's
 *    failure, else the code of the wait, else 0.
 */
#ifndef BIDE_H
#define BIDE_H

#include <bide/base.h>     /* bide_fn, bide_time */
#include <bide/run.h>      /* bide_run */
#include <bide/task.h>     /* bide_create_task, bide_await, bide_sleep */
#include <bide/gather.h>   /* bide_gather */
#include <bide/error.h>    /* bide_fail, bide_error_text */
#include <bide/cancel.h>   /* bide_cancel, bide_shield */
#include <bide/scope.h>    /* BIDE_TIMEOUT, BIDE_SHIELD, bide_wait_for */
#include <bide/group.h>    /* BIDE_GROUP */
#include <bide/wait.h>     /* bide_wait, bide_as_completed */
#include <bide/sync.h>     /* bide_lock, bide_event, bide_sem, ... */
#include <bide/queue.h>    /* bide_queue_put, bide_queue_get */
#include <bide/thread.h>   /* bide_to_thread */
#include <bide/io.h>       /* bide_read, bide_write, bide_accept, bide_connect */
#include <bide/select.h>   /* bide_select: queues, descriptors and a timeout at once */
#include <bide/dns.h>      /* bide_getaddrinfo */
#include <bide/net.h>      /* bide_connect_to, bide_listen */
#include <bide/datagram.h> /* bide_recvfrom, bide_sendto */
#include <bide/stream.h>   /* bide_stream_read_line, bide_stream_write, bide_stream_drain */
#include <bide/server.h>   /* bide_start_server */
#include <bide/future.h>   /* bide_future_set, bide_future_wait */
#include <bide/gen.h>      /* bide_gen_new, bide_yield_value */
#include <bide/local.h>    /* bide_local_set, bide_local_get */
#include <bide/defer.h>    /* BIDE_DEFER, bide_defer */
#include <bide/retry.h>    /* bide_retry */
#include <bide/pool.h>     /* bide_pool_acquire */
#include <bide/limiter.h>  /* bide_limiter_acquire */
#include <bide/signal.h>   /* bide_signal_wait */
#include <bide/call.h>     /* bide_call_soon, and what other threads may call */
#include <bide/loop.h>     /* bide_loop_new: a loop of one's own */

#endif
