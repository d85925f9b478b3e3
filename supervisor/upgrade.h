/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup upgrade`: the supervisor becomes another program without losing a worker.
 *
 * The new program is first started as a child with a copy of the state, and must say
 * that it can go on from there. Then this one waits until nobody is being started,
 * stopped or made safe, and executes it in its own place: the same process, with the
 * same children and descriptors. Until that exec nothing has been taken apart, so
 * whatever goes wrong before it leaves us as we were.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct client;
struct supervisor;
struct upgrade;

/**
 * upgrade_begin() - for @client, which is answered later, maybe by the next supervisor
 * @program: an absolute path; NULL: the one by which we were executed
 */
void upgrade_begin(
    struct supervisor *supervisor, struct client *client, const char *program);

/** upgrade_has() - whether @pid is the program that is being tried. */
bool upgrade_has(const struct supervisor *supervisor, pid_t pid);

/** upgrade_free() - we are about to exit. Return: NULL. */
struct upgrade *upgrade_free(struct upgrade *upgrade);

/** upgrade_done() - in the next supervisor: tell everybody. @from: whose state it was.
 */
void upgrade_done(struct supervisor *supervisor, const char *from);

/** upgrade_came_back() - the same where the new program could not take over, and we are
 * the old one again. */
void upgrade_came_back(struct supervisor *supervisor, const char *why);
