/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of tradesup-web: what was last heard, and who listens.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "worker/client/tradesup.h"
#include "worker/web/guard.h"
#include "worker/web/history.h"
#include "worker/web/rows.h"
#include "worker/web/source.h"
#include "worker/web/streams.h"
#include "worker/web/tally.h"

struct http;

struct web_options {
	const char *listen;  /* "ADDRESS:PORT" or "unix:PATH" */
	const char *control; /* the control socket */
	struct guard guard;
	int64_t interval_ns;
};

struct web {
	struct web_options options;
	struct event_base *base;
	struct tradesup *link;
	struct source *source;
	struct streams *streams;
	struct http *http;
	struct tally tally;
	struct rows rows; /* of the last look; none when it was not answered */
	struct history history;
	bool is_up;
	char started[40]; /* time of day, as events tell it: what is older is not
			     counted */
	int64_t looks;
};
