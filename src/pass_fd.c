/* SPDX-License-Identifier: MIT */
/* Descriptors passed over Unix sockets: one in a control message, beside one byte. */
#include <bide/io.h>
#include <bide/net.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Room for one, aligned as the kernel wants it. */
union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

int bide_send_fd(int socket, int fd)
{
    char byte = 0;
    struct iovec iov = {&byte, 1};
    union control control = {.room = {0}};
    const struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    const ssize_t n = bide_sendmsg(socket, &message, 0);
    return n < 0 ? (int)n : 0;
}

int bide_recv_fd(int socket)
{
    char byte;
    struct iovec iov = {&byte, 1};
    union control control = {.room = {0}};
    /* Not CMSG_SPACE: that has room for two, and the second one would be left open. */
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))};
    const ssize_t n = bide_recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n <= 0) return n < 0 ? (int)n : -EPIPE;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return message.msg_flags & MSG_CTRUNC ? -EMFILE : -EBADMSG; /* the kernel had no room for it here */
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
