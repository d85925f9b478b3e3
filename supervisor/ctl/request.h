/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the control socket: one request, its rows, its outcome; see
 * supervisor/control.h. Blocking, each row with a deadline.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/record.h"

#define REQUEST_ROW_MAX 65536 /* a longer row ends the exchange */
#define REQUEST_NO_DEADLINE INT64_C(-1)

struct request {
	int fd;		   /* -1 when closed */
	char *buffer;	   /* REQUEST_ROW_MAX bytes */
	size_t start, end; /* what is read and not yet given out */
};

/** struct request_rows - who gets the rows of an answer; each is borrowed */
struct request_rows {
	void (*call)(const struct record *row, void *data);
	void *data;
};

/** request_open() - connect to a control socket. Return: 0, caller calls
 * request_close(); -errno. */
int request_open(struct request *ret_request, const char *path);

/** request_close() - fine on a closed one. */
void request_close(struct request *request);

/** request_send() - the one request line. Return: 0; -EMSGSIZE; -errno. */
int request_send(struct request *request, const struct record *record);

#define REQUEST_E_OK 1	    /* the supervisor said ok */
#define REQUEST_E_ERROR 2   /* it said error; the row has code= and message= */
#define REQUEST_E_EOF 3	    /* it has ended, or closed this client */
#define REQUEST_E_TIMEOUT 4 /* nothing until the deadline */

/**
 * request_row() - the next row
 * @deadline_ns: monotonic, or REQUEST_NO_DEADLINE
 * @ret_row: borrows from the buffer until the next call
 *
 * Return: 0; REQUEST_E_…; -EBADMSG for what is no row; -errno.
 */
int request_row(struct request *request, int64_t deadline_ns, struct record *ret_row);

/**
 * request_ask() - a whole exchange in silence, for what is shown again and again
 * @path: of the control socket
 * @timeout_ns: for each row
 *
 * Return: 0; REQUEST_E_ERROR with @ret_error, whatever went wrong. Its text comes from
 * elsewhere: clean it before it is shown.
 */
int request_ask(const char *path, const struct record *record, int64_t timeout_ns,
    const struct request_rows *rows, struct error *ret_error);

/** request_error_code() - code= of an error row as an exit status; EXIT_OSERR if it has
 * none that can be one. */
int request_error_code(const struct record *row);
