/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request whose answer may go on for ever: how many past lines, whether to follow,
 * and each row written out at once when somebody is watching.
 */
#include "supervisor/ctl/stream.h"

#define LINES_DEFAULT 50
#define LINES_MAX 100000

static void
on_row(const struct record *row, void *data)
{
	const struct ctl_stream *stream = data;

	if (ctl_wants_json(stream->ctl))
		stream->print_json(row);
	else
		stream->print_line(row);
	if (options_has(&stream->ctl->options, OPTION_FOLLOW))
		fflush(stdout);
}

int
ctl_stream(const struct ctl_stream *stream)
{
	const struct ctl *ctl = stream->ctl;
	bool follow = options_has(&ctl->options, OPTION_FOLLOW);
	struct record request;
	struct error error;
	long lines;

	/* Who says from when on wants all of it. */
	if (options_number(&ctl->options, OPTION_LINES, LINES_MAX,
		stream->since ? LINES_MAX : LINES_DEFAULT, &lines, &error) != 0)
		return ctl_usage(ctl, "%s", error.text);
	record_init(&request, ctl->verb->name);
	record_int(&request, "lines", lines);
	record_bool(&request, "follow", follow);
	record_text(&request, "worker", stream->worker);
	record_text(&request, "match", stream->match);
	record_text(&request, "since", stream->since);
	return ctl_request(
	    ctl, &request, follow ? CTL_STREAM : 0, on_row, (void *)stream);
}
