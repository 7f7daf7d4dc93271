/* SPDX-License-Identifier: MIT */
/*
 * Finds open ports of 127.0.0.1, a hundred connects at a time. Three listeners of its own, which
 * it opens first, are among them.
 */
#include <arpa/inet.h>
#include <bide.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { LISTENERS = 3, AT_A_TIME = 100, RANGE = 1000 };

struct scan {
    uint16_t first;  /* of the ports to try */
    int next, tried; /* of RANGE: the next one, and how many have been */
    bool open[RANGE];
};

static int try_port(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0), code = fd;
    if (fd < 0) return fd;
    BIDE_TIMEOUT(1.0) {
        code = bide_connect(fd, (struct sockaddr *)&address, sizeof address);
    }
    bide_close(fd);
    return code;
}

/* One of a hundred that share the work: it takes the next port until none is left. */
static int scan_some(void *arg)
{
    struct scan *scan = arg;
    while (scan->next < RANGE) {
        int i = scan->next++;
        int code = try_port((uint16_t)(scan->first + i));
        if (code == -ECANCELED || code == -EMFILE) return code;
        scan->open[i] = code == 0;
        scan->tried++;
    }
    return 0;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = bide_socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) return fd;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0) return fd;
    int code = bide_fail(errno, "cannot listen on port %d", port);
    bide_close(fd);
    return code;
}

static int run(void *arg)
{
    static struct scan scan;
    struct bide_call calls[AT_A_TIME];
    int listeners[LISTENERS], open = 0, found = 0;
    (void)arg;
    scan.first = 20000;
    for (uint16_t port = 20100; open < LISTENERS && port < 20900; port = (uint16_t)(port + 100)) {
        int fd = listen_on(port);
        if (fd >= 0) listeners[open++] = fd; /* another program may have that one */
    }
    for (int i = 0; i < AT_A_TIME; i++) calls[i] = (struct bide_call){scan_some, &scan};
    int code = bide_gather(calls, AT_A_TIME, NULL);
    for (int i = 0; i < open; i++) bide_close(listeners[i]);
    for (int i = 0; i < RANGE; i++) {
        if (!scan.open[i]) continue;
        printf("open: %d\n", scan.first + i);
        found++;
    }
    printf("%d ports tried, %d at a time, %s\n", scan.tried, AT_A_TIME,
           found >= open ? "all of ours found" : "one of ours missed");
    return code;
}

int main(void)
{
    int code = bide_run(run, NULL);
    if (code < 0) fprintf(stderr, "port_scan: %s\n", bide_error_text(code));
    return code < 0;
}
