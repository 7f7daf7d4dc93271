/* SPDX-License-Identifier: MIT */
/*
 * The seam to the world: every system call, the clock, the allocator and thread creation of
 * the library go through here and nowhere else, so that a test can make any of them fail. They
 * return what their namesake does, but a failure as a negative errno (or NULL), never through
 * errno.
 *
 * sys_fault is NULL in production. A test sets it to a function that is asked before each call
 * and answers 0 (go on) or the errno to fail with; it is called from any thread. EINTR is
 * answered by another try where the real one would be, and sys_close closes all the same.
 */
#ifndef SYS_H
#define SYS_H

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

enum sys_call {
    SYS_ALLOC,
    SYS_MMAP,
    SYS_MPROTECT,
    SYS_MADVISE,
    SYS_THREAD,
    SYS_EPOLL_CREATE,
    SYS_EPOLL_CTL,
    SYS_EPOLL_WAIT,
    SYS_EVENTFD,
    SYS_FCNTL,
    SYS_SOCKET,
    SYS_ACCEPT,
    SYS_CONNECT,
    SYS_GETSOCKOPT,
    SYS_READ,
    SYS_WRITE,
    SYS_POLL,
    SYS_CLOSE,
    SYS_OPEN,
    SYS_SIGACTION,
    SYS_BIND,
    SYS_LISTEN,
    SYS_GETSOCKNAME,
    SYS_SETSOCKOPT,
    SYS_UNLINK,
    SYS_SENDFILE,
    SYS_RESOLVE, /* the error is EAI_SYSTEM's */
    SYS_CALLS
};

extern int (*sys_fault)(enum sys_call call);

void *sys_alloc(size_t size);                     /* NULL without memory; not zeroed */
void *sys_alloc_lines(size_t size);               /* whole cache lines, 64 bytes each */
void *sys_realloc(void *memory, size_t size);     /* likewise; memory then stays */
void sys_free(void *memory);                      /* NULL does nothing */
void *sys_mmap(size_t size, int prot, int flags); /* private, anonymous; NULL on failure */
void sys_munmap(void *address, size_t size);
int sys_mprotect(void *address, size_t size, int prot);
int sys_madvise(void *address, size_t size, int advice);
int sys_madvise_ranges(const struct iovec *ranges, int n, int advice); /* in one call where that works */
bool sys_writable(void *address); /* could the kernel write a byte there? It may do so. */
size_t sys_page_size(void);
long sys_max_map_count(void);  /* vm.max_map_count, or its usual value */
unsigned sys_processors(void); /* those this process may use, at least 1 */

int64_t sys_clock_ns(void); /* CLOCK_MONOTONIC in nanoseconds */

int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg); /* all signals blocked in it */

int sys_sigaction(int number, const struct sigaction *action, struct sigaction *old);

int sys_epoll_create(void);
int sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data);

/* timeout_ns < 0: no limit. Never early, but after 24 days at the latest; 0 when a signal came. */
int sys_epoll_wait(int epfd, struct epoll_event *events, int n, int64_t timeout_ns);
int sys_eventfd(void);

int sys_fcntl(int fd, int command, int argument);
int sys_close(int fd); /* never repeats; EINTR and EINPROGRESS are success */
ssize_t sys_read(int fd, void *buf, size_t n);
ssize_t sys_write(int fd, const void *buf, size_t n);

/* For sockets, files and pipes, in sys_fd.c. */

int sys_socket(int domain, int type, int protocol);
int sys_accept(int fd, struct sockaddr *addr, socklen_t *len);       /* non-blocking, close-on-exec */
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len); /* -EINPROGRESS also for EINTR */
int sys_socket_error(int fd);                                        /* SO_ERROR, negative; 0 for none */
int sys_listens(int fd);       /* 1, or what accept would say: -ENOTSOCK, -EINVAL */
bool sys_is_plain_tcp(int fd); /* TCP, with nothing like TLS between it and its reader */
ssize_t sys_recv(int fd, void *buf, size_t n, int flags);
ssize_t sys_send(int fd, const void *buf, size_t n, int flags);
int sys_poll(int fd, int events); /* without waiting: those that are ready; -EBADF */
ssize_t sys_readv(int fd, const struct iovec *iov, int n);
ssize_t sys_writev(int fd, const struct iovec *iov, int n);
ssize_t sys_readv_nowait(int fd, const struct iovec *iov, int n); /* -EOPNOTSUPP where the kernel cannot */
ssize_t sys_writev_nowait(int fd, const struct iovec *iov, int n);
ssize_t sys_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t sys_sendmsg(int fd, const struct msghdr *message, int flags);
int sys_open(const char *path, int flags, mode_t mode);
int sys_pipe(int fds[2]); /* non-blocking, close-on-exec */
int sys_socketpair(int domain, int type, int protocol, int fds[2]);
bool sys_is_file(int fd); /* a file or disk: it never says that it is not ready, and may block all the same */
bool sys_is_terminal(int fd);

/* For the network, in sys_net.c. */

int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int sys_listen(int fd, int backlog);
int sys_let_nobody_in(int fd); /* of a socket that listens: who is in its queue can still be accepted */
int sys_setsockopt(int fd, int level, int option, int value);
int sys_shutdown(int fd); /* its writing half */
int sys_unread(int fd);   /* bytes that can be read */
int sys_unsent(int fd);   /* bytes that the other side has not got yet */
int sys_socket_name(int fd, bool peer, struct sockaddr *addr, socklen_t *len);
int sys_unlink(const char *path);
bool sys_is_socket_file(const char *path);
bool sys_file_identity(const char *path, uint64_t identity[2]); /* false if there is none; [1] is never 0 */
int sys_recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);
int sys_sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);
ssize_t sys_sendfile(int out_fd, int in_fd, off_t *offset, size_t n);
bool sys_is_me(pid_t pid);

/* Both block. They answer as their namesakes do, an EAI_ code; that of EAI_SYSTEM is explained by errno. */
int sys_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                    struct addrinfo **list);
int sys_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                    char *service, socklen_t service_size, int flags);

/* Tests set these to resolvers of their own, which are called in threads; NULL in production. */
extern int (*sys_addresses_of)(const char *host, const char *service, const struct addrinfo *hints,
                               struct addrinfo **list);
extern int (*sys_names_of)(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
                           char *service, socklen_t service_size, int flags);

#endif
