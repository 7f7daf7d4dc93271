/* SPDX-License-Identifier: MIT */
/* recv, send, recvmsg, sendmsg: flags, addresses, descriptors that are passed. */
#include "ends.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum manner manner; /* each test runs with all of them */

/* ---- flags ---- */

struct receiving {
    int flags;
    size_t n;
    ssize_t code;
    char text[16];
};

static int receive(void *arg)
{
    struct receiving *receiving = arg;
    receiving->code = bide_recv(ends[0], receiving->text, receiving->n, receiving->flags);
    return 0;
}

/* Starts to receive, which waits, sends, and sees what came. */
static int receive_after(struct receiving *receiving, const char *text)
{
    struct bide_task *task = bide_create_task(receive, receiving);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(task));
    CHECK_INT(bide_send(ends[1], text, strlen(text), 0), strlen(text));
    return bide_await(task, NULL);
}

TASK(recv_waits_and_peek_leaves_the_bytes)
{
    struct receiving peek = {.flags = MSG_PEEK, .n = 3}, plain = {.n = 16};
    CHECK_INT(open_ends(&kinds[TCP], manner), 0);
    CHECK_INT(receive_after(&peek, "hello"), 0);
    CHECK(peek.code == 3 && memcmp(peek.text, "hel", 3) == 0);
    CHECK_INT(receive(&plain), 0);
    CHECK(plain.code == 5 && memcmp(plain.text, "hello", 5) == 0);
    CHECK_INT(receive_after(&plain, "again"), 0);
    CHECK_INT(plain.code, 5);
    return close_ends();
}

TASK(peek_waits_again_and_again)
{
    struct receiving peek = {.flags = MSG_PEEK, .n = 16};
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(receive_after(&peek, "a"), 0);
    CHECK_INT(receive(&peek), 0); /* the byte is still there: no wait, and no turn kept */
    CHECK_INT(peek.code, 1);
    CHECK_INT(bide_read(ends[0], peek.text, 16), 1);
    CHECK_INT(receive_after(&peek, "bc"), 0);
    CHECK_INT(peek.code, 2);
    return close_ends();
}

TASK(a_message_is_cut_and_says_its_length)
{
    struct receiving cut = {.flags = MSG_TRUNC, .n = 4};
    CHECK_INT(open_ends(&kinds[UNIX_DATAGRAM], manner), 0);
    CHECK_INT(receive_after(&cut, "0123456789"), 0);
    CHECK(cut.code == 10 && memcmp(cut.text, "0123", 4) == 0);
    CHECK_INT(bide_send(ends[1], "", 0, 0), 0); /* an empty message is one */
    CHECK_INT(bide_recv(ends[0], cut.text, 4, 0), 0);
    return close_ends();
}

TASK(send_waits_for_room)
{
    struct bide_task *task;
    struct flood flood = {.fd = ends[1]};
    char block[4096];
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK(fill(ends[1]) > 0);
    flood = (struct flood){.fd = ends[1], .n = 5, .block = 5};
    task = bide_create_task(write_flood, &flood);
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_send(ends[1], "late", 4, 0), -ETIMEDOUT); /* behind the other in the queue */
    }
    CHECK(!bide_task_done(task));
    while (recv(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
    CHECK(bide_await(task, NULL) == 0 && flood.done == 5);
    CHECK_INT(bide_send(ends[1], "more", 4, MSG_MORE), 4);
    return close_ends();
}

TASK(with_dontwait_nobody_waits)
{
    char byte = 0;
    struct msghdr message = {.msg_iov = &(struct iovec){&byte, 1}, .msg_iovlen = 1};
    struct receiving other = {.n = 1};
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(bide_recv(ends[0], &byte, 1, MSG_DONTWAIT), -EAGAIN);
    CHECK_INT(bide_recvmsg(ends[0], &message, MSG_DONTWAIT), -EAGAIN);
    struct bide_task *reader = bide_create_task(receive, &other);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_recv(ends[0], &byte, 1, MSG_DONTWAIT), -EAGAIN); /* nor behind another */
    for (int i = 0; i < 3; i++) CHECK_INT(bide_send(ends[1], "x", 1, MSG_DONTWAIT), 1);
    CHECK(bide_await(reader, NULL) == 0 && other.code == 1);
    for (int i = 0; i < 200; i++) CHECK_INT(bide_recv(ends[0], &byte, 1, MSG_DONTWAIT), i < 2 ? 1 : -EAGAIN);
    CHECK(fill(ends[1]) > 0);
    CHECK_INT(bide_send(ends[1], "x", 1, MSG_DONTWAIT), -EAGAIN);
    CHECK_INT(bide_sendmsg(ends[1], &message, MSG_DONTWAIT), -EAGAIN);
    return close_ends();
}

TASK(nobody_listens_is_epipe_without_a_signal)
{
    struct msghdr message = {.msg_iov = &(struct iovec){"x", 1}, .msg_iovlen = 1};
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(bide_close(ends[0]), 0);
    ends[0] = -1;
    CHECK_INT(bide_send(ends[1], "x", 1, 0), -EPIPE);
    CHECK_INT(bide_sendmsg(ends[1], &message, 0), -EPIPE);
    return close_ends();
}

TASK(what_is_no_socket_says_so)
{
    char byte[1] = "";
    struct msghdr message = {.msg_iov = &(struct iovec){byte, 1}, .msg_iovlen = 1};
    CHECK_INT(open_ends(&kinds[PIPE], manner), 0);
    CHECK_INT(bide_recv(ends[0], byte, 1, 0), -ENOTSOCK);
    CHECK_INT(bide_send(ends[1], "x", 1, 0), -ENOTSOCK);
    CHECK_INT(bide_recvmsg(ends[0], &message, 0), -ENOTSOCK);
    CHECK_INT(bide_sendmsg(ends[1], &message, 0), -ENOTSOCK);
    CHECK_INT(bide_accept(ends[0], NULL, NULL), -ENOTSOCK);
    return close_ends();
}

/* ---- messages ---- */

/* A message of one byte and one descriptor. */
struct parcel {
    char byte;
    struct iovec iov;
    struct msghdr message;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static struct msghdr *wrap(struct parcel *parcel)
{
    *parcel = (struct parcel){.byte = 'p'};
    parcel->iov = (struct iovec){&parcel->byte, 1};
    parcel->message = (struct msghdr){.msg_iov = &parcel->iov,
                                      .msg_iovlen = 1,
                                      .msg_control = parcel->control,
                                      .msg_controllen = sizeof parcel->control};
    return &parcel->message;
}

static int send_fd(int fd)
{
    struct parcel parcel;
    struct msghdr *message = wrap(&parcel);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    *header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return (int)bide_sendmsg(ends[1], message, 0);
}

/* The descriptor that came with the message. */
static int receive_fd(void *arg)
{
    (void)arg;
    struct parcel parcel;
    struct msghdr *message = wrap(&parcel);
    int fd = -1;
    CHECK_INT(bide_recvmsg(ends[0], message, MSG_CMSG_CLOEXEC), 1);
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    CHECK(header && header->cmsg_type == SCM_RIGHTS && !(message->msg_flags & MSG_CTRUNC));
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

TASK(a_descriptor_is_passed)
{
    int pipe_ends[2], fd = -1;
    char byte = 0;
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(bide_pipe(pipe_ends), 0);
    struct bide_task *receiver = bide_create_task(receive_fd, NULL);
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(send_fd(pipe_ends[0]), 1);
    CHECK_INT(bide_await(receiver, &fd), 0);
    CHECK(fd >= 0 && fd != pipe_ends[0] && fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(bide_close(pipe_ends[0]), 0);
    CHECK_INT(bide_write(pipe_ends[1], "x", 1), 1);
    CHECK_INT(bide_read(fd, &byte, 1), 1);
    CHECK(byte == 'x' && bide_close(fd) == 0 && bide_close(pipe_ends[1]) == 0);
    return close_ends();
}

/* bugs.md row 31: a read stops behind a message that carried a descriptor: no sign that all was read. */
TASK(bug_31_reads_go_on_behind_a_passed_descriptor)
{
    char text[16];
    int pipe_ends[2], fd;
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(bide_pipe(pipe_ends), 0);
    CHECK_INT(bide_write(ends[1], "a", 1), 1);
    CHECK_INT(bide_read(ends[0], text, sizeof text), 1); /* it is registered, if it is bide's own */
    for (int i = 0; i < 2; i++) {
        CHECK_INT(send_fd(pipe_ends[1]), 1);
        CHECK_INT(bide_write(ends[1], "def", 3), 3);
    }
    CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_read(ends[0], text, sizeof text), 1); /* the descriptor is lost: who reads wants none */
    CHECK_INT(bide_read(ends[0], text, sizeof text), 4);
    CHECK_INT(bide_read(ends[0], text, sizeof text), 3);
    CHECK_INT(send_fd(pipe_ends[1]), 1);
    CHECK_INT(bide_write(ends[1], "def", 3), 3);
    CHECK((fd = receive_fd(NULL)) >= 0);
    CHECK_INT(bide_read(ends[0], text, sizeof text), 3);
    CHECK(bide_close(fd) == 0 && bide_close(pipe_ends[0]) == 0 && bide_close(pipe_ends[1]) == 0);
    return close_ends();
}

/* Cut short while it waits, a call has taken nothing: the descriptor comes with the next one. */
TASK(a_cancel_loses_no_descriptor)
{
    int pipe_ends[2], fd = -1;
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
    CHECK_INT(bide_pipe(pipe_ends), 0);
    struct parcel parcel;
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_recvmsg(ends[0], wrap(&parcel), 0), -ETIMEDOUT);
    }
    CHECK_INT(parcel.message.msg_controllen, sizeof parcel.control); /* nor touched anything */
    CHECK_INT(send_fd(pipe_ends[0]), 1);
    CHECK((fd = receive_fd(NULL)) >= 0);
    CHECK(bide_close(fd) == 0 && bide_close(pipe_ends[0]) == 0 && bide_close(pipe_ends[1]) == 0);
    return close_ends();
}

/* Two sockets with names, which send to each other unconnected. */
static int open_named(const char *name, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path + 1, name, strlen(name)); /* a name without a file */
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)address, len), 0);
    if (manner == OWN) CHECK_INT(bide_adopt(fd), 0);
    if (manner == NONBLOCKING) CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

TASK(messages_have_addresses)
{
    struct sockaddr_un one, two, from = {0};
    char name[32], text[8];
    snprintf(name, sizeof name, "bide-test-%d-a", getpid());
    const int sender = open_named(name, &one);
    name[strlen(name) - 1] = 'b';
    const int receiver = open_named(name, &two);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    struct msghdr out = {
        .msg_name = &two, .msg_namelen = len, .msg_iov = &(struct iovec){"hi", 2}, .msg_iovlen = 1};
    struct msghdr in = {.msg_name = &from,
                        .msg_namelen = sizeof from,
                        .msg_iov = &(struct iovec){text, sizeof text},
                        .msg_iovlen = 1};
    CHECK_INT(bide_sendmsg(sender, &out, 0), 2);
    CHECK_INT(bide_recvmsg(receiver, &in, 0), 2);
    CHECK(in.msg_namelen == len && memcmp(&from, &one, len) == 0);
    return bide_close(sender) + bide_close(receiver);
}

/* ---- running them ---- */

static int in_every_manner(void *arg)
{
    const struct in_loop *test = arg;
    for (manner = OWN; manner < MANNERS; manner++) CHECK_INT(test->fn(NULL), 0);
    return 0;
}

static void run(void **state)
{
    assert_int_equal(check_run(in_every_manner, *state), 0);
}

#define IN_EVERY_MANNER(fn)                                                                                  \
    {                                                                                                        \
#fn, run, NULL, NULL, &(struct in_loop)                                                              \
        {                                                                                                    \
            fn, NULL                                                                                         \
        }                                                                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_EVERY_MANNER(recv_waits_and_peek_leaves_the_bytes),
        IN_EVERY_MANNER(peek_waits_again_and_again),
        IN_EVERY_MANNER(a_message_is_cut_and_says_its_length),
        IN_EVERY_MANNER(send_waits_for_room),
        IN_EVERY_MANNER(with_dontwait_nobody_waits),
        IN_EVERY_MANNER(nobody_listens_is_epipe_without_a_signal),
        IN_EVERY_MANNER(what_is_no_socket_says_so),
        IN_EVERY_MANNER(a_descriptor_is_passed),
        IN_EVERY_MANNER(bug_31_reads_go_on_behind_a_passed_descriptor),
        IN_EVERY_MANNER(a_cancel_loses_no_descriptor),
        IN_EVERY_MANNER(messages_have_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
