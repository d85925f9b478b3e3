/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup add [--group GROUP] FILE`: one more worker or group. The supervisor reads
 * the file, so its name is made absolute here.
 */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "supervisor/ctl/json.h"

static void
ignore_row(const struct record *row, void *data)
{
	(void)row;
	(void)data;
}

int
ctl_add(const struct ctl *ctl)
{
	const char *file = ctl->options.operands[0];
	_cleanup_free_ char *path = realpath(file, NULL);
	struct json json = { .out = stdout };
	struct record request;
	int status;

	if (!path)
		return ctl_fail(EXIT_CONFIG, "%s: %s", file, strerror(errno));
	record_init(&request, "add");
	record_text(&request, "file", path);
	record_text(&request, "group", ctl->options.values[OPTION_GROUP]);
	status = ctl_request(ctl, &request, CTL_PATIENT, ignore_row, NULL);
	if (ctl_wants_json(ctl)) {
		json_open(&json, NULL, '{');
		json_text(&json, "file", path);
		json_text(&json, "verb", "add");
		json_bool(&json, "ok", status == EXIT_OK);
		json_close(&json, '}');
		json_end(&json);
	} else if (status == EXIT_OK) {
		printf("%s: added\n", file);
	}
	return status;
}
