/* SPDX-License-Identifier: MIT */
/* The seam: what its functions make of errno and of interruptions. */
#include "../src/sanitizer.h"
#include "../src/sys.h"

#include "check.h"
#include "faults.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int no_faults(void **state)
{
    (void)state;
    faults_clear();
    return 0;
}

static void *nothing(void *arg)
{
    return arg;
}

/* Calls one function of each kind, with arguments that are good where that costs nothing. */
static long call_one(enum sys_call kind)
{
    static char page[4096];
    struct epoll_event event;
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct addrinfo *list;
    socklen_t len = sizeof address;
    pthread_t thread;
    switch (kind) {
    case SYS_ALLOC: return sys_alloc(8) ? 0 : -ENETDOWN;
    case SYS_MMAP: return sys_mmap(4096, PROT_READ, 0) ? 0 : -ENETDOWN;
    case SYS_MPROTECT: return sys_mprotect(page, 1, PROT_READ);
    case SYS_MADVISE: return sys_madvise(page, 1, MADV_NORMAL);
    case SYS_THREAD: return sys_thread_start(&thread, nothing, NULL);
    case SYS_EPOLL_CREATE: return sys_epoll_create();
    case SYS_EPOLL_CTL: return sys_epoll_ctl(-1, EPOLL_CTL_ADD, -1, 0, 0);
    case SYS_EPOLL_WAIT: return sys_epoll_wait(-1, &event, 1, 0);
    case SYS_EVENTFD: return sys_eventfd();
    case SYS_FCNTL: return sys_fcntl(-1, F_GETFL, 0);
    case SYS_SOCKET: return sys_socket(AF_INET, SOCK_STREAM, 0);
    case SYS_ACCEPT: return sys_accept(-1, NULL, NULL);
    case SYS_CONNECT: return sys_connect(-1, (struct sockaddr *)&address, sizeof address);
    case SYS_GETSOCKOPT: return sys_socket_error(-1);
    case SYS_READ: return sys_read(-1, page, 1);
    case SYS_WRITE: return sys_write(-1, page, 1);
    case SYS_POLL: return sys_poll(-1, POLLIN);
    case SYS_CLOSE: return sys_close(dup(STDERR_FILENO));
    case SYS_OPEN: return sys_open("/nowhere", O_RDONLY, 0);
    case SYS_SIGACTION: return sys_sigaction(0, NULL, NULL);
    case SYS_BIND: return sys_bind(-1, (struct sockaddr *)&address, sizeof address);
    case SYS_LISTEN: return sys_listen(-1, 1);
    case SYS_GETSOCKNAME: return sys_socket_name(-1, false, (struct sockaddr *)&address, &len);
    case SYS_SETSOCKOPT: return sys_setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, 1);
    case SYS_UNLINK: return sys_unlink("/nowhere/at/all");
    case SYS_SENDFILE: return sys_sendfile(-1, -1, NULL, 1);
    case SYS_RESOLVE: return sys_getaddrinfo("127.0.0.1", NULL, NULL, &list) == EAI_SYSTEM ? -errno : 0;
    case SYS_CALLS: break;
    }
    return 0;
}

static void every_kind_can_fail(void **state)
{
    (void)state;
    const int fds = check_open_fds();
    for (int kind = 0; kind < SYS_CALLS; kind++) {
        faults_set((enum sys_call)kind, ENETDOWN, 0, 1);
        assert_int_equal(call_one((enum sys_call)kind), -ENETDOWN);
        assert_int_equal(faults_asked(), 1);
    }
    assert_int_equal(check_open_fds(), fds);
}

static void failures_are_negative_errnos(void **state)
{
    (void)state;
    char byte = 0;
    struct epoll_event event;
    assert_int_equal(sys_read(-1, &byte, 1), -EBADF);
    assert_int_equal(sys_write(-1, &byte, 1), -EBADF);
    assert_int_equal(sys_recv(-1, &byte, 1, 0), -EBADF);
    assert_int_equal(sys_send(-1, &byte, 1, 0), -EBADF);
    assert_int_equal(sys_fcntl(-1, F_GETFL, 0), -EBADF);
    assert_int_equal(sys_fcntl(-1, F_SETFL, 0), -EBADF);
    assert_int_equal(sys_fcntl(-1, F_SETFD, 0), -EBADF);
    assert_int_equal(sys_close(-1), -EBADF);
    assert_int_equal(sys_accept(-1, NULL, NULL), -EBADF);
    assert_int_equal(sys_socket_error(-1), -EBADF);
    assert_int_equal(sys_socket(-1, 0, 0), -EAFNOSUPPORT);
    assert_int_equal(sys_epoll_wait(-1, &event, 1, 1000000), -EBADF);
    assert_int_equal(sys_epoll_ctl(-1, EPOLL_CTL_ADD, 0, EPOLLIN, 0), -EBADF);
    assert_int_equal(sys_poll(1000000, POLLIN), -EBADF);
    assert_null(sys_mmap(SIZE_MAX / 2, PROT_READ, MAP_NORESERVE));
}

/* bugs.md row 36: what a signal cuts short is done again; but closing never is, nor connecting. */
static void interruptions_are_repeated(void **state)
{
    (void)state;
    int ends[2];
    char byte = 'x';
    assert_int_equal(pipe(ends), 0);
    faults_set(SYS_WRITE, EINTR, 0, 3);
    assert_int_equal(sys_write(ends[1], &byte, 1), 1);
    assert_int_equal(faults_asked(), 4);
    faults_set(SYS_POLL, EINTR, 0, 2);
    assert_int_equal(sys_poll(ends[0], POLLIN), POLLIN);
    assert_int_equal(faults_asked(), 3);
    faults_set(SYS_READ, EINTR, 0, 1);
    assert_int_equal(sys_read(ends[0], &byte, 1), 1);
    faults_set(SYS_CLOSE, EINTR, 0, 9);
    assert_int_equal(sys_close(ends[0]), 0);
    assert_int_equal(faults_asked(), 1);
    faults_set(SYS_CLOSE, EINPROGRESS, 0, 9);
    assert_int_equal(sys_close(ends[1]), 0);
    faults_set(SYS_CONNECT, EINTR, 0, 9);
    assert_int_equal(sys_connect(-1, NULL, 0), -EINPROGRESS);
    assert_int_equal(faults_asked(), 1);
    faults_set(SYS_EPOLL_WAIT, EINTR, 0, 9);
    assert_int_equal(sys_epoll_wait(-1, NULL, 1, -1), 0);
    assert_int_equal(faults_asked(), 1);
}

static void a_listener_accepts(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int listener = sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int client = sys_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(sys_accept(listener, NULL, NULL), -EAGAIN);
    assert_int_equal(sys_connect(client, (struct sockaddr *)&address, len), 0);
    const int served = sys_accept(listener, NULL, NULL);
    assert_true(served >= 0);
    assert_true(sys_fcntl(served, F_GETFL, 0) & O_NONBLOCK);
    assert_int_equal(fcntl(served, F_GETFD), FD_CLOEXEC);
    assert_int_equal(sys_socket_error(served), 0);
    char byte = 'x';
    assert_int_equal(sys_recv(served, &byte, 1, 0), -EAGAIN);
    assert_int_equal(sys_send(client, &byte, 1, MSG_NOSIGNAL), 1);
    assert_int_equal(sys_recv(served, &byte, 1, 0), 1);
    assert_int_equal(sys_close(listener) + sys_close(client) + sys_close(served), 0);
}

static void a_refused_connection_is_told(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int taken = sys_socket(AF_INET, SOCK_STREAM, 0); /* bound, and never listened on */
    assert_int_equal(bind(taken, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &len), 0);
    const int client = sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int result = sys_connect(client, (struct sockaddr *)&address, len);
    if (result == -EINPROGRESS) {
        struct pollfd wait = {.fd = client, .events = POLLOUT};
        assert_int_equal(poll(&wait, 1, -1), 1);
        assert_int_equal(sys_socket_error(client), -ECONNREFUSED);
    } else {
        assert_int_equal(result, -ECONNREFUSED);
    }
    assert_int_equal(sys_close(client) + sys_close(taken), 0);
}

/* ---- threads, memory, facts ---- */

static void *look_at_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return arg;
}

static void a_thread_blocks_all_signals(void **state)
{
    (void)state;
    sigset_t before, inside, after;
    pthread_t thread;
    sigemptyset(&inside);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(sys_thread_start(&thread, look_at_mask, &inside), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_true(sigismember(&inside, SIGINT) && sigismember(&inside, SIGPROF) &&
                sigismember(&inside, SIGPIPE));
    for (int number = 1; number < SIGRTMIN; number++)
        assert_int_equal(sigismember(&after, number), sigismember(&before, number));
}

static void memory_comes_and_goes(void **state)
{
    (void)state;
    char *memory = sys_alloc(10);
    assert_non_null(memory);
    strcpy(memory, "kept");
    faults_set(SYS_ALLOC, ENOMEM, 0, 1);
    assert_null(sys_realloc(memory, 100));
    memory = sys_realloc(memory, 100);
    assert_string_equal(memory, "kept");
    sys_free(memory);
    sys_free(NULL);
}

static void writable_tells_what_the_kernel_can_write(void **state)
{
    (void)state;
    const size_t page = sys_page_size();
    char *memory = sys_mmap(2 * page, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    assert_non_null(memory);
    assert_int_equal(sys_mprotect(memory + page, page, PROT_NONE), 0);
    assert_true(sys_writable(memory));
    assert_true(sys_writable(memory + page - 1));
    if (!sanitizer_valgrind()) { /* which would report it */
        assert_false(sys_writable(memory + page));
        assert_false(sys_writable(memory + 2 * page - 1));
    }
    sys_munmap(memory, 2 * page);
}

static void many_ranges_are_advised_at_once(void **state)
{
    (void)state;
    if (sanitizer_valgrind()) skip(); /* it does not know the system call, and says so */
    const size_t page = sys_page_size();
    char *memory = sys_mmap(2 * page, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    assert_non_null(memory);
    const struct iovec ranges[2] = {{memory, page}, {memory + page, page}};
    memory[0] = memory[page] = 1;
    assert_int_equal(sys_madvise_ranges(ranges, 2, MADV_DONTNEED), 0);
    assert_int_equal(memory[0] + memory[page], 0);
    if (!check_emulated()) assert_int_equal(sys_madvise_ranges(ranges, 2, -1), -EINVAL); /* there, always 0 */
    sys_munmap(memory, 2 * page);
}

static void the_facts_are_plausible(void **state)
{
    (void)state;
    assert_true(sys_page_size() >= 4096 && sys_page_size() % 4096 == 0);
    assert_true(sys_processors() >= 1);
    assert_true(sys_max_map_count() > 1000);
    const int64_t first = sys_clock_ns();
    assert_true(first > 0 && sys_clock_ns() >= first);
    const int fd_flags = sys_fcntl(STDERR_FILENO, F_GETFD, 0);
    assert_true(fd_flags >= 0);
    assert_int_equal(sys_fcntl(STDERR_FILENO, F_SETFD, fd_flags), 0);
    const int flags = sys_fcntl(STDERR_FILENO, F_GETFL, 0);
    assert_true(flags >= 0);
    assert_int_equal(sys_fcntl(STDERR_FILENO, F_SETFL, flags), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_kind_can_fail, no_faults),
        cmocka_unit_test(failures_are_negative_errnos),
        cmocka_unit_test_teardown(interruptions_are_repeated, no_faults),
        cmocka_unit_test(a_listener_accepts),
        cmocka_unit_test(a_refused_connection_is_told),
        cmocka_unit_test(a_thread_blocks_all_signals),
        cmocka_unit_test_teardown(memory_comes_and_goes, no_faults),
        cmocka_unit_test(writable_tells_what_the_kernel_can_write),
        cmocka_unit_test(many_ranges_are_advised_at_once),
        cmocka_unit_test(the_facts_are_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
