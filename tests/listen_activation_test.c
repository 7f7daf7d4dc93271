/* SPDX-License-Identifier: MIT */
/*
 * Socket activation: a parent that listens, and servers to which it passes its sockets, one process after
 * the other. The server is the example stream_echo, with one worker and with several.
 */
#include "ends.h"
#include "example.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 40, FIRST = 3, PASSED_MOST = 2, OUT_OF_THE_WAY = 100 };

static char path[PATH_MAX]; /* of the example */

struct passed {
    int fds[PASSED_MOST];
    int n;
    const char *pid; /* NULL: the right one */
};

/* In the child: the sockets are descriptors 3 and on, as systemd leaves them, and there are no others. */
static void pass(void *arg)
{
    const struct passed *passed = arg;
    char number[16];
    int fds[PASSED_MOST];
    for (int i = 0; i < passed->n; i++) fds[i] = fcntl(passed->fds[i], F_DUPFD, OUT_OF_THE_WAY);
    for (int i = 0; i < passed->n; i++) dup2(fds[i], FIRST + i);
    for (int fd = FIRST + passed->n; fd < OUT_OF_THE_WAY + 10; fd++) close(fd);
    snprintf(number, sizeof number, "%d", passed->n);
    setenv("LISTEN_FDS", number, 1);
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("LISTEN_PID", passed->pid ? passed->pid : number, 1);
}

static void start(struct example *server, struct passed *passed, const char *workers)
{
    example_start(server, "exec $EMULATOR \"$0\" 0 \"$1\"", path, workers, pass, passed);
}

/* It ends with 0, and says how many bytes it has echoed, nothing else. */
static void stop(struct example *server, int bytes)
{
    char expected[64];
    snprintf(expected, sizeof expected, "\n%d bytes echoed\n", bytes);
    const int status = example_stop(server);
    if (!strstr(server->text, expected)) fail_msg("expected \"%s\" in: %s", expected, server->text);
    assert_int_equal(strlen(strchr(server->text, '\n')), strlen(expected));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- clients ---- */

static int call(const void *address, socklen_t len)
{
    const int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, address, len), 0);
    assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
    return fd;
}

static void hear(int fd)
{
    char answer[6] = "";
    assert_int_equal(recv(fd, answer, 5, MSG_WAITALL), 5);
    assert_string_equal(answer, "hello");
    assert_int_equal(close(fd), 0);
}

/* Many at once. Returns how many bytes. */
static int talk(const void *address, socklen_t len)
{
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) fds[i] = call(address, len);
    for (int i = 0; i < CLIENTS; i++) hear(fds[i]);
    return 5 * CLIENTS;
}

/* ---- a parent of our own ---- */

static char directory[] = "/tmp/bide-activate-XXXXXX";
static struct sockaddr_un local = {.sun_family = AF_UNIX};

static int set_up(void **state)
{
    (void)state;
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    if (!mkdtemp(directory)) return -1;
    snprintf(local.sun_path, sizeof local.sun_path, "%s/socket", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(local.sun_path);
    return rmdir(directory);
}

/* Whoever comes while no server runs, or has not been accepted by the last one, is served by the next. */
static void one_server_after_the_other(void **state)
{
    struct sockaddr_in address;
    struct example server;
    struct passed passed = {.n = 1};
    (void)state;
    example_need("stream_echo", path, sizeof path);
    passed.fds[0] = open_listener(&address, CLIENTS);
    int early = call(&address, sizeof address);
    for (int round = 0; round < 2; round++) {
        start(&server, &passed, "1");
        hear(early);
        const int bytes = 5 + talk(&address, sizeof address);
        stop(&server, bytes);
        early = call(&address, sizeof address);
    }
    close(early);
    close(passed.fds[0]);
}

/* All of them serve both sockets. The file of the Unix socket is the parent's, and stays. */
static void several_workers(void **state)
{
    struct sockaddr_in address;
    struct example server;
    struct passed passed = {.n = 2};
    char where[64];
    (void)state;
    example_need("stream_echo", path, sizeof path);
    passed.fds[0] = open_listener(&address, CLIENTS);
    passed.fds[1] = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(passed.fds[1], (const struct sockaddr *)&local, sizeof local), 0);
    assert_int_equal(listen(passed.fds[1], CLIENTS), 0);
    for (int round = 0; round < 2; round++) {
        start(&server, &passed, "4");
        const int bytes = talk(&address, sizeof address) + talk(&local, sizeof local);
        snprintf(where, sizeof where, "listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
        assert_non_null(example_hear(&server, where));
        stop(&server, bytes);
    }
    struct stat status;
    assert_int_equal(lstat(local.sun_path, &status), 0);
    close(passed.fds[0]);
    close(passed.fds[1]);
}

/* What was passed to another process, such as our parent, is not ours. */
static void sockets_of_another_process(void **state)
{
    struct sockaddr_in address;
    struct example server;
    struct passed passed = {.n = 1, .pid = "1"};
    (void)state;
    example_need("stream_echo", path, sizeof path);
    passed.fds[0] = open_listener(&address, CLIENTS);
    start(&server, &passed, "1");
    const char *port = example_hear(&server, "listening on 127.0.0.1:");
    assert_non_null(example_hear(&server, "\n"));
    assert_true(atoi(port) > 0 && atoi(port) != ntohs(address.sin_port));
    address.sin_port = htons((uint16_t)atoi(port));
    stop(&server, talk(&address, sizeof address));
    close(passed.fds[0]);
}

/* It is told in words, and nothing is served. */
static void what_does_not_listen(void **state)
{
    struct sockaddr_in address;
    struct example server;
    struct passed passed = {.n = 2};
    (void)state;
    example_need("stream_echo", path, sizeof path);
    passed.fds[0] = open_listener(&address, 1);
    passed.fds[1] = open("/dev/null", O_RDONLY);
    start(&server, &passed, "4");
    const int status = example_end(&server);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_string_equal(server.text, "stream_echo: descriptor 4 does not listen\n");
    close(passed.fds[0]);
    close(passed.fds[1]);
}

/* ---- systemd's ---- */

static void by_systemd(void **state)
{
    struct example server;
    char where[160];
    (void)state;
    example_need("stream_echo", path, sizeof path);
    if (system("command -v systemd-socket-activate >/dev/null") != 0)
        check_skip("there is no systemd-socket-activate");
    if (check_emulated()) check_skip("it starts no emulator");
    example_start(&server, "exec systemd-socket-activate -l \"$1\" \"$0\" 0 3", path, local.sun_path, NULL,
                  NULL);
    assert_non_null(example_hear(&server, "Listening on "));
    assert_non_null(example_hear(&server, "as 3."));
    const int bytes = talk(&local, sizeof local); /* the first of them starts the server */
    snprintf(where, sizeof where, "listening on unix:%s\n", local.sun_path);
    assert_non_null(example_hear(&server, where));
    assert_int_equal(example_stop(&server), 0);
    snprintf(where, sizeof where, "\n%d bytes echoed\n", bytes);
    assert_non_null(strstr(server.text, where));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_server_after_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_workers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sockets_of_another_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_listen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(by_systemd, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
