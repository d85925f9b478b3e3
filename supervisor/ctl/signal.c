/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup signal SIGNAL WORKER…`: one request for each worker. The supervisor sends
 * the signal; a pid that is read here could be another process's by now.
 */
#include "supervisor/ctl/ctl.h"

#include "common/signals.h"
#include "supervisor/ctl/json.h"

static void
ignore_row(const struct record *row, void *data)
{
	(void)row;
	(void)data;
}

static int
send_to(const struct ctl *ctl, const char *signal, const char *worker)
{
	struct json json = { .out = stdout };
	struct record request;
	int status;

	record_init(&request, "signal");
	record_text(&request, "worker", worker);
	record_text(&request, "signal", signal);
	status = ctl_request(ctl, &request, 0, ignore_row, NULL);
	if (ctl_wants_json(ctl)) {
		json_open(&json, NULL, '{');
		json_text(&json, "worker", worker);
		json_text(&json, "verb", "signal");
		json_text(&json, "signal", signal);
		json_bool(&json, "ok", status == EXIT_OK);
		json_close(&json, '}');
		json_end(&json);
	} else if (status == EXIT_OK) {
		printf("%s: SIG%s sent\n", worker, signal);
	}
	fflush(stdout);
	return status;
}

int
ctl_signal(const struct ctl *ctl)
{
	const char *text = ctl->options.operands[0];
	char name[SIGNALS_TEXT_MAX];
	int number, first_failure = EXIT_OK;

	if (signals_parse(text, &number) < 0)
		return ctl_usage(ctl, "'%s' is no signal", text);
	signals_name(number, name);
	for (size_t i = 1; i < ctl->options.n_operands; i++) {
		int status = send_to(ctl, name, ctl->options.operands[i]);

		if (first_failure == EXIT_OK)
			first_failure = status;
	}
	return first_failure;
}
