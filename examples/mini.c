/* SPDX-License-Identifier: MIT */
/*
 * An event loop of one's own, to learn from. A coroutine is a function that can stand still: here
 * a generator, which gives the loop what it waits for, a time or a descriptor, and is asked again once
 * that has come. The rest is a queue of those that are ready, and poll(2). This is what bide (and
 * asyncio) is inside, but for speed, cancellation and all else.
 */
#include <bide.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 8 };

/* What a coroutine waits for: until `time`, or until `fd` can be read. */
struct reason {
    double time;
    int fd; /* -1: none */
};

struct coroutine {
    const char *name;
    struct bide_gen *body;
    struct reason reason;
    bool ready;
    bool ended;
};

struct mini_loop {
    struct coroutine coroutines[MOST];
    int count;
    int living;
};

/* ---- for coroutines ---- */

static int mini_sleep(double seconds)
{
    struct reason reason = {.time = bide_time() + seconds, .fd = -1};
    return bide_yield_value(&reason); /* stands still here until the loop asks again */
}

static ssize_t mini_read(int fd, void *buf, size_t n)
{
    struct reason reason = {.time = BIDE_FOREVER, .fd = fd};
    int code = bide_yield_value(&reason);
    return code < 0 ? code : read(fd, buf, n);
}

/* ---- the loop ---- */

static int mini_start(struct mini_loop *loop, const char *name, bide_fn fn, void *arg)
{
    if (loop->count == MOST) return -ENOBUFS;
    struct bide_gen *body = bide_gen_new(fn, arg);
    if (!body) return -errno;
    loop->coroutines[loop->count++] = (struct coroutine){.name = name, .body = body, .ready = true};
    loop->living++;
    return 0;
}

/* Lets a coroutine run up to its next wait. */
static void mini_resume(struct mini_loop *loop, struct coroutine *coroutine)
{
    void *reason;
    coroutine->ready = false;
    if (bide_gen_next(coroutine->body, &reason) > 0) {
        coroutine->reason = *(struct reason *)reason;
        return;
    }
    printf("  %s has ended\n", coroutine->name);
    coroutine->ended = true;
    loop->living--;
    bide_gen_close(coroutine->body);
}

/* Sleeps until a descriptor can be read or the first deadline; marks who is ready. Descriptors come first. */
static void mini_poll(struct mini_loop *loop)
{
    struct pollfd fds[MOST];
    double first = BIDE_FOREVER;
    for (int i = 0; i < loop->count; i++) {
        const struct coroutine *coroutine = &loop->coroutines[i];
        fds[i] = (struct pollfd){.fd = coroutine->ended ? -1 : coroutine->reason.fd, .events = POLLIN};
        if (!coroutine->ended && coroutine->reason.time < first) first = coroutine->reason.time;
    }
    double left = first - bide_time();
    int timeout_ms = first == BIDE_FOREVER ? -1 : left > 0 ? (int)(left * 1000) + 1 : 0;
    int events = poll(fds, (nfds_t)loop->count, timeout_ms);
    double now = bide_time();
    for (int i = 0; i < loop->count; i++) {
        struct coroutine *coroutine = &loop->coroutines[i];
        bool due = coroutine->reason.time <= now;
        coroutine->ready = !coroutine->ended && (events > 0 ? fds[i].revents != 0 : due);
    }
}

static void mini_run(struct mini_loop *loop)
{
    for (int turn = 1; loop->living > 0; turn++) {
        printf("turn %d\n", turn);
        for (int i = 0; i < loop->count; i++)
            if (loop->coroutines[i].ready) mini_resume(loop, &loop->coroutines[i]);
        if (loop->living > 0) mini_poll(loop);
    }
}

/* ---- a program for it ---- */

static int ends[2];

static int sends(void *arg)
{
    (void)arg;
    for (char c = 'a'; c <= 'c'; c++) {
        printf("  sender sleeps\n");
        if (mini_sleep(0.05) < 0) return -ECANCELED;
        printf("  sender writes %c\n", c);
        if (write(ends[1], &c, 1) != 1) return -errno;
    }
    close(ends[1]);
    return 0;
}

static int receives(void *arg)
{
    (void)arg;
    char c;
    while (mini_read(ends[0], &c, 1) == 1) printf("  receiver reads %c\n", c);
    close(ends[0]);
    return 0;
}

static int run_mini(void *arg)
{
    (void)arg;
    struct mini_loop loop = {.count = 0};
    if (pipe(ends) < 0) return -errno;
    if (mini_start(&loop, "sender", sends, NULL) < 0) return -1;
    if (mini_start(&loop, "receiver", receives, NULL) < 0) return -1;
    mini_run(&loop);
    return 0;
}

int main(void)
{
    return bide_run(run_mini, NULL) < 0;
}
