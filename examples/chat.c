/* SPDX-License-Identifier: MIT */
/*
 * A chat: each client sees what the others say. Lines for a client go through a queue of its own, so
 * that a slow one holds up nobody: when its queue is full it is dropped.
 *
 *     chat [PORT]     of a server on 127.0.0.1; without one three clients and a slow one talk in this run
 */
#include <bide.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 32, LINE = 1100, NAME = 16, GRACE = 5 };

struct member {
    struct member *next;
    char name[NAME];
    struct bide_stream *stream;
    struct bide_queue *lines; /* char * each, to be freed */
    bool slow;
};

/* ---- the server ---- */

static struct member *members;

static void tell_all(const char *line);

static void leave(struct member *member, const char *how)
{
    char line[64];
    struct member **at = &members;
    while (*at && *at != member) at = &(*at)->next;
    if (!*at) return; /* already */
    *at = member->next;
    snprintf(line, sizeof line, "* %s %s\n", member->name, how);
    tell_all(line);
}

static void tell_all(const char *line)
{
    struct member *member;
    for (member = members; member; member = member->next) {
        char *copy = strdup(line);
        if (copy && bide_queue_put_nowait(member->lines, &copy) == 0) continue;
        free(copy);
        member->slow = true;
    }
    for (member = members; member && !member->slow; member = member->next) continue;
    if (!member) return;
    bide_stream_abort(member->stream); /* its calls, in whatever task, end with -EBADF */
    leave(member, "was too slow");     /* which all are told: so that more slow ones are found */
}

/* What was said is heard, also when the server ends meanwhile: up to the end of the queue. */
static int write_lines(void *arg)
{
    struct member *member = arg;
    char *line;
    int code = 0;
    BIDE_SHIELD(GRACE) {
        while (code == 0 && (code = bide_queue_get(member->lines, &line)) == 0) {
            bide_stream_write(member->stream, line, strlen(line));
            free(line);
            code = bide_stream_drain(member->stream);
        }
    }
    return code == -EBADF || code == -EPIPE || code == -ECONNRESET ? 0 : code;
}

static int talk(struct member *member)
{
    char *text, line[LINE + NAME + 4];
    ssize_t n;
    while ((n = bide_stream_read_line(member->stream, &text)) > 0) {
        snprintf(line, sizeof line, "%s: %.*s\n", member->name, (int)strcspn(text, "\r\n"), text);
        tell_all(line);
        if (bide_queue_size(member->lines) > LINES / 2) bide_yield(); /* lines in one go make nobody slow */
    }
    return n == -EBADF || n == -ECONNRESET ? 0 : (int)n;
}

/* One client: a task that reads, and one that writes. The first line is its name. */
static int join(struct bide_stream *stream, void *arg)
{
    struct member member = {.stream = stream, .lines = bide_queue_new(sizeof(char *), LINES)};
    struct bide_group group;
    char *text, line[64];
    ssize_t n = member.lines ? bide_stream_read_line(stream, &text) : -ENOMEM;
    (void)arg;
    if (n > 0) {
        snprintf(member.name, NAME, "%.*s", (int)strcspn(text, "\r\n"), text);
        member.next = members;
        members = &member;
        snprintf(line, sizeof line, "* %s is here\n", member.name);
        tell_all(line);
        BIDE_GROUP(group) {
            bide_group_start(&group, write_lines, &member);
            n = talk(&member);
            leave(&member, "is gone");
            bide_queue_shutdown(member.lines, false);
            bide_group_cancel(&group); /* the other task, once it has written what is in the queue */
        }
    }
    while (member.lines && bide_queue_get_nowait(member.lines, &text) == 0) free(text);
    bide_queue_free(member.lines);
    return (int)n;
}

/* ---- clients in this very run ---- */

struct client {
    const char *name;
    struct bide_stream *stream;
};

static struct bide_stream *enter(int port, const char *name)
{
    struct bide_stream *stream = bide_open_connection("127.0.0.1", port);
    if (stream) bide_stream_printf(stream, "%s\n", name);
    if (stream) bide_stream_drain(stream);
    return stream;
}

static void show(const struct client *clients, int n)
{
    for (int i = 0; i < n; i++) {
        char *line;
        ssize_t length = bide_stream_read_line(clients[i].stream, &line);
        printf("%s sees  %s", clients[i].name, length > 0 ? line : "the end\n");
    }
}

static void say(const struct client *client, const char *line)
{
    bide_stream_printf(client->stream, "%s\n", line);
    bide_stream_drain(client->stream);
}

/* Ann talks until the server has had enough of the one who does not listen. */
static void flood(const struct client *clients, int n)
{
    char block[1000] = {0}, *line;
    memset(block, 'z', sizeof block - 1);
    for (bool dropped = false; !dropped;) {
        say(&clients[0], block);
        for (int i = 0; i < n; i++) {
            do {
                if (bide_stream_read_line(clients[i].stream, &line) <= 0) return;
                if (line[0] == '*') printf("%s sees  %s", clients[i].name, line);
                dropped = dropped || line[0] == '*';
            } while (line[0] == '*');
        }
    }
}

static int demonstrate(int port)
{
    struct client clients[3] = {{"ann", NULL}, {"bob", NULL}, {"cem", NULL}};
    for (int i = 0; i < 3; i++) {
        clients[i].stream = enter(port, clients[i].name);
        if (!clients[i].stream) return -errno;
        show(clients, i + 1);
    }
    say(&clients[1], "hello, all");
    show(clients, 3);
    struct bide_stream *slow = enter(port, "dan");
    show(clients, 3);
    flood(clients, 3);
    bide_stream_close(slow);
    bide_stream_close(clients[2].stream);
    show(clients, 2);
    bide_stream_close(clients[0].stream);
    bide_stream_close(clients[1].stream);
    return 0;
}

static int run(void *arg)
{
    static const int end_signals[] = {SIGINT, SIGTERM};
    char **argv = arg;
    struct bide_server *server =
        bide_start_server("127.0.0.1", argv[1] ? atoi(argv[1]) : 0, join, NULL, NULL);
    if (!server) return -errno;
    if (argv[1]) printf("listening on 127.0.0.1:%d\n", bide_server_port(server));
    fflush(stdout);
    int code = argv[1] ? bide_signal_wait(end_signals, 2) : demonstrate(bide_server_port(server));
    bide_server_close(server, argv[1] ? 0 : 1); /* see write_lines */
    return code;
}

int main(int argc, char **argv)
{
    sigset_t set;
    (void)argc;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL); /* one that comes before the first wait is kept for it */
    int code = bide_run(run, argv);
    if (code < 0) fprintf(stderr, "chat: %s\n", bide_error_text(code));
    return code < 0;
}
