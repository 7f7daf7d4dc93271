/* SPDX-License-Identifier: MIT */
/*
 * A client with 10,000 connections at once, which calls what blocks: some are reset, some half closed, some
 * never read, some read and write a byte at a time. It compares all that comes back. Its calls have a time
 * limit, so that a failure is told.
 */
#ifndef CROWD_H
#define CROWD_H

#include <netinet/in.h>
#include <sys/types.h>

enum { WANTED = 10000, ROUNDS = 3, ROUND = 200, TOTAL = ROUNDS * ROUND };
/* Connection i has fate i % FATES. Some of those who never read send until nothing more is taken. */
enum fate { RESET, HALF_CLOSED, STAYS, NEVER_READS, BYTE_BY_BYTE, FATES };

/* How many connections there are, once crowd_set_up has run: as many as wanted, or it said why not. */
extern int connections;

/*
 * cmocka's set-up of a group of tests. Raises the limit of descriptors as far as it goes, and gives
 * the process a network of its own if it may have one.
 */
int crowd_set_up(void **state);

struct crowd_report {
    int complete; /* all that was sent came back, and then the end */
    int cut;      /* the server ended it before */
    int wrong;    /* other bytes came, or too many, or none in time */
};

/* Connects to an echo server, has all connections answered, then ends each by its fate. */
struct crowd_report crowd_run(const struct sockaddr_in *server);

/* How many of them are told of in the report as complete or cut, if nothing is wrong. */
int crowd_told(void);

/* The same in another process, whose report is written to the pipe `from`. For the main stack. */
struct crowd_process {
    pid_t pid;
    int from;
};
struct crowd_process crowd_start(const struct sockaddr_in *server);

/* Waits for its end. */
void crowd_end(const struct crowd_process *process);

#endif
