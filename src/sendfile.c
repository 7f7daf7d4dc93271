/* SPDX-License-Identifier: MIT */
/* Files sent by the kernel. Foreign descriptors that may block get what poll promises them. */
#include "attempt.h"
#include "cancel.h"
#include "sys.h"

#include <bide/io.h>
#include <errno.h>
#include <limits.h>

enum { ONCE_MOST = 0x7ffff000 }; /* what Linux sends in one call; it refuses much larger counts */

struct sending {
    struct attempt attempt;
    int file;
    off_t *offset;
};

static ssize_t try_sendfile(const struct attempt *attempt, enum how how)
{
    const struct sending *sending = CONTAINER(attempt, const struct sending, attempt);
    size_t n = attempt->size;
    if (how == HOW_FOREIGN && sys_is_file(attempt->fd)) return IN_THREAD;
    if (how == HOW_FOREIGN) {
        const ssize_t ready = attempt_ready(attempt);
        if (ready < 0) return ready;
        if (n > PIPE_BUF) n = PIPE_BUF;
    }
    if (n > ONCE_MOST) n = ONCE_MOST;
    return sys_sendfile(attempt->fd, sending->file, sending->offset, n);
}

ssize_t bide_sendfile(int fd, int file, off_t *offset, size_t n)
{
    const struct sending sending = {
        .attempt = {.try = try_sendfile, .fd = fd, .side = SIDE_OUT, .size = n},
        .file = file,
        .offset = offset,
    };
    return attempt_perform(&sending.attempt);
}

int bide_sendfile_all(int fd, int file, off_t offset, size_t n, size_t *done)
{
    size_t sent = 0;
    ssize_t code;
    do {
        code = bide_sendfile(fd, file, &offset, n - sent);
        if (code > 0) sent += (size_t)code;
    } while (code > 0 && sent < n);
    if (done) *done = sent;
    return code < 0 ? (int)code : 0;
}
