/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup version`.
 */
#include "supervisor/ctl/ctl.h"

#include "common/msg.h"
#include "supervisor/ctl/json.h"

int
ctl_version(const struct ctl *ctl)
{
	struct json json = { .out = stdout };

	if (!ctl_wants_json(ctl)) {
		printf("tradesup %s\n", TRADESUP_VERSION);
		return EXIT_OK;
	}
	json_open(&json, NULL, '{');
	json_text(&json, "version", TRADESUP_VERSION);
	json_int(&json, "protocol", MSG_VERSION);
	json_close(&json, '}');
	json_end(&json);
	return EXIT_OK;
}
