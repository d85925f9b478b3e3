/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the program keeps its things: a directory in the state directory whose name no
 * worker can have.
 *
 *	.alerts/memory		what the rules know; see memory.h
 *	.alerts/queue/		messages that wait; see queue.h
 *	.alerts/ack/ALERT	somebody looks after it; taken up within a second
 *	.alerts/lock		held by the one that runs
 */
#pragma once

#include "common/config.h"

struct place {
	char *directory, *memory, *queue, *ack, *lock;
	char *control; /* the supervisor's socket */
};

/** place_init() - nothing is created. Return: 0, -ENOMEM; the caller calls
 * place_deinit() in any case. */
int place_init(struct place *place, const struct config *config);
void place_deinit(struct place *place);
