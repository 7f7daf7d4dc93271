/* SPDX-License-Identifier: MIT */
/*
 * Random programs with descriptors and threads, one for each seed. What they do when is not known
 * beforehand: threads and the kernel have a say. So there is no model of the order, but an account
 * of all that must not get lost: each byte, connection, job, call, task and descriptor.
 */
#ifndef WORLD_H
#define WORLD_H

#include <bide.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    MOST_ENDS = 40,
    MOST_WRITERS = 8, /* of one end, at once */
    MOST_BODIES = 64,
    MOST_DEPTH = 5,
    MOST_HALVES = 64,
    MOST_CALLS = 8,
    TIMED_CALLS = 4, /* the first of them: those with a time */
    MOST_HELPERS = 2,
    MOST_EXECUTORS = 2,
    MOST_SOME = 4
};

/* ---- descriptors and bytes ---- */

/*
 * The bytes on their way to one descriptor. Each names the one who wrote it and depends on how many
 * that one wrote before, so that readers see what is lost, doubled or out of order.
 */
struct stream {
    bool busy[MOST_WRITERS]; /* a call of this writer is under way */
    uint64_t offered[MOST_WRITERS];
    uint64_t written[MOST_WRITERS]; /* what its calls have returned */
    uint64_t taken[MOST_WRITERS];
    bool over;  /* the end was read */
    bool lossy; /* its last bytes may be lost: one of its descriptors was closed too early */
};

enum end_kind { END_PIPE, END_UNIX, END_TCP };

struct end {
    enum end_kind kind;
    int fd;     /* -1: closed */
    int keeper; /* another descriptor for the same, which outlives it; or -1 */
    int flags;  /* of a foreign descriptor before it was adopted, or -1 */
    bool own;
    bool is_reader, is_writer;
    bool shut; /* nothing can be written any more */
    bool gone; /* the peer is closed, or shut */
    unsigned generation;
    unsigned users; /* calls under way */
    struct end *peer;
    struct stream in; /* what it reads */
};

/* One side of a connection, until its other one is known. */
struct half {
    int fd; /* -1: there was one, but its connect was cut short */
    bool own;
    bool is_client;
    uint16_t port; /* the client's */
};

/* ---- tasks ---- */

enum body_kind { BODY_MAIN, BODY_JOINED, BODY_ALONE, BODY_REMOTE };

/* What a task is given, and all that is known of it. Kept until the program has ended. */
struct body {
    uint64_t random;
    int depth;
    enum body_kind kind;
    bool quiet; /* was asked for in the loop's last turns: asks for no further calls */
    bool given; /* somebody has taken it, to run it */
    bool started;
    bool ended;
    int result;
    unsigned reported; /* how often .on_error was told */
};

/* A call that was asked for: by several threads, but for those with a time. */
struct call_account {
    struct bide_handle handle;
    atomic_uint asked;
    atomic_uint made;
    atomic_uint cancelled;
};

struct helper {
    pthread_t thread;
    uint64_t random;
};

struct world {
    uint64_t seed;
    uint64_t random; /* of what runs in the loop, outside of tasks */
    double tick;     /* seconds */
    double limit;    /* of the whole program */
    int actions;     /* left */
    bool closing;    /* the main task has ended */

    struct end ends[MOST_ENDS];
    int end_count;
    int listener; /* or -1 */
    bool listener_is_own;
    uint16_t listener_port;
    unsigned listener_generation;
    struct half halves[MOST_HALVES];
    int half_count;

    struct body bodies[MOST_BODIES];
    atomic_int body_count;
    struct bide_task *running[MOST_BODIES]; /* the tasks that run, in no order */
    int running_count;

    struct bide_loop *loop;
    struct bide_executor *executors[MOST_EXECUTORS];
    bool limited[MOST_EXECUTORS];
    struct call_account calls[MOST_CALLS];
    struct call_account nameless[2]; /* without a handle: at once, and with a time */
    struct helper helpers[MOST_HELPERS];
    int helper_count;

    int fds; /* open at the beginning */
    char failure[400];
};
extern struct world world;

/* Runs the program of the seed. False: world.failure says what was wrong. */
bool world_run(uint64_t seed);

/* Runs one of the seed in which nobody gives up: whoever waits is woken, however the others are disturbed. */
bool world_flow_run(uint64_t seed);

/* The beginning and the end of a program. */
struct body *world_begin(uint64_t seed, struct bide_options *options);
bool world_end(void);

/* Keeps the first failure; thread-safe. */
void world_failed(const char *format, ...) BIDE_PRINTF(1, 2);
#define WORLD_EXPECT(condition, ...) ((condition) ? (void)0 : world_failed(#condition ": " __VA_ARGS__))

/* What has happened at all, in all programs: a test that tries nothing finds nothing. */
enum world_event {
    SEEN_BYTES,
    SEEN_BYTES_OF_THREADS,
    SEEN_ENDS_OF_STREAMS,
    SEEN_BROKEN_STREAMS,
    SEEN_GIVEN_UP_MEANWHILE,
    SEEN_PARTLY_WRITTEN,
    SEEN_CONNECTIONS,
    SEEN_CUT_CONNECTS,
    SEEN_JOBS,
    SEEN_JOBS_CUT_LATE,
    SEEN_JOBS_WITHDRAWN,
    SEEN_JOBS_REFUSED,
    SEEN_CALLS_MADE,
    SEEN_CALLS_CANCELLED,
    SEEN_CALLS_OF_THREADS,
    SEEN_CALLS_REFUSED,
    SEEN_TASKS_OF_THREADS,
    SEEN_EVENTS
};
extern atomic_ulong world_seen[SEEN_EVENTS];
extern const char *const world_event_names[SEEN_EVENTS];
static inline void saw(enum world_event event, unsigned long n)
{
    atomic_fetch_add(&world_seen[event], n);
}

int world_draw(uint64_t *random, int n); /* 0 to n - 1 */
double world_ticks(uint64_t *random);    /* some seconds, often none */

static inline bool is_cut(ssize_t code)
{
    return code == -ECANCELED || code == -ETIMEDOUT;
}

/* A call that may wait has given this; `before` is what bide_cancelled said then. */
void world_check_cut(bool before, ssize_t code);

/* ---- tasks (world_tasks.c) ---- */

/* One action or several, by the running task; the code of the last. */
int world_act(struct body *body);

/* A task to be; NULL when there are enough. From any thread. */
struct body *world_body(uint64_t *random, int depth, enum body_kind kind);
int world_body_main(void *arg);
void world_create_alone(uint64_t *random, bool quiet);
void world_cancel_any(uint64_t *random);

/* ---- descriptors (world_ends.c, world_io.c, world_tcp.c) ---- */

/* A new end; both descriptors are closed, and NULL given, when there are enough. */
struct end *world_pair(enum end_kind kind, int fd, bool own, int peer_fd, bool peer_own, uint64_t *random);
struct end *world_pick_end(uint64_t *random, bool (*fits)(const struct end *end));
void world_close_any(uint64_t *random);
void world_drain(void); /* after the run: all that is on its way is read, all is closed, and counted */
bool is_open_reader(const struct end *end);
bool is_open_writer(const struct end *end);

void stream_fill(const struct stream *stream, int writer, unsigned char *bytes, size_t n);
void stream_take(struct stream *stream, const unsigned char *bytes, size_t n);
int stream_writer(struct stream *stream, size_t n); /* begins to write n bytes: who does; -1: too many do */
void stream_written(struct stream *stream, int writer, size_t n);

/* Calls on an end, checked and counted. Writes may find too many others at it: 0. */
ssize_t world_read(struct end *end, uint64_t *random);
ssize_t world_write(struct end *end, uint64_t *random, size_t n);
int world_write_all(struct end *end, size_t n, size_t *done);
int world_poll(struct end *end, int events);
void world_finish_writing(struct end *end); /* its reader will see the end */

int act_open(struct body *body);
int act_read(struct body *body);
int act_write(struct body *body);
int act_write_all(struct body *body);
int act_poll(struct body *body);
int act_close(struct body *body);
int act_shutdown(struct body *body);
int act_adopt(struct body *body);
int act_accept(struct body *body);
int act_connect(struct body *body);
void world_listen(uint64_t *random);
void world_listener_close(void);
void world_halves_close(void);

/* ---- threads and calls (world_threads.c, world_calls.c) ---- */

int act_job(struct body *body);
int act_send_job(struct body *body);
void world_executors_open(uint64_t *random);
int act_call(struct body *body);
void world_helpers_start(uint64_t *random);
void world_helpers_join(void);
void world_check_calls(void);

#endif
