/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the supervisor's control socket, without waiting: one request,
 * its rows as they come. What can be asked is in supervisor/control.h.
 */
#pragma once

#include <stddef.h>

#define FOLLOW_ROW_MAX 65536 /* a longer row ends the exchange */

struct follow {
	int fd;	      /* -1 when closed */
	char *buffer; /* FOLLOW_ROW_MAX bytes */
	size_t used;
};

/** follow_on_row - gets each line, without its end; it may be modified. */
typedef void (*follow_on_row)(char *line, void *data);

/** follow_open() - connect and ask; what was open is closed. @request: a line, with its
 * end. Return: 0, -errno. */
int follow_open(struct follow *follow, const char *path, const char *request);

/** follow_read() - what has come. Return: 0; -EPIPE: that was the end; -errno. After a
 * failure it is closed. */
int follow_read(struct follow *follow, follow_on_row on_row, void *data);

/** follow_close() - fine on a closed one. */
void follow_close(struct follow *follow);
