/* SPDX-License-Identifier: MIT */
/*
 * File descriptors. Each call is its namesake of libc, except that it lets other tasks run
 * while it waits, and returns a negative errno instead of setting errno.
 *
 * bide's own descriptors (from bide_socket and bide_accept, or given by bide_adopt) are
 * non-blocking and stay registered with the loop, which is fastest; they must be closed by
 * bide_close. Any other descriptor works too, its flags untouched. Several tasks may read one
 * descriptor, or write it: they are served in turn, call by call. SIGPIPE is never raised.
 *
 * What never waits is libc's own: bind, listen, setsockopt, getsockname. Connections by a host's
 * name are in bide/net.h, names in bide/dns.h, datagrams in bide/datagram.h.
 */
#ifndef BIDE_IO_H
#define BIDE_IO_H

#include <bide/base.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* socket(2): a descriptor of bide's own, close-on-exec. Errors: socket's, -EPERM, -ENOMEM. */
BIDE_API int bide_socket(int domain, int type, int protocol);

/* socketpair(2) and pipe(2): two descriptors of bide's own. Return 0. Errors: theirs, -EPERM, -ENOMEM. */
BIDE_API int bide_socketpair(int domain, int type, int protocol, int fds[2]);
BIDE_API int bide_pipe(int fds[2]);

/*
 * open(2), in a thread: a descriptor of bide's own, close-on-exec and non-blocking; reads and
 * writes of a file go through threads too. May wait. When cut short nothing is left open, or the
 * call succeeds and the next one fails. Errors: open's, -EINVAL for NULL, -EPERM outside a task.
 */
BIDE_API int bide_open(const char *path, int flags, mode_t mode);

/*
 * accept(2): waits for a connection and returns it as a descriptor of bide's own. May wait.
 * A connection that failed before it was accepted is passed over.
 *
 *     int client = bide_accept(listener, NULL, NULL);
 *
 * addr, len: the peer's address as for accept(2), or NULL.
 * Errors: accept's, -EBADF also when the listener is closed meanwhile.
 */
BIDE_API int bide_accept(int fd, struct sockaddr *addr, socklen_t *len);

/*
 * connect(2): connects, waiting until that has succeeded or failed. May wait. When cut short
 * the socket is good for nothing but bide_close. Returns 0. Errors: connect's.
 */
BIDE_API int bide_connect(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * read(2): waits until at least one byte is there, and reads up to n. May wait; when cut short
 * nothing was read. Returns the number of bytes, 0 at the end. Errors: read's.
 */
BIDE_API ssize_t bide_read(int fd, void *buf, size_t n);

/*
 * write(2): waits until at least one byte can be written, and writes up to n: it may be less.
 * May wait; when cut short nothing was written. Returns the number of bytes. Errors: write's.
 */
BIDE_API ssize_t bide_write(int fd, const void *buf, size_t n);

/*
 * recv(2), and send(2) with MSG_NOSIGNAL: as bide_read and bide_write, for sockets, with flags. With
 * MSG_DONTWAIT they give -EAGAIN where they would wait, for room or for their turn; so do the calls below.
 * With MSG_WAITALL they may be short.
 */
BIDE_API ssize_t bide_recv(int fd, void *buf, size_t n, int flags);
BIDE_API ssize_t bide_send(int fd, const void *buf, size_t n, int flags);

/* readv(2) and writev(2): the same, from and to several buffers; they may be short. */
BIDE_API ssize_t bide_readv(int fd, const struct iovec *iov, int n);
BIDE_API ssize_t bide_writev(int fd, const struct iovec *iov, int n);

/* recvmsg(2), and sendmsg(2) with MSG_NOSIGNAL: with addresses and control messages. */
BIDE_API ssize_t bide_recvmsg(int fd, struct msghdr *message, int flags);
BIDE_API ssize_t bide_sendmsg(int fd, const struct msghdr *message, int flags);

/*
 * Writes all n bytes. May wait, also between two parts.
 * done: how many bytes were written, always set when not NULL, also when cut short.
 * Returns 0. Errors: write's.
 */
BIDE_API int bide_write_all(int fd, const void *buf, size_t n, size_t *done);

/* The same by bide_send, with flags: for sockets. */
BIDE_API int bide_send_all(int fd, const void *buf, size_t n, int flags, size_t *done);

/*
 * sendfile(2): up to n bytes of a file to fd, copied by the kernel; it may be fewer. Waits for room
 * in fd. What has to be read from a disk first holds up the loop meanwhile. May wait; when cut short
 * nothing was sent.
 * offset: where to begin; it is moved on; or NULL for the file's own position.
 * Returns the number of bytes, 0 at the file's end. Errors: sendfile's.
 */
BIDE_API ssize_t bide_sendfile(int fd, int file, off_t *offset, size_t n);

/*
 * Sends n bytes of a file from `offset` on, or up to its end. May wait, also between two parts.
 * done: how many bytes were sent, always set when not NULL, also when cut short.
 * Returns 0. Errors: sendfile's.
 */
BIDE_API int bide_sendfile_all(int fd, int file, off_t offset, size_t n, size_t *done);

/*
 * poll(2) for one descriptor: waits until one of the events (POLLIN, POLLOUT) is there. May
 * wait. Returns those that are, with POLLERR and POLLHUP. Errors: -EBADF, -EINVAL for no event.
 */
BIDE_API int bide_poll(int fd, int events);

/*
 * Makes fd one of bide's own: sets O_NONBLOCK and O_CLOEXEC; tasks that wait for it as a foreign
 * one are woken with -EBADF. A TCP socket that gets an upper protocol (TCP_ULP, as kernel TLS)
 * after it was read from must be adopted again: what it can be read by has changed. Returns 0.
 * Errors: -EBADF, -EPERM where no loop runs, -ENOMEM.
 */
BIDE_API int bide_adopt(int fd);

/*
 * Gives fd up to others, with the flags that it had before bide_adopt; tasks that wait for it
 * are woken with -EBADF. Returns 0. Errors: -EBADF if it is not bide's own, -EPERM.
 */
BIDE_API int bide_release(int fd);

/*
 * close(2) for any descriptor: tasks that wait for it are woken with -EBADF. Never waits, works
 * while cancelled. Returns 0. Errors: -EBADF.
 */
BIDE_API int bide_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
