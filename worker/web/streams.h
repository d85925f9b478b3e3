/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events (html.spec.whatwg.org, 9.2): the clients that follow, and the last
 * events for those who come back. One that does not read is closed, so that it costs a
 * bounded buffer and no more.
 */
#pragma once

#include <event2/http.h>
#include <stdbool.h>
#include <stdint.h>

#define STREAMS_MAX 16
#define STREAMS_KEPT 512		 /* events, for Last-Event-ID */
#define STREAMS_BACKLOG_MAX (512 * 1024) /* bytes that wait for one client */

struct streams;

/** streams_new() - @epoch: a number that another life of this program does not have;
 * ids are EPOCH-NUMBER. NULL: out of memory. */
struct streams *streams_new(int64_t epoch);

/** streams_is_full() - whether STREAMS_MAX follow already. */
bool streams_is_full(const struct streams *streams);

/**
 * streams_open() - answer @request with a stream; it is this module's from now on
 * @status: what to begin with, JSON; NULL: nothing is known yet
 *
 * What was kept after its Last-Event-ID follows, or all of it.
 */
void streams_open(
    struct streams *streams, struct evhttp_request *request, const char *status);

/** streams_event() - to everybody, and kept. @json: one line. */
void streams_event(struct streams *streams, const char *json);

/** streams_status() - to everybody, not kept. */
void streams_status(struct streams *streams, const char *json);

uint64_t streams_count(const struct streams *streams);
uint64_t streams_dropped(const struct streams *streams);

/** streams_free() - closes all. Return: NULL. */
struct streams *streams_free(struct streams *streams);
