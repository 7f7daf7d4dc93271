/* SPDX-License-Identifier: MIT */
/*
 * old_kernel COMMAND [ARGUMENT...]: runs a command, and all that it starts, as on Linux 5.0. What
 * came later fails there: every system call from pidfd_send_signal on, which is to say pidfd_open,
 * clone3, close_range, process_madvise and epoll_pwait2 too; and the advice to make guards.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers are the same on all architectures; the headers of the C library may be older. */
enum {
    PIDFD_SEND_SIGNAL = 424,
    EPOLL_PWAIT2 = 441,
    GUARD_INSTALL = 102,
    GUARD_REMOVE = 103,
    NOT_STARTED = 125
};

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static int become_old(void)
{
    struct sock_filter filter[] = {
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, PIDFD_SEND_SIGNAL, 0, 1),
        FAIL(ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4),
        LOAD(args[2]), /* its low half, on little-endian machines */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GUARD_INSTALL, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GUARD_REMOVE, 0, 1),
        FAIL(EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* Whether it took effect: an emulator may accept a filter and do nothing. */
static int is_old(void)
{
    if (syscall(EPOLL_PWAIT2, -1, NULL, 0, NULL, NULL, (size_t)0) != -1 || errno != ENOSYS) return 0;
    return madvise(NULL, 0, GUARD_INSTALL) == -1 && errno == EINVAL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s COMMAND [ARGUMENT...]\n", argv[0]);
        return NOT_STARTED;
    }
    const int error = become_old();
    if (error < 0 || !is_old()) {
        fprintf(stderr, "%s: system calls cannot be filtered: %s\n", argv[0], strerror(-error));
        return NOT_STARTED;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return NOT_STARTED;
}
