/* SPDX-License-Identifier: MIT */
/*
 * A tour of bide in one run: waiting in turn and at once, a task, a timeout, a cancel with
 * clean-up, a job in a thread beside a ticking task, and an echo over a real TCP socket.
 */
#include <arpa/inet.h>
#include <bide.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

/* Stands for anything that takes its time without keeping the processor busy. */
static int request(void *arg)
{
    (void)arg;
    return bide_sleep(0.1);
}

static int in_turn_and_at_once(void)
{
    double start = bide_time();
    for (int i = 0; i < 3; i++) {
        int code = request(NULL);
        if (code < 0) return code;
    }
    printf("sequential %.1f s\n", bide_time() - start);

    struct bide_call calls[] = {{request, NULL}, {request, NULL}, {request, NULL}};
    start = bide_time();
    int code = bide_gather(calls, 3, NULL);
    printf("gather %.1f s\n", bide_time() - start);
    return code;
}

static int add(void *arg)
{
    const int *numbers = arg;
    int code = bide_sleep(0.1);
    return code < 0 ? code : numbers[0] + numbers[1];
}

/* The numbers may live on this stack: bide_await returns only when the task has ended. */
static int a_task(void)
{
    int numbers[] = {40, 2}, sum;
    struct bide_task *task = bide_create_task(add, numbers);
    int code = bide_await(task, &sum);
    printf("create_task: 40 + 2 = %d\n", sum);
    return code;
}

static int a_timeout(void)
{
    double start = bide_time();
    BIDE_TIMEOUT(0.1) {
        bide_sleep(60.0);
    }
    printf("timeout: %s after %.1f s\n", bide_expired() ? "gave up" : "in time", bide_time() - start);
    return 0;
}

static int wait_for_work(void *arg)
{
    const char **state = arg;
    int code = bide_sleep(60.0);
    BIDE_SHIELD(1.0) { /* in a cancelled task every other wait would fail at once */
        bide_sleep(0.05);
        *state = "cleaned up";
    }
    return code;
}

static int a_cancel(void)
{
    const char *state = "left as it was";
    int result;
    struct bide_task *task = bide_create_task(wait_for_work, &state);
    bide_sleep(0.05);
    bide_cancel(task);
    int code = bide_await(task, &result);
    printf("cancel: %s, %s\n", state, result == -ECANCELED ? "ECANCELED" : bide_error_text(result));
    return code;
}

/* Blocks its thread, as many a library does; in a task it would stop all the others. */
static int block(void *arg)
{
    (void)arg;
    return usleep(200000) < 0 ? -errno : 0;
}

static int tick(void *arg)
{
    int *ticks = arg, code;
    while ((code = bide_sleep(0.02)) == 0) ++*ticks;
    return code;
}

static int a_thread(void)
{
    int ticks = 0;
    struct bide_task *ticker = bide_create_task(tick, &ticks);
    int code = bide_to_thread(block, NULL, NULL);
    bide_cancel(ticker);
    bide_await(ticker, NULL);
    printf("to_thread: blocked for 0.2 s, and %d ticks meanwhile\n", ticks);
    return code;
}

/* Sends everything back to one client, until it hangs up. */
static int echo(void *arg)
{
    const int *listener = arg;
    int client = bide_accept(*listener, NULL, NULL);
    if (client < 0) return client;
    char buf[64];
    ssize_t n;
    while ((n = bide_read(client, buf, sizeof buf)) > 0) {
        n = bide_write_all(client, buf, (size_t)n, NULL);
        if (n < 0) break;
    }
    bide_close(client);
    return (int)n;
}

struct call {
    struct sockaddr_in address;
    char answer[16];
};

static int ask(void *arg)
{
    struct call *call = arg;
    const char question[sizeof call->answer] = "bide a while";
    size_t got = 0;
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    ssize_t n = bide_connect(fd, (struct sockaddr *)&call->address, sizeof call->address);
    if (n == 0) n = bide_write_all(fd, question, sizeof question, NULL);
    while (n >= 0 && got < sizeof question) { /* TCP may deliver it in pieces */
        n = bide_read(fd, call->answer + got, sizeof question - got);
        if (n == 0) n = -ECONNRESET;
        got += n > 0 ? (size_t)n : 0;
    }
    bide_close(fd);
    return n < 0 ? (int)n : 0;
}

/* A socket of bide's own that listens where the system likes. bind and listen never wait. */
static int listen_anywhere(struct sockaddr_in *address)
{
    socklen_t len = sizeof *address;
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    if (bind(fd, (struct sockaddr *)address, len) == 0 && listen(fd, 1) == 0 &&
        getsockname(fd, (struct sockaddr *)address, &len) == 0)
        return fd;
    int code = -errno;
    bide_close(fd);
    return code;
}

static int an_echo(void)
{
    struct call call = {.address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    int listener = listen_anywhere(&call.address);
    if (listener < 0) return listener;
    struct bide_call calls[] = {{echo, &listener}, {ask, &call}};
    int code = bide_gather(calls, 2, NULL);
    bide_close(listener);
    printf("echo: \"%s\" came back over TCP\n", call.answer);
    return code;
}

static int tour(void *arg)
{
    (void)arg;
    int (*const stops[])(void) = {in_turn_and_at_once, a_task, a_timeout, a_cancel, a_thread, an_echo};
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        int code = stops[i]();
        if (code < 0) return code;
    }
    return 0;
}

int main(void)
{
    int code = bide_run(tour, NULL);
    if (code < 0) fprintf(stderr, "tour: %s\n", bide_error_text(code));
    return code < 0;
}
