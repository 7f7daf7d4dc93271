/* SPDX-License-Identifier: MIT */
/*
 * Connecting to a host: its addresses are tried one after the other, each with a head start, and the
 * first that answers wins (RFC 8305). No task runs for it: the trials under way, and the timer of the
 * next one, are waits side by side in one park.
 *
 * Invariants
 *  - A trial has a descriptor while it is under way, and no other time.
 *  - Nothing is watched but while the task is parked.
 */
#include "address.h"
#include "loop.h"
#include "sys.h"

#include <bide/error.h>
#include <bide/io.h>
#include <bide/net.h>
#include <bide/task.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define fail(err, ...) bide_fail_at(NULL, 0, err, __VA_ARGS__)

static const double HEAD_START = 0.25; /* seconds, as RFC 8305 advises */
static const double FULL = 0.01;       /* until a Unix socket without room is asked again: no event tells */

struct trial {
    struct fd_wait wait;
    struct race *race;
    int fd; /* -1: not under way */
};

struct race {
    const struct addresses *to;
    const struct addresses *from; /* or NULL */
    struct trial *trials;         /* one for each address */
    size_t started;
    size_t under_way;
    int64_t head_start_ns;
    int64_t next; /* when the next one is to be started */
    struct timer timer;
    int failure; /* the first one, or 0 */
    size_t failed;
    const struct address *unbound; /* the near end that could not be had, if that was the first failure */
    bool lost;                     /* all have failed */
};

/* ---- one trial ---- */

static int note_failure(struct race *race, size_t index, int code)
{
    if (race->failure == 0) {
        race->failure = code;
        race->failed = index;
    }
    return code;
}

static void trial_end(struct trial *trial)
{
    (void)bide_close(trial->fd); /* nothing was sent */
    trial->fd = -1;
    trial->race->under_way--;
}

static int bind_local(struct race *race, int fd, int family)
{
    for (size_t i = 0; race->from && i < race->from->n; i++) {
        const struct address *address = &race->from->list[i];
        if (address_family(address) != family) continue;
        const int code = sys_bind(fd, &address->any, address->length);
        if (code < 0 && race->failure == 0) race->unbound = address;
        return code;
    }
    return race->from ? -EADDRNOTAVAIL : 0;
}

/*
 * Where nobody listens TCP connects a port to itself, if it happens to be picked for the near end: then
 * the call would succeed, and keep whoever is to listen there from doing so.
 */
static int check_other_end(int fd, const struct address *address)
{
    struct address near = {.length = sizeof near.local};
    if (address_family(address) == AF_UNIX) return 0;
    const int code = sys_socket_name(fd, false, &near.any, &near.length);
    if (code < 0) return code;
    const bool same = near.length == address->length && memcmp(&near.any, &address->any, near.length) == 0;
    return same ? -ECONNREFUSED : 0;
}

/* Starts the next one: its descriptor if it is connected already, -EINPROGRESS, or its failure. */
static int trial_start(struct race *race)
{
    const size_t index = race->started++;
    const struct address *address = &race->to->list[index];
    struct trial *trial = &race->trials[index];
    *trial = (struct trial){.race = race, .fd = -1};
    race->next = clock_after(timers_now(timers_current), race->head_start_ns);
    const int fd = bide_socket(address_family(address), SOCK_STREAM, 0);
    if (fd < 0) return note_failure(race, index, fd);
    int code = bind_local(race, fd, address_family(address));
    if (code == 0) code = sys_connect(fd, &address->any, address->length);
    if (code == 0 && (code = check_other_end(fd, address)) == 0) return fd;
    trial->fd = fd;
    race->under_way++;
    if (code == -EINPROGRESS) return code;
    trial_end(trial);
    return note_failure(race, index, code);
}

/* Its descriptor if it is connected, -EAGAIN if it is still under way, or its failure. */
static int trial_look(struct race *race, struct trial *trial)
{
    const size_t index = (size_t)(trial - race->trials);
    int code = sys_poll(trial->fd, POLLOUT);
    if (code == 0) return -EAGAIN;
    if (code > 0) code = sys_socket_error(trial->fd);
    if (code == 0) code = check_other_end(trial->fd, &race->to->list[index]);
    if (code == 0) {
        const int fd = trial->fd;
        trial->fd = -1;
        race->under_way--;
        return fd;
    }
    trial_end(trial);
    return note_failure(race, index, code);
}

/* ---- all of them ---- */

static int drop_trial(struct wait *wait)
{
    poller_unwatch(CONTAINER(wait, struct fd_wait, wait));
    return 0;
}

static void describe_trial(const struct wait *wait, char *text, size_t size)
{
    const struct trial *trial = CONTAINER(wait, struct trial, wait.wait);
    snprintf(text, size, "waits for one of %zu connections", trial->race->under_way);
}

static const struct wait_ops trial_ops = {.drop = drop_trial, .describe = describe_trial};
static const struct wait_ops timer_ops = {.drop = timer_drop};

static struct wait *stand_beside(struct wait *wait, struct wait *first)
{
    wait->beside = first;
    return wait;
}

static int watch_trial(struct trial *trial)
{
    struct descriptor *descriptor = poller_get(poller_current, trial->fd);
    if (!descriptor) return -errno;
    trial->wait = (struct fd_wait){.events = EPOLLOUT};
    wait_init(&trial->wait.wait, &trial_ops);
    return poller_watch(poller_current, descriptor, &trial->wait);
}

/* Has every trial under way watched; the last wait, the others beside it. NULL for a failure: none is. */
static struct wait *watch_all(struct race *race, int *failure)
{
    struct wait *first = NULL;
    for (size_t i = 0; i < race->started; i++) {
        struct trial *trial = &race->trials[i];
        if (trial->fd < 0) continue;
        *failure = watch_trial(trial);
        if (*failure < 0) {
            for (; first; first = first->beside) (void)drop_trial(first); /* it never refuses */
            return NULL;
        }
        first = stand_beside(&trial->wait.wait, first);
    }
    return first;
}

/* Waits until something has happened to a trial, or the next one is to be started. */
static int race_wait(struct race *race)
{
    int code = cancel_cut();
    if (code < 0) return code;
    struct wait *first = watch_all(race, &code);
    if (!first) return code;
    cancel_arm(); /* the scopes' deadlines were there first */
    if (race->started < race->to->n) {
        timer_init(&race->timer, &timer_ops);
        timer_start(&race->timer, race->next);
        first->beside = stand_beside(&race->timer.wait, first->beside);
    }
    const int woken = park(first);
    return woken == -ECANCELED || woken == -ETIMEDOUT ? woken : 0;
}

/* Looks at all: a descriptor that is connected, or -EAGAIN. *failed: whether one has failed. */
static int race_look(struct race *race, bool *failed)
{
    *failed = false;
    for (size_t i = 0; i < race->started; i++) {
        if (race->trials[i].fd < 0) continue;
        const int looked = trial_look(race, &race->trials[i]);
        if (looked >= 0) return looked;
        if (looked != -EAGAIN) *failed = true;
    }
    return -EAGAIN;
}

/* The winner's descriptor, or the first failure once all have failed, or why it was cut short. */
static int race_run(struct race *race)
{
    bool due = true;
    for (;;) {
        while (due && race->started < race->to->n) {
            const int fd = trial_start(race);
            if (fd >= 0) return fd;
            due = fd != -EINPROGRESS; /* after a failure the next one need not wait */
        }
        race->lost = race->under_way == 0;
        if (race->lost) return race->failure;
        const int code = race_wait(race);
        if (code < 0) return code;
        const int fd = race_look(race, &due);
        if (fd >= 0) return fd;
        due = due || race->next <= timers_now(timers_current);
    }
}

static void race_end(struct race *race)
{
    for (size_t i = 0; i < race->started; i++)
        if (race->trials[i].fd >= 0) trial_end(&race->trials[i]);
    sys_free(race->trials);
}

/* The first failure, with a text. */
static int race_fail(const struct race *race)
{
    const struct address *to = &race->to->list[race->failed];
    char verb[BIDE_ADDRESS_TEXT + 32] = "connect to";
    if (race->unbound) {
        char text[BIDE_ADDRESS_TEXT] = "";
        (void)bide_address_text(&to->any, to->length, text, sizeof text); /* of ours, in words */
        snprintf(verb, sizeof verb, "connect to %s from", text);
    }
    return address_fail(race->failure, verb, race->unbound ? race->unbound : to);
}

static int connect_once(const struct addresses *to, const struct addresses *from, double head_start)
{
    struct race race = {.to = to, .from = from, .head_start_ns = clock_ns(head_start)};
    race.trials = sys_alloc(to->n * sizeof *race.trials);
    if (!race.trials) return -ENOMEM;
    const int code = race_run(&race);
    race_end(&race);
    return code < 0 && race.lost && code != -EAGAIN ? race_fail(&race) : code;
}

/* ---- the call ---- */

static int connect_any(const struct addresses *to, const struct addresses *from, double head_start)
{
    for (;;) {
        const int code = connect_once(to, from, head_start);
        if (code != -EAGAIN) return code;
        if (address_family(to->list) != AF_UNIX) return address_fail(code, "connect to", to->list);
        const int slept = bide_sleep(FULL);
        if (slept < 0) return slept;
    }
}

static bool is_sound(const struct bide_connect_options *opt)
{
    for (size_t i = 0; i < sizeof opt->reserved / sizeof *opt->reserved; i++)
        if (opt->reserved[i]) return false;
    return opt->delay == opt->delay;
}

static int connect_from(const struct addresses *to, const struct bide_connect_options *opt)
{
    const double head_start = opt->delay == 0 ? HEAD_START : opt->delay;
    if (!opt->local_host && opt->local_port == 0) return connect_any(to, NULL, head_start);
    struct addresses from;
    int code = addresses_find(&from, opt->local_host, opt->local_port, opt->family, SOCK_STREAM);
    if (code == 0) code = connect_any(to, &from, head_start);
    addresses_done(&from);
    return code;
}

int bide_connect_to(const char *host, int port, const struct bide_connect_options *opt)
{
    const struct bide_connect_options defaults = {0};
    if (!opt) opt = &defaults;
    if (!task_current) return -EPERM;
    if (!host) return fail(EINVAL, "there is no host to connect to");
    if (!is_sound(opt)) return fail(EINVAL, "the options to connect to %s make no sense", host);
    int code = cancel_check();
    if (code < 0) return code;
    struct addresses to;
    code = addresses_find(&to, host, port, opt->family, SOCK_STREAM);
    if (code == 0) code = connect_from(&to, opt);
    addresses_done(&to);
    return code;
}
