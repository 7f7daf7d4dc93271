/* SPDX-License-Identifier: MIT */
/*
 * Streams: reading and writing with buffers, by lines, by separators, by counts (asyncio's
 * StreamReader and StreamWriter in one), over any descriptor or over a transport of one's own,
 * such as TLS.
 *
 *     static int serve(void *arg)                         // a task; arg is a connected socket
 *     {
 *         struct bide_stream *stream = bide_stream_new((int)(intptr_t)arg);
 *         char *line;
 *         ssize_t n;
 *         while ((n = bide_stream_read_line(stream, &line)) > 0) {
 *             bide_stream_printf(stream, "%zd bytes: ", n);
 *             bide_stream_write(stream, line, (size_t)n);
 *             n = bide_stream_drain(stream);              // sends both at once
 *             if (n < 0) break;
 *         }
 *         bide_stream_close(stream);
 *         return (int)n;
 *     }
 *
 * One task may read a stream while another writes it. A second reader, or a second writer, gets
 * -EBUSY. What has been read is never lost: a call that is cut short, meets the end too early or
 * finds too long a line leaves all bytes in the stream, for the next call. Failures are lasting,
 * but those of a cancel, a deadline or want of memory: later calls give them again, a reader
 * after the bytes that came before.
 *
 * A stream belongs to the loop in which it was made, and no other may use it. Every function here gives
 * -EINVAL for a NULL stream, unless it says otherwise, and for NULL where bytes or a pointer belong; calls
 * that may wait give -EPERM outside a task. A call during which another task closes the stream gives -EBADF,
 * whatever it had done before, as the stream is gone then: only that task may know when.
 */
#ifndef BIDE_STREAM_H
#define BIDE_STREAM_H

#include <bide/base.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bide_stream;

/* ---- making and closing ---- */

/*
 * Makes a stream over a descriptor: socket, pipe, terminal, file. The descriptor becomes the
 * stream's, as by bide_adopt, and is closed with it; on failure it is still yours, and as it was.
 * TCP sockets get TCP_NODELAY: the stream itself puts together what belongs together.
 * Errors (NULL and errno): EBADF, EPERM where no loop runs, ENOMEM.
 */
BIDE_API struct bide_stream *bide_stream_new(int fd);

/*
 * The same for a descriptor that stays yours, such as standard input, which others use too: its
 * flags are left alone, and the stream's end does not close it. What the stream has read ahead is
 * lost with it.
 */
BIDE_API struct bide_stream *bide_stream_borrow(int fd);

/*
 * Makes two streams connected to one another (a Unix socket pair), for tests. Returns 0. Errors:
 * socketpair's, -EPERM, -ENOMEM.
 */
BIDE_API int bide_stream_pair(struct bide_stream *streams[2]);

/*
 * Sends what is buffered, then closes the stream and frees it, whatever happened before. May wait,
 * if something is buffered. When cut short the rest is not sent, but the stream is closed all the
 * same; a task that is cancelled already sends nothing. With nothing to send it never waits, checks
 * nothing and works anywhere. Calls that other tasks have in it end with -EBADF; if one of them is
 * writing and something is buffered, that is not sent, and the result is -EBUSY. NULL does nothing.
 * Returns 0, or the failure because of which something was not sent, or that of closing.
 */
BIDE_API int bide_stream_close(struct bide_stream *stream);

/* The same without sending anything: never waits. */
BIDE_API void bide_stream_abort(struct bide_stream *stream);

/* ---- reading ---- */

/*
 * Reads up to n bytes: what is buffered, else what comes next. May wait. Large reads go straight
 * to buf. Returns the number of bytes, 0 at the end. Errors: those of the transport.
 */
BIDE_API ssize_t bide_stream_read(struct bide_stream *stream, void *buf, size_t n);

/*
 * Reads n bytes, neither more nor fewer. May wait. Returns 0. Errors: -ENODATA if the end comes
 * before: what there is can still be read; those of the transport. Where more than 16 KiB are asked
 * for and there is no memory to keep the part that was read, reading fails with -ENOMEM ever after.
 */
BIDE_API int bide_stream_read_exactly(struct bide_stream *stream, void *buf, size_t n);

/*
 * Reads a line, with its "\n". May wait. The last line need not have one.
 * line: where the line is: in the stream, with a 0 behind it, good until the next call that reads
 * the stream or closes it. You may change its bytes.
 * Returns its length, 0 at the end. Errors: -EOVERFLOW if it is longer than the limit: what there is of it,
 * as bide_stream_buffered says, can be read otherwise, or with a larger limit; -ENOMEM, those of the
 * transport.
 */
BIDE_API ssize_t bide_stream_read_line(struct bide_stream *stream, char **line);

/*
 * Reads up to a separator of `size` bytes, and that too. May wait. data: as `line` above.
 * Returns the length, 0 at the end. Errors: -ENODATA if there is something, but no separator before
 * the end: it can still be read; -EOVERFLOW as above; -EINVAL for a separator of no bytes, or more
 * than the limit; -ENOMEM, those of the transport.
 */
BIDE_API ssize_t bide_stream_read_until(struct bide_stream *stream, const void *separator, size_t size,
                                        char **data);

/*
 * Waits until n bytes can be looked at, and leaves them there. May wait.
 * data: where all that is buffered stands, good until the next call that reads the stream.
 * Returns how much that is: n or more, or fewer at the end. Errors: -EINVAL for no bytes, or more
 * than the limit; -ENOMEM, those of the transport.
 */
BIDE_API ssize_t bide_stream_peek(struct bide_stream *stream, size_t n, const char **data);

/*
 * Takes up to n of the bytes that are buffered in the stream away. Never waits, works while cancelled.
 * Returns how many. Errors: -EBUSY while another task reads.
 */
BIDE_API ssize_t bide_stream_skip(struct bide_stream *stream, size_t n);

/* How many bytes can be read without waiting, as far as is known. 0 for NULL. */
BIDE_API size_t bide_stream_buffered(const struct bide_stream *stream);

/* Whether the end has been seen, and everything before it read. False for NULL, and after a failure. */
BIDE_API bool bide_stream_at_eof(const struct bide_stream *stream);

/*
 * The most bytes of a line, or up to a separator, with it: 64 KiB at first. Returns 0. Errors:
 * -EINVAL for 0.
 */
BIDE_API int bide_stream_set_limit(struct bide_stream *stream, size_t limit);

/* ---- writing ---- */

/*
 * Writes n bytes: keeps a copy of them until bide_stream_drain. If there are many, or the stream
 * would hold more than its high mark, it sends what it holds and them at once, without a copy.
 * May wait.
 * Returns n. If it is cut short or fails when some of the bytes have been sent, it returns how
 * many, and the next call that writes fails, as long as the cause holds. Otherwise none of them was
 * taken. Errors: -EPIPE after bide_stream_write_eof or when the other side reads no more; those of the
 * transport.
 */
BIDE_API ssize_t bide_stream_write(struct bide_stream *stream, const void *buf, size_t n);

/* The same from n buffers. Errors: also -EINVAL for n < 0, or more than SSIZE_MAX bytes. */
BIDE_API ssize_t bide_stream_writev(struct bide_stream *stream, const struct iovec *iov, int n);

/*
 * Writes as printf(3) prints, straight into the stream's buffer; of the task's stack it takes what
 * printf itself does (bide/task.h). May wait, if the stream then holds more than its high mark.
 * Returns the number of bytes: all were taken, also if it was cut short then. Errors: as above,
 * -ENOMEM, those of printf.
 */
BIDE_API ssize_t bide_stream_printf(struct bide_stream *stream, const char *fmt, ...) BIDE_PRINTF(2, 3);
BIDE_API ssize_t bide_stream_vprintf(struct bide_stream *stream, const char *fmt, va_list args)
    BIDE_PRINTF(2, 0);

/*
 * Sends what the stream holds, until no more than its low mark is left: nothing, unless
 * bide_stream_set_marks said otherwise. May wait. When cut short, the rest is still held.
 * Returns 0. Errors: as bide_stream_write.
 */
BIDE_API int bide_stream_drain(struct bide_stream *stream);

/* The same, until nothing is left. */
BIDE_API int bide_stream_flush(struct bide_stream *stream);

/*
 * Sends what the stream holds, and then the end: the other side reads it, and may still write. May
 * wait. When cut short, the end has not been sent and the rest is still held. Returns 0, also the
 * second time. Errors: -EOPNOTSUPP where there is no such half of an end (pipes); as above.
 */
BIDE_API int bide_stream_write_eof(struct bide_stream *stream);

/*
 * low: how much bide_stream_drain may leave for the next call that writes, or for a flush or close,
 * in bytes: 0 at first. high: how much the stream holds before a write sends: 64 KiB at first.
 * Returns 0. Errors: -EINVAL if low > high, or high is 0.
 */
BIDE_API int bide_stream_set_marks(struct bide_stream *stream, size_t low, size_t high);

/* How many bytes were written, but not sent. 0 for NULL. */
BIDE_API size_t bide_stream_unsent(const struct bide_stream *stream);

/* ---- what is below ---- */

/* The descriptor under the stream, on which options may be set. Errors: -EBADF if there is none. */
BIDE_API int bide_stream_fd(const struct bide_stream *stream);

/* getsockname(2) and getpeername(2). Return 0. Errors: theirs, -EBADF if there is no descriptor. */
BIDE_API int bide_stream_sockname(const struct bide_stream *stream, struct sockaddr *addr, socklen_t *len);
BIDE_API int bide_stream_peername(const struct bide_stream *stream, struct sockaddr *addr, socklen_t *len);

/*
 * What may stand under a stream instead of a descriptor: plain functions that may wait, as a library
 * for TLS needs. `read` and `writev` may be in progress at the same time, in two tasks, each once. All get
 * the `arg` of bide_stream_new_with.
 */
struct bide_transport {
    /* As bide_read: waits until there is something, 0 at the end; nothing was read when it is cut short. */
    ssize_t (*read)(void *arg, void *buf, size_t n);
    /*
     * As bide_writev: waits until something can be taken, and may take less. With n = 0 it sends what it took
     * before, if there is an `unsent`, and returns 0.
     */
    ssize_t (*writev)(void *arg, const struct iovec *iov, int n);
    /* Sends the end. May wait. 0 or a failure. NULL: bide_stream_write_eof gives -EOPNOTSUPP. */
    int (*shutdown)(void *arg);
    /* Ends it: calls in progress must come back with a failure. Must not wait. 0 or a failure; or NULL. */
    int (*close)(void *arg);
    /* Frees arg, when the last call has come back after `close`. Must not wait. Or NULL. */
    void (*free)(void *arg);
    /* How many bytes `read` can give of what was received before; or NULL: none. */
    size_t (*pending)(const void *arg);
    /*
     * How many bytes `writev` has taken, but not sent as it was cut short; or NULL: it sends what it takes.
     */
    size_t (*unsent)(const void *arg);
    /* The descriptor, for bide_stream_fd and the addresses; or NULL: there is none. */
    int (*fd)(const void *arg);
    void *reserved[4]; /* zero */
};

/*
 * Makes a stream over a transport, which must outlast it. arg becomes the stream's; on failure it is still
 * yours.
 * Errors (NULL and errno): EINVAL for NULL, no `read` or `writev`, or reserved words that are not zero;
 * ENOMEM.
 */
BIDE_API struct bide_stream *bide_stream_new_with(const struct bide_transport *transport, void *arg);

#ifdef __cplusplus
}
#endif

#endif
