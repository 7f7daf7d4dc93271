/* SPDX-License-Identifier: MIT */
/*
 * Random programs in which all that is written is also read, by several at once, however often
 * they are cancelled and timed out in between: they take that back and go on. Most of them have no
 * deadline, so one lost wake-up is enough for the program to hang.
 */
#include "world.h"

#include <poll.h>

enum { MOST_FLOWS = 48, MOST_TOTAL = 60000, MOST_OF_A_KIND = 3 };

struct flow {
    struct end *end;
    struct bide_task *task; /* while it runs */
    uint64_t random;
    size_t left; /* bytes to be written */
    bool patient;
};

static struct flow flows[MOST_FLOWS];
static int flow_count;
static int writers_left[MOST_ENDS];
static int flows_left;

/* ---- those who read, write and poll ---- */

static ssize_t read_once(struct flow *flow)
{
    return world_read(flow->end, &flow->random);
}

static ssize_t poll_once(struct flow *flow)
{
    return world_poll(flow->end, POLLIN);
}

static ssize_t write_once(struct flow *flow)
{
    size_t n = 1 + (size_t)world_draw(&flow->random, MOST_TOTAL / 2), done = 0;
    if (n > flow->left) n = flow->left;
    const bool all = world_draw(&flow->random, 2);
    const ssize_t code =
        all ? world_write_all(flow->end, n, &done) : world_write(flow->end, &flow->random, n);
    flow->left -= all ? done : code > 0 ? (size_t)code : 0;
    return code;
}

/* One call. Cut short it is forgiven, so that the next one may wait again; so is a descriptor adopted meanwhile. */
static ssize_t once(struct flow *flow, ssize_t (*call)(struct flow *flow))
{
    ssize_t code = 0;
    BIDE_TIMEOUT(flow->patient ? BIDE_FOREVER : world_ticks(&flow->random)) {
        code = call(flow);
    }
    while (bide_cancelled()) bide_uncancel();
    WORLD_EXPECT(code >= 0 || is_cut(code) || code == -EBADF, "descriptor %d gave %zd", flow->end->fd, code);
    return code;
}

static int reader_main(void *arg)
{
    struct flow *flow = arg;
    flow->task = bide_current_task();
    while (once(flow, read_once) != 0 && !world.failure[0]) continue;
    flow->task = NULL;
    return --flows_left < 0;
}

static int writer_main(void *arg)
{
    struct flow *flow = arg;
    flow->task = bide_current_task();
    while (flow->left > 0 && !world.failure[0]) once(flow, write_once);
    if (--writers_left[flow->end - world.ends] == 0) world_finish_writing(flow->end);
    flow->task = NULL;
    return --flows_left < 0;
}

/* Waits for the same events as the readers, and takes nothing from them. */
static int poller_main(void *arg)
{
    struct flow *flow = arg;
    flow->task = bide_current_task();
    while (!flow->end->in.over && !world.failure[0]) {
        once(flow, poll_once);
        if (bide_yield() < 0) bide_uncancel();
    }
    flow->task = NULL;
    return --flows_left < 0;
}

/* Cancels them at random, as long as there are any; adopts and releases their descriptors. */
static int disturber_main(void *arg)
{
    struct body *body = arg;
    uint64_t *random = &body->random;
    for (int times = world_draw(random, 300); times > 0 && flows_left > 0; times--) {
        const struct flow *flow = &flows[world_draw(random, flow_count)];
        WORLD_EXPECT((world_draw(random, 3) ? bide_yield() : bide_sleep(world_ticks(random))) == 0, "sleep");
        if (flow->task) bide_cancel(flow->task);
        if (world_draw(random, 10) == 0) act_adopt(body);
    }
    return 0;
}

/* ---- the program ---- */

static void start(struct bide_group *group, bide_fn fn, struct end *end, uint64_t *random)
{
    struct flow *flow = &flows[flow_count++];
    *flow = (struct flow){.end = end, .random = *random + (uint64_t)flow_count};
    flow->patient = world_draw(random, 3) > 0;
    flow->left = (size_t)world_draw(random, MOST_TOTAL);
    flows_left++;
    WORLD_EXPECT(bide_group_start(group, fn, flow), "no task: errno %d", errno);
}

static void start_all(struct bide_group *group, struct end *end, uint64_t *random)
{
    struct end *writer = end->peer;
    if (!end->is_reader || flow_count + 2 * MOST_OF_A_KIND + 1 > MOST_FLOWS) return;
    for (int n = world_draw(random, MOST_OF_A_KIND); n >= 0; n--) start(group, reader_main, end, random);
    const int writers = 1 + world_draw(random, MOST_OF_A_KIND);
    writers_left[writer - world.ends] = writers;
    for (int n = writers; n > 0; n--) start(group, writer_main, writer, random);
    if (world_draw(random, 2)) start(group, poller_main, end, random);
}

static int flow_main(void *arg)
{
    struct body *body = arg;
    struct bide_group group;
    flow_count = flows_left = 0;
    body->started = true;
    if (world_draw(&body->random, 2)) {
        world_listen(&body->random);
        WORLD_EXPECT(act_connect(body) == 0 && act_accept(body) == 0, "no connection");
    }
    for (int n = world_draw(&body->random, 3); n > 0 || world.end_count == 0; n--) act_open(body);
    bide_group_enter(&group);
    for (int i = 0; i < world.end_count; i++) start_all(&group, &world.ends[i], &body->random);
    bide_group_start(&group, disturber_main, body);
    WORLD_EXPECT(bide_group_exit(&group) == 0 && flows_left == 0, "%d are left", flows_left);
    for (int i = 0; i < world.end_count; i++)
        WORLD_EXPECT(!world.ends[i].is_reader || world.ends[i].in.over, "the end was not read");
    world.closing = body->ended = true;
    return 0;
}

bool world_flow_run(uint64_t seed)
{
    struct bide_options options;
    struct body *first = world_begin(seed, &options);
    WORLD_EXPECT(bide_run_with(&options, flow_main, first) == 0, "bide_run");
    return world_end();
}
