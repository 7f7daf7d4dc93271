/* SPDX-License-Identifier: MIT */
/* The seam: what its functions make of errno, of signals and of an older kernel. */
#include "../src/sanitizer.h"
#include "../src/sys.h"

#include "check.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { MS = 1000000 };

/* ---- faults: fail calls of one kind, so many times ---- */

static enum sys_call fault_kind;
static int fault_error;
static int fault_times;
static int fault_asked;

static int fault(enum sys_call call)
{
    if (call != fault_kind) return 0;
    fault_asked++;
    if (fault_times == 0) return 0;
    fault_times--;
    return fault_error;
}

static void fail_next(enum sys_call kind, int error, int times)
{
    fault_kind = kind;
    fault_error = error;
    fault_times = times;
    fault_asked = 0;
    sys_fault = fault;
}

static int no_faults(void **state)
{
    (void)state;
    sys_fault = NULL;
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
    pthread_t thread;
    switch (kind) {
    case SYS_ALLOC: return sys_alloc(8) ? 0 : -fault_error;
    case SYS_MMAP: return sys_mmap(4096, PROT_READ, 0) ? 0 : -fault_error;
    case SYS_MPROTECT: return sys_mprotect(page, 1, PROT_READ);
    case SYS_MADVISE: return sys_madvise(page, 1, MADV_NORMAL);
    case SYS_THREAD: return sys_thread_start(&thread, nothing, NULL);
    case SYS_EPOLL_CREATE: return sys_epoll_create();
    case SYS_EPOLL_CTL: return sys_epoll_ctl(-1, EPOLL_CTL_ADD, -1, 0, 0);
    case SYS_EPOLL_WAIT: return sys_epoll_wait(-1, &event, 1, 0);
    case SYS_EVENTFD: return sys_eventfd();
    case SYS_FCNTL: return sys_get_flags(-1);
    case SYS_SOCKET: return sys_socket(AF_INET, SOCK_STREAM, 0);
    case SYS_ACCEPT: return sys_accept(-1, NULL, NULL);
    case SYS_CONNECT: return sys_connect(-1, (struct sockaddr *)&address, sizeof address);
    case SYS_GETSOCKOPT: return sys_socket_error(-1);
    case SYS_READ: return sys_read(-1, page, 1);
    case SYS_WRITE: return sys_write(-1, page, 1);
    case SYS_POLL: return sys_poll(-1, POLLIN);
    case SYS_CLOSE: return sys_close(dup(STDERR_FILENO));
    case SYS_CALLS: break;
    }
    return 0;
}

static void every_kind_can_fail(void **state)
{
    (void)state;
    const int fds = check_open_fds();
    for (int kind = 0; kind < SYS_CALLS; kind++) {
        fail_next((enum sys_call)kind, ENETDOWN, 1);
        assert_int_equal(call_one((enum sys_call)kind), -ENETDOWN);
        assert_int_equal(fault_asked, 1);
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
    assert_int_equal(sys_get_flags(-1), -EBADF);
    assert_int_equal(sys_set_flags(-1, 0), -EBADF);
    assert_int_equal(sys_set_fd_flags(-1, 0), -EBADF);
    assert_int_equal(sys_close(-1), -EBADF);
    assert_int_equal(sys_accept(-1, NULL, NULL), -EBADF);
    assert_int_equal(sys_socket_error(-1), -EBADF);
    assert_int_equal(sys_socket(-1, 0, 0), -EAFNOSUPPORT);
    assert_int_equal(sys_epoll_wait(-1, &event, 1, MS), -EBADF);
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
    fail_next(SYS_WRITE, EINTR, 3);
    assert_int_equal(sys_write(ends[1], &byte, 1), 1);
    assert_int_equal(fault_asked, 4);
    fail_next(SYS_POLL, EINTR, 2);
    assert_int_equal(sys_poll(ends[0], POLLIN), POLLIN);
    assert_int_equal(fault_asked, 3);
    fail_next(SYS_READ, EINTR, 1);
    assert_int_equal(sys_read(ends[0], &byte, 1), 1);
    fail_next(SYS_CLOSE, EINTR, 9);
    assert_int_equal(sys_close(ends[0]), 0);
    assert_int_equal(fault_asked, 1);
    fail_next(SYS_CLOSE, EINPROGRESS, 9);
    assert_int_equal(sys_close(ends[1]), 0);
    fail_next(SYS_CONNECT, EINTR, 9);
    assert_int_equal(sys_connect(-1, NULL, 0), -EINPROGRESS);
    assert_int_equal(fault_asked, 1);
    fail_next(SYS_EPOLL_WAIT, EINTR, 9);
    assert_int_equal(sys_epoll_wait(-1, NULL, 1, -1), 0);
    assert_int_equal(fault_asked, 1);
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
    assert_true(sys_get_flags(served) & O_NONBLOCK);
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

/* ---- in a child: it says that all was well, as valgrind changes the status of one that has leaks ---- */

static int says_well(void)
{
    return fputs("all is well", stderr) < 0;
}

static void assert_well_in_child(int (*fn)(void *arg), void *arg)
{
    char err[8192];
    const int status = check_child(fn, arg, err, sizeof err);
    if (!WIFEXITED(status) || !strstr(err, "all is well")) fail_msg("status %#x: %s", (unsigned)status, err);
}

/* ---- waiting ---- */

/* Waits so long for nothing; 1 if that took less, 2 if there was an event or an error. */
static int wait_is_early(int64_t timeout_ns)
{
    struct epoll_event event;
    const int epfd = sys_epoll_create();
    const int64_t start = sys_clock_ns();
    const int n = sys_epoll_wait(epfd, &event, 1, timeout_ns);
    const int64_t took = sys_clock_ns() - start;
    sys_close(epfd);
    return n != 0 ? 2 : took < timeout_ns;
}

static int waits_are_early(void *arg)
{
    (void)arg;
    static const int64_t timeouts[] = {0, 1, 100000, 999999, 1000000, 1000001, 2500000};
    int early = 0;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) early |= wait_is_early(timeouts[i]);
    return early;
}

static void a_wait_is_never_early(void **state)
{
    (void)state;
    assert_int_equal(waits_are_early(NULL), 0);
}

/* From here on, epoll_pwait2 fails with an errno, as on a kernel or in a container that lacks it. */
static int refuse_pwait2(int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number of the system call */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static int waits_are_early_without_pwait2(void *arg)
{
    if (refuse_pwait2(*(int *)arg) == 0 && waits_are_early(NULL)) return 1; /* there may be no filters here */
    return says_well();
}

static void a_wait_is_never_early_without_pwait2(void **state)
{
    (void)state;
    int error = ENOSYS;
    assert_well_in_child(waits_are_early_without_pwait2, &error);
    error = EPERM;
    assert_well_in_child(waits_are_early_without_pwait2, &error);
}

/* bugs.md row 37: none of these may overflow, return at once, or fail. */
static int wait_with_event(void)
{
    static const int64_t timeouts[] = {-1, INT64_MIN, INT64_MAX, (int64_t)INT32_MAX * MS, 1};
    struct epoll_event event = {.events = 0};
    const int epfd = sys_epoll_create(), fd = sys_eventfd();
    const uint64_t one = 1;
    if (sys_write(fd, &one, sizeof one) != (ssize_t)sizeof one) return 1;
    if (sys_epoll_ctl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, UINT64_MAX - 5) < 0) return 2;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        if (sys_epoll_wait(epfd, &event, 1, timeouts[i]) != 1) return 3;
        if (event.data.u64 != UINT64_MAX - 5 || event.events != EPOLLIN) return 4;
    }
    return sys_close(epfd) + sys_close(fd);
}

static int wait_with_event_without_pwait2(void *arg)
{
    (void)arg;
    if (refuse_pwait2(ENOSYS) == 0 && wait_with_event()) return 1;
    return says_well();
}

static void any_timeout_is_valid(void **state)
{
    (void)state;
    assert_int_equal(wait_with_event(), 0);
    assert_well_in_child(wait_with_event_without_pwait2, NULL);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* bugs.md row 36: a signal ends the wait without an error, so that the loop looks at its clock. */
static void a_signal_ends_a_wait(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count_alarm}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    struct epoll_event event;
    const int epfd = sys_epoll_create();
    const struct itimerval soon = {.it_interval = {0, 1000}, .it_value = {0, 1000}}, never = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(sys_epoll_wait(epfd, &event, 1, -1), 0);
    assert_int_equal(sys_epoll_wait(epfd, &event, 1, INT64_MAX), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(alarms >= 1);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(sys_close(epfd), 0);
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
    fail_next(SYS_ALLOC, ENOMEM, 1);
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
    assert_int_equal(sys_madvise_ranges(ranges, 2, -1), -EINVAL);
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
    const int fd_flags = sys_get_fd_flags(STDERR_FILENO);
    assert_true(fd_flags >= 0);
    assert_int_equal(sys_set_fd_flags(STDERR_FILENO, fd_flags), 0);
    const int flags = sys_get_flags(STDERR_FILENO);
    assert_true(flags >= 0);
    assert_int_equal(sys_set_flags(STDERR_FILENO, flags), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_kind_can_fail, no_faults),
        cmocka_unit_test(failures_are_negative_errnos),
        cmocka_unit_test_teardown(interruptions_are_repeated, no_faults),
        cmocka_unit_test(a_listener_accepts),
        cmocka_unit_test(a_refused_connection_is_told),
        cmocka_unit_test(a_wait_is_never_early),
        cmocka_unit_test(a_wait_is_never_early_without_pwait2),
        cmocka_unit_test(any_timeout_is_valid),
        cmocka_unit_test(a_signal_ends_a_wait),
        cmocka_unit_test(a_thread_blocks_all_signals),
        cmocka_unit_test_teardown(memory_comes_and_goes, no_faults),
        cmocka_unit_test(writable_tells_what_the_kernel_can_write),
        cmocka_unit_test(many_ranges_are_advised_at_once),
        cmocka_unit_test(the_facts_are_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
