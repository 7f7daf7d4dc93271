/* SPDX-License-Identifier: MIT */
/*
 * proxy [PAIRS]: one gigabyte through examples/tcp_proxy and through socat, in turns: how many bytes per
 * second, and the proxy's CPU time. The proxy is bound to the first processor, those who send and receive
 * to the second. Without socat there is no baseline.
 */
#include "server_process.h"

#include <libgen.h>
#include <signal.h>

enum { BLOCK = 64 * 1024 };

struct outcome {
    double rate; /* megabytes per second */
    double cpu;  /* milliseconds of the proxy for each gigabyte */
};

static char block[BLOCK];

/* ---- the two ends ---- */

/* The server behind the proxy: takes all there is, then closes. */
static void receive(const struct server_job *job)
{
    pin_to(1);
    const int fd = accept(job->listener, NULL, NULL);
    must(fd >= 0, "accept");
    long long sum = 0;
    ssize_t n;
    while ((n = read(fd, block, sizeof block)) > 0) sum += n;
    must(n == 0 && write(job->out, &sum, sizeof sum) == sizeof sum, "read");
}

/* Nanoseconds from the first byte until the other side has closed. */
static double send_through(int port, long long bytes)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0, "connect");
    const double start = wall_ns();
    for (long long left = bytes; left > 0; left -= BLOCK) must(write(fd, block, BLOCK) == BLOCK, "write");
    must(shutdown(fd, SHUT_WR) == 0 && read(fd, block, 1) == 0, "the end");
    const double ns = wall_ns() - start;
    close(fd);
    return ns;
}

/* ---- the proxies ---- */

struct proxy {
    pid_t pid;
    FILE *says; /* standard output and error */
    int port;
};

/* Both say where they listen, and more later. */
static struct proxy start_proxy(char **command)
{
    struct proxy proxy;
    char line[256], *colon = NULL;
    int says[2];
    must(pipe(says) == 0, "pipe");
    proxy.pid = fork();
    must(proxy.pid >= 0, "fork");
    if (proxy.pid == 0) {
        pin_to(0);
        must(dup2(says[1], 1) == 1 && dup2(says[1], 2) == 2, "dup2");
        close(says[0]);
        close(says[1]);
        execvp(command[0], command);
        _exit(127);
    }
    close(says[1]);
    proxy.says = fdopen(says[0], "r");
    must(proxy.says, "fdopen");
    while (!colon && fgets(line, sizeof line, proxy.says))
        if (strstr(line, "listening on")) colon = strrchr(line, ':');
    must(colon, command[0]);
    proxy.port = atoi(colon + 1);
    return proxy;
}

/* Its CPU time in milliseconds, user and system. */
static double end_proxy(const struct proxy *proxy)
{
    struct rusage usage;
    kill(proxy->pid, SIGTERM);
    must(wait4(proxy->pid, NULL, 0, &usage) == proxy->pid, "wait4");
    fclose(proxy->says);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static struct outcome run(bool socat)
{
    char bide[512] = "", port[16], target[64];
    char *with_bide[] = {bide, "0", "127.0.0.1", port, NULL};
    char *with_socat[] = {"socat", "-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1", target, NULL};
    const long long bytes = is_quick() ? 64LL << 20 : 1LL << 30;
    struct sockaddr_in address;
    int says[2];
    long long sum;
    must(readlink("/proc/self/exe", bide, sizeof bide - 64) > 0, "readlink");
    strcat(dirname(bide), "/../../examples/tcp_proxy");
    must(pipe(says) == 0, "pipe");
    const struct server_job job = {listen_anywhere(&address), 1, 0, says[1]};
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    snprintf(target, sizeof target, "TCP:127.0.0.1:%d", ntohs(address.sin_port));
    const pid_t receiver = start_server(receive, &job);
    const struct proxy proxy = start_proxy(socat ? with_socat : with_bide);
    const double ns = send_through(proxy.port, bytes);
    const double cpu_ms = end_proxy(&proxy);
    must(read(says[0], &sum, sizeof sum) == sizeof sum && sum == bytes, "all bytes");
    end_server(receiver);
    close(job.listener);
    close(says[0]);
    close(says[1]);
    return (struct outcome){(double)bytes / ns * 1e3, cpu_ms * (double)(1 << 30) / (double)bytes};
}

static void pair(bool has_socat, bool socat_first)
{
    struct outcome socat = {0};
    if (has_socat && socat_first) socat = run(true);
    const struct outcome bide = run(false);
    if (has_socat && !socat_first) socat = run(true);
    report_against("proxy/rate", bide.rate, "MB/s", "socat", socat.rate);
    report_against("proxy/cpu", bide.cpu, "ms/GB", "socat", socat.cpu);
}

int main(int argc, char **argv)
{
    const int pairs = argc > 1 ? atoi(argv[1]) : is_quick() ? 1 : 3;
    const bool has_socat = system("socat -V >/dev/null 2>&1") == 0;
    if (!has_socat) fprintf(stderr, "skipped: there is no socat to compare tcp_proxy with\n");
    pin_to(1);
    for (int i = 0; i < pairs; i++) pair(has_socat, i % 2 == 0);
    return 0;
}
