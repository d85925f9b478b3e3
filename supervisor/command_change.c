/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that change something: wishes to the tree, latches, drills. Whether a
 * wish may be granted is the tree's decision.
 */
#include "supervisor/command_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/link.h"
#include "common/signals.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/child_link.h"
#include "supervisor/fragment.h"
#include "supervisor/holds.h"
#include "supervisor/reload.h"
#include "supervisor/upgrade.h"

/* start, stop, restart */

static void
unknown_group(struct client *client, const char *name)
{
	client_error(client, EXIT_USAGE, "%s: no such group", name);
}

/* worker=NAME may be either, group=NAME only a group. NULL: it has been refused. */
static struct node *
node_asked_about(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *group = record_get(request, "group");
	const char *name = group ? group : record_get(request, "worker");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;

	if (node && (!group || node_is_group(node)))
		return node;
	if (group)
		unknown_group(client, group);
	else
		client_unknown_worker(client, name ? name : "");
	return NULL;
}

/* How long it stays down is not its healing's fault. */
static void
forget_outage(struct node *node)
{
	struct node *below;

	if (!node_is_group(node)) {
		struct child *child = (struct child *)node;

		aftermath_stopped(child->supervisor->aftermath, child_name(child));
		return;
	}
	TAILQ_FOREACH(below, &node_group(node)->children, sibling)
		forget_outage(below);
}

static void
ask_tree(struct supervisor *supervisor, struct client *client,
    const struct record *request, enum plan_request kind)
{
	struct node *node = node_asked_about(supervisor, client, request);
	struct tree_request *wish;

	if (!node)
		return;
	if (!client_may_change(supervisor, client))
		return;
	if (kind != PLAN_REQUEST_START)
		forget_outage(node);
	wish = client_expect(client);
	if (!wish)
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
	else
		tree_ask(&supervisor->tree, wish, node, kind);
}

void
cmd_start(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_START);
}

void
cmd_stop(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_STOP);
}

void
cmd_remove(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_REMOVE);
}

void
cmd_restart(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_RESTART);
}

/* add */

/* The first error of a fragment is the answer; a file of one section seldom has more.
 */
struct fragment_errors {
	char *first;
};

static void
on_fragment_error(const char *message, void *data)
{
	struct fragment_errors *errors = data;

	if (!errors->first)
		errors->first = strdup(message);
}

static struct node *
group_to_add_to(struct supervisor *supervisor, const struct record *request)
{
	const char *name = record_get(request, "group");

	return name ? tree_find(&supervisor->tree, name) : &supervisor->tree.root->node;
}

void
cmd_add(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *file = record_get(request, "file");
	struct node *group = group_to_add_to(supervisor, request);
	struct fragment_errors errors = { NULL };
	const struct config_node *config;
	struct tree_request *wish;
	int r;

	if (!group || !node_is_group(group)) {
		unknown_group(client, record_get(request, "group"));
		return;
	}
	if (!client_may_change(supervisor, client))
		return;
	r = fragment_load(supervisor,
	    &(struct fragment_request){ .path = file ? file : "",
		.around = group->config->group.auto_shutdown },
	    on_fragment_error, &errors, &config);
	if (r != 0) {
		client_error(client, r == FRAGMENT_E_BAD ? EXIT_CONFIG : EXIT_OSERR,
		    "%s", errors.first ? errors.first : strerror(ENOMEM));
		free(errors.first);
		return;
	}
	wish = client_expect(client);
	if (!wish) {
		fragment_unused(supervisor, config);
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
		return;
	}
	tree_add(&supervisor->tree, wish, node_group(group), config);
	supervisor_sweep_soon(supervisor);
}

/* reload, diff */

void
cmd_reload(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	(void)request;
	if (client_may_change(supervisor, client))
		reload_by_request(supervisor, client);
}

void
cmd_upgrade(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	if (client_may_change(supervisor, client))
		upgrade_begin(supervisor, client, record_get(request, "program"));
}

void
cmd_diff(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *file = record_get(request, "file");

	if (client_may_change(supervisor, client))
		reload_show(supervisor, client, file ? file : "");
}

/* signal */

/* Told before it is sent: what follows from it comes after it in the log. */
static void
log_signal(struct supervisor *supervisor, const struct client *client,
    const struct child *child, int number)
{
	char name[SIGNALS_TEXT_MAX];
	struct record record;

	record_init(&record, "worker.signal");
	record_text(&record, "worker", child_name(child));
	record_int(&record, "pid", child->process.pid);
	record_text(&record, "signal", signals_name(number, name));
	record_int(&record, "uid", client_uid(client));
	event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
}

/* Nothing is noted with the worker: if this ends it, it has ended by itself. */
void
cmd_signal(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *name = record_get(request, "worker"),
		   *text = record_get(request, "signal");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;
	const struct child *child = (struct child *)node;
	int number, r;

	if (!node || node_is_group(node)) {
		client_error(
		    client, EXIT_USAGE, "%s: no such worker", name ? name : "");
		return;
	}
	if (!text || signals_parse(text, &number) < 0) {
		client_error(
		    client, EXIT_USAGE, "%s: no such signal", text ? text : "");
		return;
	}
	if (!child_is_alive(child)) {
		client_error(client, EXIT_UNAVAILABLE, "%s is not running", name);
		return;
	}
	log_signal(supervisor, client, child, number);
	r = spawn_signal(child->process.pidfd, number);
	if (r < 0)
		client_error(client, EXIT_OSERR, "%s: %s", name, strerror(-r));
	else
		client_ok(client);
}

/* hold, resume */

/* Worker, reason and who asks. Return: false: it has been answered. */
static bool
read_latch(struct supervisor *supervisor, struct client *client,
    const struct record *request, struct latch *ret_latch)
{
	const char *worker = record_get(request, "worker"),
		   *reason = record_get(request, "reason");
	struct node *node = worker ? tree_find(&supervisor->tree, worker) : NULL;

	if (worker && (!node || node_is_group(node))) {
		client_error(client, EXIT_USAGE, "%s: no such worker", worker);
		return false;
	}
	*ret_latch =
	    (struct latch){ .uid = client_uid(client), .time_ns = clock_realtime_ns() };
	snprintf(
	    ret_latch->worker, sizeof(ret_latch->worker), "%s", worker ? worker : "");
	snprintf(ret_latch->rule, sizeof(ret_latch->rule), LATCH_HOLD);
	snprintf(
	    ret_latch->reason, sizeof(ret_latch->reason), "%s", reason ? reason : "");
	return true;
}

void
cmd_hold(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct latch latch;
	int r;

	if (!read_latch(supervisor, client, request, &latch))
		return;
	r = holds_set(supervisor, "supervisor.hold", &latch);
	if (r < 0)
		client_error(client, EXIT_OSERR, "the latch: %s", strerror(-r));
	else
		client_ok(client);
}

void
cmd_resume(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	_cleanup_(latches_deinit) struct latches cleared = { 0 }, left = { 0 };
	const char *worker = record_get(request, "worker");
	struct latch by;
	int r;

	if (!read_latch(supervisor, client, request, &by))
		return;
	if (by.reason[0] == '\0') {
		client_error(client, EXIT_USAGE, "a reason is needed");
		return;
	}
	r = holds_clear(supervisor, worker, &by, &cleared);
	for (size_t i = 0; i < cleared.n; i++)
		client_latch(client, &cleared.items[i], "cleared");
	if (r == 0)
		r = latch_list(supervisor->state_dir, worker, &left);
	for (size_t i = 0; i < left.n; i++)
		client_latch(client, &left.items[i], "left");
	if (r < 0)
		client_error(
		    client, EXIT_OSERR, "not every latch is clear: %s", strerror(-r));
	else
		client_ok(client);
}

/* fault */

void
cmd_fault(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *name = record_get(request, "worker"),
		   *kind = record_get(request, "kind");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;
	struct msg fault = { .type = MSG_FAULT };
	int r;

	if (!node || node_is_group(node)) {
		client_unknown_worker(client, name ? name : "");
		return;
	}
	if (!kind || fault_kind_parse(kind, &fault.fault.kind) < 0) {
		client_error(
		    client, EXIT_USAGE, "%s: no such kind of fault", kind ? kind : "");
		return;
	}
	r = child_send((struct child *)node, &fault);
	if (r != 0)
		client_error(
		    client, EXIT_UNAVAILABLE, "%s does not take messages now", name);
	else
		client_ok(client);
}
