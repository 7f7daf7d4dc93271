/* SPDX-License-Identifier: MIT */
/*
 * A client with 10,000 connections at once, which calls what blocks: a third is reset, a third half
 * closed. It compares all that comes back. Its calls have a time limit, so that a failure is told.
 */
#ifndef CROWD_H
#define CROWD_H

#include <netinet/in.h>

enum { WANTED = 10000, ROUNDS = 3, ROUND = 200, TOTAL = ROUNDS * ROUND };
enum fate { RESET, HALF_CLOSED, STAYS, FATES }; /* connection i has fate i % FATES */

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

#endif
