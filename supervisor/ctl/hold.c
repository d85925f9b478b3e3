/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup hold | resume [WORKER…]`: asks the supervisor, or where none answers sets
 * and clears the latches itself: what stops orders must not depend on anything that may
 * be broken.
 */
#include "supervisor/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/latch.h"
#include "common/timestamp.h"
#include "supervisor/ctl/json.h"
#include "supervisor/ctl/place.h"
#include "supervisor/ctl/terminal.h"
#include "supervisor/service.h"

/** struct answer - what is printed for one worker, or for all of them */
struct answer {
	const struct ctl *ctl;
	struct json json;
	const char *list; /* the JSON list that is open: "cleared" or "left" */
	size_t n_rows;
};

static bool
is_resume(const struct ctl *ctl)
{
	return strcmp(ctl->verb->name, "resume") == 0;
}

/* The lists come one after the other, and both are always there. */
static void
open_list(struct answer *answer, const char *name)
{
	if (!answer->list) {
		json_open(&answer->json, "cleared", '[');
		answer->list = "cleared";
	}
	if (strcmp(answer->list, name) != 0) {
		json_close(&answer->json, ']');
		json_open(&answer->json, "left", '[');
		answer->list = "left";
	}
}

static void
print_row(const struct record *row)
{
	const char *worker = record_get(row, "worker"), *rule = record_get(row, "rule"),
		   *reason = record_get(row, "reason");
	_cleanup_free_ char *clean = terminal_clean(reason ? reason : "");

	printf("%s: %s%s%s%s\n", worker ? worker : "all workers", rule ? rule : "?",
	    strcmp(row->event, "left") == 0 ? " still stops orders" : " cleared",
	    clean && *clean ? ": " : "", clean ? clean : "");
}

static void
on_row(const struct record *row, void *data)
{
	struct answer *answer = data;

	if (!row->event ||
	    (strcmp(row->event, "cleared") != 0 && strcmp(row->event, "left") != 0))
		return;
	answer->n_rows++;
	if (!ctl_wants_json(answer->ctl)) {
		print_row(row);
		return;
	}
	open_list(answer, row->event);
	json_open(&answer->json, NULL, '{');
	json_fields(&answer->json, row);
	json_close(&answer->json, '}');
}

/* As rows of the supervisor's, so that they are printed the same. */
static void
on_latches(struct answer *answer, const struct latches *latches, const char *event)
{
	char time[TIMESTAMP_TEXT_MAX], line[4096];
	struct record record;

	for (size_t i = 0; i < latches->n; i++) {
		latch_record(&latches->items[i], event, time, &record);
		record_logfmt(&record, line, sizeof(line));
		if (record_parse(line, &record) == 0)
			on_row(&record, answer);
	}
}

static int
hold_alone(const char *state_dir, const struct latch *latch)
{
	int r = latch_set(state_dir, latch);

	if (r < 0)
		return ctl_fail(
		    EXIT_OSERR, "%s/" LATCH_DIRECTORY ": %s", state_dir, strerror(-r));
	return EXIT_OK;
}

static int
resume_alone(struct answer *answer, const char *state_dir, const char *worker,
    const struct latch *by)
{
	_cleanup_(latches_deinit) struct latches cleared = { 0 }, left = { 0 };
	int r = latch_clear(state_dir, worker, by, &cleared);

	on_latches(answer, &cleared, "cleared");
	if (r == 0 && !worker)
		r = service_store(&(struct service){ .n = 0 }, state_dir);
	if (r == 0)
		r = latch_list(state_dir, worker, &left);
	on_latches(answer, &left, "left");
	if (r < 0)
		return ctl_fail(
		    EXIT_OSERR, "%s/" LATCH_DIRECTORY ": %s", state_dir, strerror(-r));
	return EXIT_OK;
}

/* No supervisor answers: on the state directory itself. */
static int
do_alone(struct answer *answer, const char *worker, const char *reason)
{
	const struct ctl *ctl = answer->ctl;
	_cleanup_free_ char *state_dir = NULL;
	struct latch latch = {
		.uid = getuid(), .time_ns = clock_realtime_ns(), .rule = LATCH_HOLD
	};
	int r = EXIT_OK;

	if (worker)
		r = place_knows(ctl_config_name(ctl), worker);
	if (r == EXIT_OK)
		r = place_state(ctl_config_name(ctl), &state_dir);
	if (r != EXIT_OK)
		return r;
	snprintf(latch.worker, sizeof(latch.worker), "%s", worker ? worker : "");
	snprintf(latch.reason, sizeof(latch.reason), "%s", reason);
	fprintf(stderr, "tradesup: no supervisor answers; done in %s\n", state_dir);
	if (is_resume(ctl))
		return resume_alone(answer, state_dir, worker, &latch);
	return hold_alone(state_dir, &latch);
}

static int
ask(struct answer *answer, const char *worker, const char *reason)
{
	struct record request;
	int r;

	record_init(&request, answer->ctl->verb->name);
	record_text(&request, "worker", worker);
	record_text(&request, "reason", reason);
	r = ctl_request(answer->ctl, &request, CTL_OR_NOT, on_row, answer);
	return r == EXIT_UNAVAILABLE ? do_alone(answer, worker, reason) : r;
}

static void
begin(struct answer *answer, const char *worker)
{
	if (!ctl_wants_json(answer->ctl))
		return;
	json_open(&answer->json, NULL, '{');
	json_text(&answer->json, "worker", worker);
	json_text(&answer->json, "verb", answer->ctl->verb->name);
}

static void
end(struct answer *answer, const char *worker, int status)
{
	if (ctl_wants_json(answer->ctl)) {
		if (is_resume(answer->ctl)) {
			open_list(answer, "left");
			json_close(&answer->json, ']');
		}
		json_bool(&answer->json, "ok", status == EXIT_OK);
		json_close(&answer->json, '}');
		json_end(&answer->json);
	} else if (status == EXIT_OK && !is_resume(answer->ctl)) {
		printf("%s: held\n", worker ? worker : "all workers");
	} else if (status == EXIT_OK && answer->n_rows == 0) {
		printf("%s: nothing stops orders\n", worker ? worker : "all workers");
	}
	fflush(stdout);
}

static int
one(const struct ctl *ctl, const char *worker, const char *reason)
{
	struct answer answer = { .ctl = ctl, .json = { .out = stdout } };
	int status;

	begin(&answer, worker);
	status = ask(&answer, worker, reason);
	end(&answer, worker, status);
	return status;
}

int
ctl_hold(const struct ctl *ctl)
{
	const char *reason = ctl->options.values[OPTION_REASON];
	int first_failure = EXIT_OK;

	if (is_resume(ctl) && (!reason || reason[0] == '\0'))
		return ctl_usage(ctl, "it needs --reason TEXT");
	if (ctl->options.n_operands == 0)
		return one(ctl, NULL, reason ? reason : "");
	for (size_t i = 0; i < ctl->options.n_operands; i++) {
		int status = one(ctl, ctl->options.operands[i], reason ? reason : "");

		if (first_failure == EXIT_OK)
			first_failure = status;
	}
	return first_failure;
}
