/* SPDX-License-Identifier: MIT */
/*
 * Servers at a Unix socket that follow one another under load. The old one ends gracefully while the new
 * one takes the path: each request that was read is answered, and the path stays the new one's.
 */
#include "ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 12, SERVERS = 8 };
static const double PAUSE = 0.001; /* seconds until what was refused is tried again */

static char directory[] = "/tmp/bide-restart-XXXXXX";
static char host[64]; /* unix:... */

static int make_directory(void **state)
{
    (void)state;
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    if (!mkdtemp(directory)) return -1;
    snprintf(host, sizeof host, "unix:%s/socket", directory);
    return 0;
}

/* The last server has removed its file. */
static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

/* ---- the server ---- */

static long requests; /* that were read, by all servers of this process */

/* Answers each line, some after a while: whatever was read is answered, also when the server ends meanwhile. */
static int answer(struct bide_stream *client, void *arg)
{
    char *line;
    ssize_t n;
    (void)arg;
    while ((n = bide_stream_read_line(client, &line)) > 0) {
        requests++;
        BIDE_SHIELD(10) {
            if (requests % 5 == 0) bide_sleep(PAUSE * 2);
            bide_stream_write(client, line, (size_t)n);
            n = bide_stream_drain(client);
        }
        if (n < 0) break;
    }
    return n == -EPIPE || n == -ECONNRESET ? 0 : (int)n;
}

/* As soon as the old one does not listen any more. */
static struct bide_server *start_next(void)
{
    struct bide_server *server = NULL;
    int code = 0;
    do {
        server = bide_start_server(host, 0, answer, NULL, NULL);
    } while (!server && errno == EADDRINUSE && (code = bide_sleep(PAUSE)) == 0);
    return server;
}

/* ---- clients ---- */

static long answered, retried;
static bool enough;

/* One request until it is answered: 1 if it was, 0 if the connection has ended before. */
static int ask_one(struct bide_stream *stream, int client, long number)
{
    char request[64], *line;
    const int n = snprintf(request, sizeof request, "%d asks %ld\n", client, number);
    ssize_t code = bide_stream_write(stream, request, (size_t)n);
    if (code > 0) code = bide_stream_drain(stream);
    if (code == 0) code = bide_stream_read_line(stream, &line);
    if (code == 0 || code == -EPIPE || code == -ECONNRESET) return 0;
    CHECK_INT(code, n);
    CHECK(strcmp(line, request) == 0);
    return 1;
}

static bool nobody_listens(int error)
{
    return error == ENOENT || error == ECONNREFUSED;
}

/* Asks again and again, until it is enough, and connects anew whenever the server has gone. */
static int keep_asking(void *arg)
{
    struct bide_stream *stream = NULL;
    for (long number = 0; !enough;) {
        if (!stream && !(stream = bide_open_connection(host, 0))) {
            CHECK(nobody_listens(errno));
            CHECK_INT(bide_sleep(PAUSE), 0);
            continue;
        }
        const int code = ask_one(stream, (int)(intptr_t)arg, number);
        if (code < 0) return code;
        number += code, answered += code;
        if (code == 1) continue;
        retried++;
        bide_stream_abort(stream);
        stream = NULL;
    }
    bide_stream_abort(stream);
    return 0;
}

static void start_clients(struct bide_group *group)
{
    requests = answered = retried = 0;
    enough = false;
    for (int i = 0; i < CLIENTS; i++) bide_group_start(group, keep_asking, (void *)(intptr_t)i);
}

/* Until so many more requests have been answered. */
static int wait_for_answers(long more)
{
    const long goal = answered + more;
    while (answered < goal) CHECK_INT(bide_sleep(PAUSE), 0);
    return 0;
}

/* ---- one loop ---- */

struct old {
    struct bide_server *server;
    double grace;
};

static int close_old(void *arg)
{
    const struct old old = *(const struct old *)arg;
    const int code = bide_server_close(old.server, old.grace);
    return code < 0 ? code : 0;
}

/* The old one closes, at once or with a grace, before, while or after the new one starts. */
static int follow_one_another(struct bide_group *group)
{
    struct bide_server *server = start_next();
    CHECK(server);
    for (int i = 0; i < SERVERS; i++) {
        struct old old = {.server = server, .grace = i % 3 * 0.01};
        CHECK_INT(wait_for_answers(50), 0);
        CHECK(bide_group_start(group, close_old, &old));
        for (int k = 0; k < i % 3; k++) CHECK_INT(bide_yield(), 0);
        CHECK((server = start_next()));
    }
    CHECK_INT(wait_for_answers(50), 0);
    enough = true;
    CHECK(bide_server_close(server, 10) >= 0);
    return 0;
}

TASK(in_one_loop)
{
    struct bide_group group;
    int code = 0;
    BIDE_GROUP(group) {
        start_clients(&group);
        code = follow_one_another(&group);
        if (code < 0) break;
    }
    CHECK_INT(code, 0);
    CHECK_INT(bide_group_result(&group), 0);
    CHECK(retried > 0);
    CHECK_INT(answered, requests);
    return 0;
}

/* ---- a process each ---- */

/* They are there before the loop is, and wait. A byte has one start, the next one has it end. */
struct process {
    pid_t pid;
    int tell;
    int hear; /* a byte when it listens, and how many requests it has read when it has ended */
};

static struct process processes[SERVERS + 1];

static int serve_until_told(void *arg)
{
    const int *pipes = arg;
    char byte = 'x';
    struct bide_server *server = start_next();
    if (!server) return -errno;
    CHECK_INT(bide_write(pipes[1], &byte, 1), 1);
    CHECK_INT(bide_read(pipes[0], &byte, 1), 1);
    CHECK(bide_server_close(server, byte == 'g' ? 0.01 : 0) >= 0);
    CHECK_INT(bide_write(pipes[1], &requests, sizeof requests), sizeof requests);
    return 0;
}

static void fork_server(struct process *process)
{
    int to[2], from[2];
    char byte;
    assert_int_equal(pipe(to) + pipe(from), 0);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(read(to[0], &byte, 1) != 1 || bide_run(serve_until_told, (int[]){to[0], from[1]}) < 0);
    close(to[0]);
    close(from[1]);
    *process = (struct process){.pid = pid, .tell = to[1], .hear = from[0]};
}

static int tell(const struct process *process, char byte)
{
    CHECK_INT(bide_write(process->tell, &byte, 1), 1);
    return 0;
}

static int hear_start(const struct process *process)
{
    char byte;
    CHECK_INT(bide_read(process->hear, &byte, 1), 1);
    return 0;
}

static int hear_end(const struct process *process, long *read_by_all)
{
    long count;
    CHECK_INT(bide_read(process->hear, &count, sizeof count), sizeof count);
    *read_by_all += count;
    return 0;
}

/* The next one is started before the old one is told to end, or after. */
static int replace_one_another(long *read_by_all)
{
    CHECK_INT(tell(&processes[0], 's'), 0);
    CHECK_INT(hear_start(&processes[0]), 0);
    for (int i = 0; i < SERVERS; i++) {
        const struct process *old = &processes[i], *next = &processes[i + 1];
        const char how = i / 2 % 2 ? 'g' : 'n';
        CHECK_INT(wait_for_answers(50), 0);
        CHECK_INT(i % 2 ? tell(next, 's') : tell(old, how), 0);
        CHECK_INT(i % 2 ? tell(old, how) : tell(next, 's'), 0);
        CHECK_INT(hear_start(next), 0);
        CHECK_INT(hear_end(old, read_by_all), 0);
    }
    CHECK_INT(wait_for_answers(50), 0);
    enough = true;
    CHECK_INT(tell(&processes[SERVERS], 'g'), 0);
    return hear_end(&processes[SERVERS], read_by_all);
}

TASK(talk_to_processes)
{
    struct bide_group group;
    long read_by_all = 0;
    int code = 0;
    BIDE_GROUP(group) {
        start_clients(&group);
        code = replace_one_another(&read_by_all);
        if (code < 0) break;
    }
    CHECK_INT(code, 0);
    CHECK_INT(bide_group_result(&group), 0);
    CHECK(retried > 0);
    CHECK_INT(answered, read_by_all);
    return 0;
}

static void in_processes(void **state)
{
    (void)state;
    requests = 0; /* of theirs, too */
    for (int i = 0; i <= SERVERS; i++) fork_server(&processes[i]);
    assert_int_equal(check_run_with(&on_real_time, talk_to_processes, NULL), 0);
    for (int i = 0; i <= SERVERS; i++) {
        int status = -1;
        close(processes[i].tell);
        close(processes[i].hear);
        assert_int_equal(waitpid(processes[i].pid, &status, 0), processes[i].pid);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    static struct in_loop one_loop = {in_one_loop, &on_virtual_time};
    const struct CMUnitTest tests[] = {
        {"in_one_loop", run_in_loop, make_directory, remove_directory, &one_loop},
        cmocka_unit_test_setup_teardown(in_processes, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
