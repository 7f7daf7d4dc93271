/* SPDX-License-Identifier: MIT */
/*
 * Three downloads of 2 s, at once and in turn: the order of events, and the time they take.
 *
 *     download [SCALE]    1 plays in real time; 0.1, the default, ten times as fast. The times
 *                         that it prints are those of real time.
 */
#include <bide.h>
#include <stdio.h>
#include <stdlib.h>

static double scale = 0.1;

static int download(void *arg)
{
    int number = *(const int *)arg;
    printf("Starting %d\n", number);
    int code = bide_sleep(2.0 * scale);
    if (code < 0) return code;
    printf("Finished %d\n", number);
    return 0;
}

static int download_at_once(int *numbers)
{
    struct bide_call calls[] = {{download, &numbers[0]}, {download, &numbers[1]}, {download, &numbers[2]}};
    return bide_gather(calls, 3, NULL);
}

static int download_in_turn(int *numbers)
{
    for (int i = 0; i < 3; i++) {
        int code = download(&numbers[i]);
        if (code < 0) return code;
    }
    return 0;
}

static int download_both_ways(void *arg)
{
    int *numbers = arg;
    double start = bide_time();
    int code = download_at_once(numbers);
    if (code < 0) return code;
    printf("[TOTAL ASYNC] took %.2f\n", (bide_time() - start) / scale);

    start = bide_time();
    code = download_in_turn(numbers);
    if (code < 0) return code;
    printf("[TOTAL SYNC] took %.2f\n", (bide_time() - start) / scale);
    return 0;
}

int main(int argc, char **argv)
{
    int numbers[] = {1, 2, 3};
    if (argc > 1) scale = strtod(argv[1], NULL);
    if (!(scale > 0)) {
        fprintf(stderr, "usage: %s [SCALE]\n", argv[0]);
        return 2;
    }
    return bide_run(download_both_ways, numbers) < 0;
}
