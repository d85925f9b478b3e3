/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tradesup reload`: the supervisor reads its file again; this waits until all that
 * follows from it is done.
 */
#include "supervisor/ctl/ctl.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "supervisor/ctl/changes.h"
#include "supervisor/ctl/json.h"

int
ctl_reload(const struct ctl *ctl)
{
	struct changes changes = { .ctl = ctl };
	struct json json = { .out = stdout };
	struct record request;
	int status;

	record_init(&request, "reload");
	status = ctl_request(ctl, &request, CTL_PATIENT, changes_on_row, &changes);
	if (ctl_wants_json(ctl)) {
		json_open(&json, NULL, '{');
		json_text(&json, "row", "end");
		json_bool(&json, "ok", status == EXIT_OK);
		json_close(&json, '}');
		json_end(&json);
	} else if (status == EXIT_OK) {
		printf("%s: reloaded, %zu change%s\n",
		    changes.config ? changes.config : "-", changes.n,
		    changes.n == 1 ? "" : "s");
	}
	free(changes.config);
	return status;
}
