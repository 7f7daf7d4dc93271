/* SPDX-License-Identifier: MIT */
#include "example.h"

#include "../../src/sanitizer.h"

#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void example_find(const char *name, char *path, size_t size)
{
    char self[PATH_MAX / 2] = "";
    path[0] = '\0';
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) return;
    snprintf(path, size, "%s/../examples/%s", dirname(self), name);
    if (access(path, X_OK) < 0) path[0] = '\0';
}

void example_need(const char *name, char *path, size_t size)
{
    example_find(name, path, size);
    if (!path[0]) check_skip("the example was not built");
}

void example_start(struct example *example, const char *command, const char *path, const char *argument,
                   void (*prepare)(void *arg), void *arg)
{
    int output[2];
    assert_int_equal(pipe(output), 0);
    fflush(NULL);
    *example = (struct example){.pid = fork(), .output = output[0]};
    assert_true(example->pid >= 0);
    if (example->pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        close(output[0]);
        close(output[1]);
        if (prepare) prepare(arg);
        execl("/bin/sh", "sh", "-c", command, path, argument, (char *)NULL);
        _exit(127);
    }
    close(output[1]);
}

/* False at the end. What there is no room for is left out. */
static bool hear_more(struct example *example)
{
    char more[256];
    const size_t used = strlen(example->text);
    const ssize_t n = read(example->output, more, sizeof more);
    if (n <= 0) return false;
    snprintf(example->text + used, sizeof example->text - used, "%.*s", (int)n, more);
    return true;
}

const char *example_hear(struct example *example, const char *words)
{
    const char *found;
    while (!(found = strstr(example->text, words)))
        if (!hear_more(example)) return NULL;
    return found + strlen(words);
}

int example_end(struct example *example)
{
    int status = -1;
    while (hear_more(example)) continue;
    close(example->output);
    assert_int_equal(waitpid(example->pid, &status, 0), example->pid);
    return status;
}

/*
 * The thread sanitizer keeps a signal that comes between two of its calls for the stack that ran, which may
 * never run again: there another one is sent.
 */
int example_stop(struct example *example)
{
    struct pollfd output = {.fd = example->output, .events = POLLIN};
    assert_int_equal(kill(example->pid, SIGTERM), 0);
    for (;;) {
        if (SANITIZER_THREAD && poll(&output, 1, 1000) == 0)
            (void)kill(example->pid, SIGTERM);
        else if (!hear_more(example))
            break;
    }
    return example_end(example);
}
