/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of tradesup-web: what was last heard, and who listens.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/secret.h"
#include "worker/client/tradesup.h"
#include "worker/web/changes.h"
#include "worker/web/guard.h"
#include "worker/web/recent.h"
#include "worker/web/rows.h"
#include "worker/web/source.h"
#include "worker/web/streams.h"
#include "worker/web/tally.h"

struct http;

struct web_options {
	const char *listen;	/* "ADDRESS:PORT" or "unix:PATH" */
	const char *control;	/* the control socket */
	const char *token_file; /* NULL: nothing can be changed */
	struct guard guard;
	int64_t interval_ns;
};

struct web {
	struct web_options options;
	struct event_base *base;
	struct tradesup *link;
	struct source *source;
	struct secret token;
	struct changes *changes; /* NULL: nothing can be changed */
	struct streams *streams;
	struct http *http;
	struct tally tally;
	struct rows rows; /* of the last look; none when it was not answered */
	struct recent recent;
	bool is_up;
	char started[40]; /* time of day, as events tell it: what is older is not
			     counted */
	int64_t looks;
};

/** web_report() - how everything is, as JSON. */
void web_report(FILE *out, const struct web *web);
