/* SPDX-License-Identifier: MIT */
/* Jobs of random programs in threads: each runs once, or was withdrawn, or was refused. */
#include "world.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct job {
    atomic_uint runs;
    int pause_us;
    int number;
    int planned; /* its result */
    bool has_text;
    bool ended; /* must be seen by whoever waited */
    int fd;     /* of a job that sends */
    size_t n;
    unsigned char bytes[512];
};

static int job_main(void *arg)
{
    struct job *job = arg;
    atomic_fetch_add(&job->runs, 1);
    if (job->pause_us > 0) usleep((useconds_t)job->pause_us);
    WORLD_EXPECT(bide_yield() == -EPERM, "a call that may wait, in a thread");
    job->ended = true;
    return job->has_text ? bide_fail(-job->planned, "job %d fails", job->number) : job->planned;
}

static void job_plan(struct job *job, uint64_t *random)
{
    job->pause_us = world_draw(random, 3) ? 0 : world_draw(random, 100);
    job->number = world_draw(random, 1000);
    job->planned = job->number;
    if (world_draw(random, 3)) return;
    job->planned = world_draw(random, 2) ? -EIO : -ENOENT;
    job->has_text = world_draw(random, 2);
}

static void job_check_text(const struct job *job)
{
    char text[40];
    if (!job->has_text) return;
    snprintf(text, sizeof text, "job %d fails", job->number);
    WORLD_EXPECT(strcmp(bide_error_text(job->planned), text) == 0, "%s", bide_error_text(job->planned));
}

/* With a result or without; in the loop's threads (which: -1) or those of an executor. */
static int job_submit(struct job *job, bide_fn fn, int which, int *result)
{
    const bool before = bide_cancelled();
    const int code = which < 0 ? bide_to_thread(fn, job, result)
                               : bide_executor_submit(world.executors[which], fn, job, result);
    const unsigned runs = atomic_load(&job->runs);
    WORLD_EXPECT(runs == 0 || job->ended, "the job still runs");
    WORLD_EXPECT(runs <= 1, "the job ran %u times", runs);
    WORLD_EXPECT(!before || runs == 0, "the job ran though cancelled before");
    if (code == -EAGAIN) {
        WORLD_EXPECT(which >= 0 && world.limited[which] && runs == 0, "refused");
    } else if (!result) {
        const int expected = runs == 1 && job->planned < 0 ? job->planned : 0;
        WORLD_EXPECT(expected ? code == expected : is_cut(code) || (code == 0 && runs == 1), "job gave %d",
                     code);
    } else {
        world_check_cut(before, code);
        WORLD_EXPECT(code == 0 || is_cut(code), "job gave %d", code);
        WORLD_EXPECT(runs == 1 ? *result == job->planned : *result == -ECANCELED && is_cut(code),
                     "code %d, result %d, not %d", code, *result, job->planned);
    }
    saw(SEEN_JOBS, runs);
    saw(SEEN_JOBS_CUT_LATE, runs == 1 && is_cut(code));
    saw(SEEN_JOBS_WITHDRAWN, runs == 0 && !before && is_cut(code));
    saw(SEEN_JOBS_REFUSED, code == -EAGAIN);
    if (runs == 1) job_check_text(job);
    return code;
}

static int draw_executor(struct body *body)
{
    const int which = world_draw(&body->random, MOST_EXECUTORS + 1) - 1;
    return which >= 0 && !world.executors[which] ? -1 : which;
}

int act_job(struct body *body)
{
    struct job job = {0};
    int result = -EDOM;
    job_plan(&job, &body->random);
    return job_submit(&job, job_main, draw_executor(body), world_draw(&body->random, 3) ? &result : NULL);
}

/* ---- jobs that send, so that bytes come while the loop waits for them ---- */

static int send_main(void *arg)
{
    struct job *job = arg;
    atomic_fetch_add(&job->runs, 1);
    if (job->pause_us > 0) usleep((useconds_t)job->pause_us);
    const ssize_t n = send(job->fd, job->bytes, job->n, MSG_DONTWAIT | MSG_NOSIGNAL);
    job->planned = n > 0 ? (int)n : 0;
    job->ended = true;
    return job->planned;
}

static bool is_open_socket(const struct end *end)
{
    return is_open_writer(end) && end->kind != END_PIPE;
}

int act_send_job(struct body *body)
{
    struct job job = {.n = sizeof job.bytes};
    struct end *end = world_pick_end(&body->random, is_open_socket);
    const int writer = end ? stream_writer(&end->peer->in, job.n) : -1;
    if (writer < 0) return 0;
    int result = -EDOM;
    job.pause_us = world_draw(&body->random, 60);
    job.fd = fcntl(end->fd, F_DUPFD_CLOEXEC, 0); /* stays, whoever closes the other meanwhile */
    stream_fill(&end->peer->in, writer, job.bytes, job.n);
    const int which = draw_executor(body);
    const int code = job_submit(&job, send_main, which, &result);
    saw(SEEN_BYTES_OF_THREADS, result > 0 ? (unsigned long)result : 0);
    stream_written(&end->peer->in, writer, result > 0 ? (size_t)result : 0);
    close(job.fd);
    return code;
}

void world_executors_open(uint64_t *random)
{
    for (int i = 0; i < MOST_EXECUTORS; i++) {
        if (world_draw(random, 2)) continue;
        const size_t limit = (size_t)world_draw(random, 2);
        world.limited[i] = limit > 0;
        world.executors[i] = bide_executor_new(1 + (unsigned)world_draw(random, 2), limit);
        WORLD_EXPECT(world.executors[i], "no executor: errno %d", errno);
    }
}
