/* SPDX-License-Identifier: MIT */
/*
 * bide inside a program that has a loop already, here one of poll(2): the loop's descriptor and its
 * timeout go into the poll, and a step follows it. The two sides talk over a socket pair.
 */
#include <bide.h>
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST, GUEST };

/* A task of the guest's: it reads questions, thinks, and answers, as if it were alone in the world. */
static int answer(void *arg)
{
    int fd = *(const int *)arg;
    char text[64];
    ssize_t n;
    while ((n = bide_read(fd, text, sizeof text)) > 0) {
        printf("bide: thinks about \"%.*s\"\n", (int)n, text);
        int code = bide_sleep(0.05);
        if (code < 0) return code;
        for (ssize_t i = 0; i < n; i++) text[i] = (char)toupper((unsigned char)text[i]);
        code = bide_write_all(fd, text, (size_t)n, NULL);
        if (code < 0) return code;
    }
    puts("bide: nobody asks any more");
    return (int)n;
}

/* Sends the next question; after the last one it hangs up. */
static void ask(int fd)
{
    static const char *const questions[] = {"who", "where", "why", NULL};
    static const char *const *next = questions;
    if (!*next) {
        shutdown(fd, SHUT_WR);
        return;
    }
    printf("host: asks \"%s\"\n", *next);
    if (write(fd, *next, strlen(*next)) < 0) perror("write");
    next++;
}

static void hear(int fd)
{
    char text[64];
    ssize_t n = read(fd, text, sizeof text);
    if (n > 0) printf("host: hears \"%.*s\"\n", (int)n, text);
}

int main(void)
{
    int ends[2];
    struct bide_loop *loop = bide_loop_new(NULL);
    if (!loop || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return 1;
    struct bide_task *task = bide_loop_start(loop, answer, &ends[GUEST]);

    struct pollfd fds[] = {{ends[HOST], POLLIN, 0}, {bide_loop_fd(loop), POLLIN, 0}};
    int rounds = 0;
    ask(ends[HOST]);
    while (bide_loop_step(loop) > 0) {
        double seconds = bide_loop_timeout(loop);
        poll(fds, 2, seconds > 1e6 ? -1 : (int)(seconds * 1000) + 1);
        if (fds[0].revents) {
            hear(ends[HOST]);
            ask(ends[HOST]);
        }
        rounds++;
    }
    int code = bide_task_result(task);
    bide_detach(task);
    bide_loop_free(loop);
    close(ends[HOST]);
    close(ends[GUEST]);
    printf("host: %d rounds\n", rounds);
    return code < 0;
}
