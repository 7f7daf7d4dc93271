/* SPDX-License-Identifier: MIT */
/* Listening on Unix sockets, whose files may have been left by others, and on sockets that were passed. */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <bide/net.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int name_of(int fd, char *text)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return bide_address_text((struct sockaddr *)&address, len, text, BIDE_ADDRESS_TEXT);
}

/* Somebody connects to host, and the listener gets him. */
static int is_reached(int listener, const char *host)
{
    const int client = bide_connect_to(host, resolver_port(listener), NULL);
    if (client < 0) return client;
    const int server = bide_accept(listener, NULL, NULL);
    CHECK(server >= 0);
    CHECK_INT(bide_close(client), 0);
    return bide_close(server);
}

#define RUN(name)                                                                                            \
    static int run_##name(void *arg);                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int run_##name(void *arg __attribute__((unused)))

/* ---- Unix sockets ---- */

static char directory[] = "/tmp/bide-listen-XXXXXX";
static char name[64];

static const char *path(void)
{
    return name + strlen("unix:");
}

static int make_directory(void **state)
{
    (void)state;
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    if (!mkdtemp(directory)) return -1;
    snprintf(name, sizeof name, "unix:%s/socket", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path());
    return rmdir(directory);
}

RUN(a_path)
{
    char text[BIDE_ADDRESS_TEXT];
    const int fd = bide_listen(name, 0, 0);
    CHECK(fd >= 0);
    CHECK_INT(name_of(fd, text), 0);
    CHECK(strcmp(text, name) == 0);
    CHECK_INT(is_reached(fd, name), 0);
    return bide_close(fd);
}

/* The file stays behind when its server is gone: the next one takes its place. A living server keeps it. */
RUN(a_file_that_was_left)
{
    const int gone = bide_listen(name, 0, 0);
    CHECK(gone >= 0);
    CHECK_INT(bide_listen(name, 0, 0), -EADDRINUSE);
    CHECK(strstr(bide_error_text(-EADDRINUSE), name));
    CHECK_INT(is_reached(gone, name), 0);
    CHECK_INT(bide_close(gone), 0);
    const int next = bide_listen(name, 0, 0);
    CHECK(next >= 0);
    CHECK_INT(is_reached(next, name), 0);
    return bide_close(next);
}

RUN(a_file_that_is_no_socket)
{
    struct stat status;
    const int file = open(path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    close(file);
    CHECK_INT(bide_listen(name, 0, 0), -EADDRINUSE);
    CHECK_INT(lstat(path(), &status), 0);
    CHECK_INT(unlink(path()), 0);
    CHECK_INT(symlink("/nowhere/at/all", path()), 0);
    CHECK_INT(bide_listen(name, 0, 0), -EADDRINUSE);
    CHECK_INT(lstat(path(), &status), 0);
    return 0;
}

RUN(a_file_that_cannot_be_removed)
{
    const int gone = bide_listen(name, 0, 0);
    CHECK_INT(bide_close(gone), 0);
    faults_set(SYS_UNLINK, EACCES, 0, 1);
    CHECK_INT(bide_listen(name, 0, 0), -EADDRINUSE);
    faults_set(SYS_SOCKET, EMFILE, 1, 1); /* it cannot be asked whether somebody listens */
    CHECK_INT(bide_listen(name, 0, 0), -EADDRINUSE);
    faults_clear();
    return 0;
}

RUN(bad_paths)
{
    char much[300] = "unix:";
    CHECK_INT(bide_listen("unix:/no such/socket", 0, 0), -ENOENT);
    CHECK(strstr(bide_error_text(-ENOENT), "unix:/no such/socket"));
    CHECK_INT(bide_listen("unix:", 0, 0), -EINVAL);
    memset(much + 5, 'x', 200);
    CHECK_INT(bide_listen(much, 0, 0), -ENAMETOOLONG);
    CHECK(strstr(bide_error_text(-ENAMETOOLONG), "xxx"));
    return 0;
}

/* ---- passed by systemd ---- */

static int passed(void *arg)
{
    int fds[2] = {-1, -1};
    const char *const *environment = arg;
    char pid[16];
    snprintf(pid, sizeof pid, "%s", environment[0]);
    if (strcmp(pid, "me") == 0) snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", environment[1], 1);
    const int n = bide_listen_fds(fds, 2);
    if (n <= 0) return n;
    if (fds[0] != 3 || !(fcntl(3, F_GETFD) & FD_CLOEXEC) || !(fcntl(3, F_GETFL) & O_NONBLOCK)) return 100;
    const int client = bide_connect_to("127.0.0.1", resolver_port(3), NULL);
    const int server = bide_accept(fds[0], NULL, NULL);
    return client >= 0 && server >= 0 ? n : 101;
}

/* In a process of its own, whose descriptor 3 is a listening socket; cmocka's may go. */
static int run_passed(void *environment)
{
    const int listener = resolver_listen("127.0.0.1", 0);
    if (dup2(listener, 3) != 3 || dup2(listener, 4) != 4) return 99;
    if (listener > 4) close(listener);
    const int code = bide_run(passed, environment);
    return code < 0 ? 50 - code : code;
}

static int passed_with(const char *pid, const char *count)
{
    char err[200];
    const char *environment[] = {pid, count};
    const int status = check_child(run_passed, environment, err, sizeof err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void sockets_that_were_passed(void **state)
{
    (void)state;
    assert_int_equal(passed_with("me", "1"), 1);
    assert_int_equal(passed_with("me", "2"), 2);
    assert_int_equal(passed_with("me", "0"), 0);
    assert_int_equal(passed_with("me", ""), 0);
    assert_int_equal(passed_with("me", "2x"), 0);
    assert_int_equal(passed_with("me", "-1"), 0);
    assert_int_equal(passed_with("me", "99999999999999999999"), 0);
    assert_int_equal(passed_with("1", "1"), 0); /* for another process */
    assert_int_equal(passed_with("", "1"), 0);
}

static int more_than_there_are(void *arg)
{
    int fds[4];
    const char *text;
    char pid[16];
    (void)arg;
    close(3);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    if (bide_listen_fds(fds, 4) != -EBADF) return 1;
    text = bide_error_text(-EBADF);
    return strstr(text, "descriptor 3") ? 0 : 2;
}

static int run_more(void *arg)
{
    for (int fd = 3; fd < 20; fd++) close(fd);
    const int code = open("/dev/null", O_RDONLY); /* 3: the loop's own descriptors come after it */
    return code == 3 ? bide_run(more_than_there_are, arg) : 99;
}

static void a_socket_that_was_not_passed(void **state)
{
    char err[200];
    (void)state;
    const int status = check_child(run_more, NULL, err, sizeof err);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(a_path),
        WITH_DIRECTORY(a_file_that_was_left),
        WITH_DIRECTORY(a_file_that_is_no_socket),
        WITH_DIRECTORY(a_file_that_cannot_be_removed),
        cmocka_unit_test(bad_paths),
        cmocka_unit_test(sockets_that_were_passed),
        cmocka_unit_test(a_socket_that_was_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
