/* SPDX-License-Identifier: MIT */
/*
 * The seam, for memory, time, threads, events and signals. It keeps no state but the hook for
 * faults and the memory of what this kernel cannot do.
 */
#include "sys_call.h"

#include "sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of Linux 5.10, 5.11 and 6.14; the headers of the C library may be older than the kernel. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
enum { SELF_AS_PIDFD = -10001 };

enum { USUAL_MAX_MAP_COUNT = 65530, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

int (*sys_fault)(enum sys_call call);

/* Memory. */

void *sys_alloc(size_t size)
{
    return faulty(SYS_ALLOC) ? NULL : malloc(size);
}

void *sys_alloc_lines(size_t size)
{
    return faulty(SYS_ALLOC) ? NULL : aligned_alloc(64, size);
}

void *sys_realloc(void *memory, size_t size)
{
    return faulty(SYS_ALLOC) ? NULL : realloc(memory, size);
}

void sys_free(void *memory)
{
    free(memory);
}

void *sys_mmap(size_t size, int prot, int flags)
{
    if (faulty(SYS_MMAP)) return NULL;
    void *address = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return address == MAP_FAILED ? NULL : address;
}

void sys_munmap(void *address, size_t size)
{
    munmap(address, size);
}

int sys_mprotect(void *address, size_t size, int prot)
{
    return (int)ONCE(SYS_MPROTECT, mprotect(address, size, prot));
}

int sys_madvise(void *address, size_t size, int advice)
{
    return (int)ONCE(SYS_MADVISE, madvise(address, size, advice));
}

int sys_madvise_ranges(const struct iovec *ranges, int n, int advice)
{
    if (faulty(SYS_MADVISE)) return -errno;
    long size = 0;
    for (int i = 0; i < n; i++) size += (long)ranges[i].iov_len;
    if (syscall(SYS_process_madvise, SELF_AS_PIDFD, ranges, (size_t)n, advice, 0U) == size) return 0;
    for (int i = 0; i < n; i++) {
        if (madvise(ranges[i].iov_base, ranges[i].iov_len, advice) < 0) return -errno;
    }
    return 0;
}

bool sys_writable(void *address)
{
    const bool refused = syscall(SYS_getrandom, address, (size_t)1, GRND_NONBLOCK) < 0 && errno == EFAULT;
    return !refused;
}

size_t sys_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

long sys_max_map_count(void)
{
    char text[32];
    const int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return USUAL_MAX_MAP_COUNT;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return USUAL_MAX_MAP_COUNT;
    text[n] = '\0';
    const long count = strtol(text, NULL, 10);
    return count > 0 ? count : USUAL_MAX_MAP_COUNT;
}

/* Time and threads. */

unsigned sys_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* the set is too small for this machine */
    return online > 0 ? (unsigned)online : 1;
}

int64_t sys_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int sys_thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    if (faulty(SYS_THREAD)) return -errno;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* Events. */

int sys_epoll_create(void)
{
    return (int)ONCE(SYS_EPOLL_CREATE, epoll_create1(EPOLL_CLOEXEC));
}

int sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data = {.u64 = data}};
    return (int)ONCE(SYS_EPOLL_CTL, epoll_ctl(epfd, op, fd, &event));
}

/* Rounded up: who wakes early finds nothing due and spins. A longer wait than the limit ends there. */
static int milliseconds(int64_t ns)
{
    if (ns < 0) return -1;
    const int64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/*
 * Linux 5.11 has it; -ENOSYS or -EPERM (from a filter of system calls) where it cannot be used.
 * Valgrind has not, and complains.
 */
static int epoll_pwait2_ns(int epfd, struct epoll_event *events, int n, int64_t timeout_ns)
{
    if (sanitizer_valgrind()) return -ENOSYS;
    const struct timespec timeout = {.tv_sec = timeout_ns / NS_PER_S, .tv_nsec = timeout_ns % NS_PER_S};
    const long result = syscall(SYS_epoll_pwait2, epfd, events, n, &timeout, NULL, (size_t)0);
    return result < 0 ? -errno : (int)result;
}

static int epoll_wait_ns(int epfd, struct epoll_event *events, int n, int64_t timeout_ns)
{
    static atomic_bool only_milliseconds;
    if (timeout_ns > 0 && !atomic_load_explicit(&only_milliseconds, memory_order_relaxed)) {
        const int result = epoll_pwait2_ns(epfd, events, n, timeout_ns);
        if (result != -ENOSYS && result != -EPERM) return result;
        atomic_store_explicit(&only_milliseconds, true, memory_order_relaxed);
    }
    const int result = epoll_wait(epfd, events, n, milliseconds(timeout_ns));
    return result < 0 ? -errno : result;
}

int sys_epoll_wait(int epfd, struct epoll_event *events, int n, int64_t timeout_ns)
{
    const int result = faulty(SYS_EPOLL_WAIT) ? -errno : epoll_wait_ns(epfd, events, n, timeout_ns);
    return result == -EINTR ? 0 : result;
}

int sys_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    return (int)ONCE(SYS_SIGACTION, sigaction(number, action, old));
}

int sys_eventfd(void)
{
    return (int)ONCE(SYS_EVENTFD, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int sys_fcntl(int fd, int command, int argument)
{
    return (int)ONCE(SYS_FCNTL, fcntl(fd, command, argument));
}

ssize_t sys_read(int fd, void *buf, size_t n)
{
    return REPEAT(SYS_READ, read(fd, buf, n));
}

ssize_t sys_write(int fd, const void *buf, size_t n)
{
    return REPEAT(SYS_WRITE, write(fd, buf, n));
}

/* The descriptor is gone whatever close answers, so it is called even where a test wants a failure. */
int sys_close(int fd)
{
    const int injected = faulty(SYS_CLOSE) ? -errno : 0;
    const int closed = close(fd) < 0 ? -errno : 0;
    const int result = injected < 0 ? injected : closed;
    return result == -EINTR || result == -EINPROGRESS ? 0 : result;
}
