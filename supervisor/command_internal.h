/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of command.c's table, and what they share; of no concern to anyone else.
 */
#pragma once

#include <stdbool.h>

#include "common/latch.h"
#include "common/record.h"
#include "supervisor/client.h"
#include "supervisor/context.h"

/* command_look.c */
void cmd_status(struct supervisor *, struct client *, const struct record *);
void cmd_why(struct supervisor *, struct client *, const struct record *);
void cmd_events(struct supervisor *, struct client *, const struct record *);
void cmd_logs(struct supervisor *, struct client *, const struct record *);

/* command_change.c */
void cmd_start(struct supervisor *, struct client *, const struct record *);
void cmd_stop(struct supervisor *, struct client *, const struct record *);
void cmd_restart(struct supervisor *, struct client *, const struct record *);
void cmd_add(struct supervisor *, struct client *, const struct record *);
void cmd_remove(struct supervisor *, struct client *, const struct record *);
void cmd_reload(struct supervisor *, struct client *, const struct record *);
void cmd_diff(struct supervisor *, struct client *, const struct record *);
void cmd_signal(struct supervisor *, struct client *, const struct record *);
void cmd_hold(struct supervisor *, struct client *, const struct record *);
void cmd_resume(struct supervisor *, struct client *, const struct record *);
void cmd_fault(struct supervisor *, struct client *, const struct record *);

/** supervisor_phase_name() - "starting", "running", … */
const char *supervisor_phase_name(enum supervisor_phase phase);

/** client_latch() - a row about a latch. @event: the row's name. */
void client_latch(struct client *client, const struct latch *latch, const char *event);

/** client_unknown_worker() - the answer: there is no such worker or group. */
void client_unknown_worker(struct client *client, const char *name);

/** client_may_change() - whether the supervisor takes wishes now; if not, that has been
 * answered. */
bool client_may_change(struct supervisor *supervisor, struct client *client);
