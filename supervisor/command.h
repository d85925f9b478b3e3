/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of the control socket, one handler each, in a table. Rows and answers
 * are described in control.h.
 */
#pragma once

#include "common/record.h"

struct client;
struct supervisor;

/** command_run() - carry out one parsed request; the answer goes to @client, now or
 * later. */
void command_run(
    struct supervisor *supervisor, struct client *client, const struct record *request);
