/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that wait to be delivered: one file each in a directory, whole or absent.
 *
 *	TARGET.SEQUENCE		waits
 *	TARGET.SEQUENCE.tried	an attempt was begun, and its end is not known
 *
 * Nothing is lost: a file is synced before the rules forget that the message was owed,
 * and removed after the receiver has taken it. Nothing is doubled without need: the
 * sequence belongs to what was owed, so a message that was queued, but not noted by the
 * rules before a kill, is written anew under the same name, and none is sent before it
 * was noted. One window is left, which no sender can close: the receiver takes the
 * message, and we die before its answer has come and the file is gone. Such a message
 * is sent again, and says so (repeat=yes, an Idempotency-Key and a Message-ID that are
 * the same), since it may also be that the receiver never got it.
 *
 * Bounded: QUEUE_MAX messages. More are refused, and stay owed in the rules.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config_alerts.h"

#define QUEUE_MAX 1000
#define QUEUE_NAME_MAX 128
#define QUEUE_TEXT_MAX 16384 /* of one message */

struct queue_item {
	char target[66];
	uint64_t sequence;
	bool tried;
};

struct queue {
	char *directory;
	struct queue_item *items; /* by target, then sequence */
	size_t n;
};

/** queue_open() - create the directory, list what is there. Return: 0, -errno; the
 * caller calls queue_close() in any case. */
int queue_open(struct queue *queue, const char *directory);

/** queue_list() - the same of one that is there; nothing is created. */
int queue_list(struct queue *queue, const char *directory);
void queue_close(struct queue *queue);

/** queue_put() - write a message, durably; one of that name is replaced. Return: 0;
 * -ENOSPC if the queue is full; -errno. */
int queue_put(struct queue *queue, const char *target, uint64_t sequence,
    const char *text, size_t length);

/** queue_first() - the oldest of a target, NULL if there is none; valid until the next
 * change. */
struct queue_item *queue_first(const struct queue *queue, const char *target);

/** queue_read() - its text, NUL-terminated; caller frees. Return: 0, -errno. */
int queue_read(
    const struct queue *queue, const struct queue_item *item, char **ret_text);

/** queue_mark() - an attempt begins. Return: 0, -errno. */
int queue_mark(struct queue *queue, struct queue_item *item);

/** queue_remove() - it has been taken, or is given up. Return: 0, -errno. */
int queue_remove(struct queue *queue, struct queue_item *item);

/** queue_last_sequence() - the largest of any target; 0 if there is none. */
uint64_t queue_last_sequence(const struct queue *queue);
