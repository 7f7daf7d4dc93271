/* SPDX-License-Identifier: MIT */
/*
 * Several names at once: libc's resolver in threads, each with a deadline of its own. Whoever is
 * late is left behind.
 *
 *     resolver [NAME...]
 */
#include <bide.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>

enum { MOST = 64 };

struct question {
    const char *name;
    char answer[256];
};

/* All addresses of one name, in words. */
static int resolve(void *arg)
{
    struct question *question = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int code = 0;
    size_t used = 0;
    BIDE_TIMEOUT(5.0) code = bide_getaddrinfo(question->name, NULL, &hints, &list);
    if (bide_expired()) return bide_fail(ETIMEDOUT, "no answer for '%s' within 5 s", question->name);
    if (code < 0) return code;
    for (struct addrinfo *info = list; info && used < sizeof question->answer; info = info->ai_next) {
        char number[NI_MAXHOST] = "?";
        bide_getnameinfo(info->ai_addr, info->ai_addrlen, number, sizeof number, NULL, 0,
                         NI_NUMERICHOST | NI_NUMERICSERV); /* numbers only: that asks nobody */
        used += (size_t)snprintf(question->answer + used, sizeof question->answer - used, " %s", number);
    }
    freeaddrinfo(list);
    return 0;
}

static int run(void *arg)
{
    static struct question questions[MOST];
    struct bide_task *tasks[MOST];
    char **name = arg;
    int n = 0;
    for (; name[n] && n < MOST; n++) {
        questions[n].name = name[n];
        tasks[n] = bide_create_task(resolve, &questions[n]);
    }
    for (int i = 0; i < n; i++) {
        int code = bide_await(tasks[i], NULL);
        if (code < 0)
            printf("%s\n", bide_error_text(code));
        else
            printf("%s:%s\n", questions[i].name, questions[i].answer);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char *usual[] = {"localhost", "127.0.0.1", "::1", "two..dots", NULL};
    return bide_run(run, argc > 1 ? argv + 1 : usual) < 0;
}
