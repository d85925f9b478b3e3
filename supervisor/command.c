/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket can be asked. Handlers look and report, or hand a wish to the
 * tree; none of them decides whether it may be granted.
 */
#include "supervisor/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/duration.h"
#include "common/error.h"
#include "common/link.h"
#include "common/timestamp.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/child_link.h"
#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/healing.h"
#include "supervisor/holds.h"
#include "supervisor/reload.h"

#define LINES_DEFAULT 50
#define HELD_MAX 2048

/* status */

static const char *
phase_name(enum supervisor_phase phase)
{
	static const char *const names[] = {
		[SUPERVISOR_STARTING] = "starting",
		[SUPERVISOR_RUNNING] = "running",
		[SUPERVISOR_STOPPING] = "stopping",
		[SUPERVISOR_ENDED] = "ended",
	};

	return names[phase];
}

static void
latch_row(struct client *client, const struct latch *latch, const char *event)
{
	char time[TIMESTAMP_TEXT_MAX];
	struct record row;

	latch_record(latch, event, time, &row);
	client_row(client, &row);
}

static void
status_of_supervisor(struct supervisor *supervisor, struct client *client,
    const struct latches *latches, int64_t now_ns)
{
	char held[HELD_MAX];
	int64_t rss = spawn_rss_bytes(getpid());
	const struct config_group *root = &supervisor->config->root->group;
	struct record row;

	record_init(&row, "supervisor");
	record_int(&row, "pid", getpid());
	record_int(&row, "up_ms", (now_ns - supervisor->started_ns) / NS_PER_MS);
	if (rss >= 0)
		record_int(&row, "memory_bytes", rss);
	record_text(&row, "state",
	    supervisor->reload ? "reloading" : phase_name(supervisor->phase));
	record_int(&row, "restarts", supervisor->restarts);
	record_int(&row, "in_period",
	    (int64_t)intensity_used(&supervisor->tree.root->window, now_ns));
	record_int(&row, "intensity", root->intensity);
	record_int(&row, "period_ms", root->period_ns / NS_PER_MS);
	record_text(&row, "version", TRADESUP_VERSION);
	record_text(&row, "config", supervisor->config->path);
	record_text(&row, "state_dir", supervisor->state_dir);
	if (latches->n > 0) {
		latches_text(latches, held, sizeof(held));
		record_text(&row, "held", held);
	}
	client_row(client, &row);
	for (size_t i = 0; i < latches->n; i++)
		latch_row(client, &latches->items[i], "latch");
}

static const char *
state_of(const struct child *child)
{
	if (child->make_safe)
		return "making_safe";
	if (child->node.state == NODE_UP && child->doom != DOOM_NONE)
		return "restarting";
	if (child->node.state == NODE_UP && !child->seen.ready &&
	    (child->seen.speaks || child->seen.awaited))
		return "starting";
	return node_state_name(child->node.state);
}

static void
status_of_life(struct record *row, const struct child *child, int64_t now_ns)
{
	int64_t rss = spawn_rss_bytes(child->process.pid);

	record_int(row, "pid", child->process.pid);
	record_int(row, "up_ms", (now_ns - child->seen.started_ns) / NS_PER_MS);
	if (rss >= 0)
		record_int(row, "memory_bytes", rss);
	if (child->cycle >= 0) {
		record_int(row, "cycle", child->cycle);
		record_int(
		    row, "cycle_age_ms", (now_ns - child->seen.advance_ns) / NS_PER_MS);
	}
	record_text(row, "phase", child->phase[0] ? child->phase : NULL);
}

struct status_walk {
	struct client *client;
	const char *only; /* NULL: all */
	const struct latches *latches;
	int64_t now_ns;
	bool with_measures;
};

/* The rule of the latch that stops this worker; NULL: none does. */
static const char *
held_by(const struct latches *latches, const char *worker)
{
	for (size_t i = 0; i < latches->n; i++)
		if (latches->items[i].worker[0] == '\0' ||
		    strcmp(latches->items[i].worker, worker) == 0)
			return latches->items[i].rule;
	return NULL;
}

/* What is of no use to people. */
static void
measures_of_worker(struct record *row, const struct child *child, int64_t now_ns,
    char text[MEASURES_TEXT_MAX])
{
	static const char *const names[] = {
		[RESTART_PERMANENT] = "permanent",
		[RESTART_TRANSIENT] = "transient",
		[RESTART_TEMPORARY] = "temporary",
	};

	record_text(row, "restart", names[child->node.config->restart]);
	if (child_is_alive(child) && child->seen.speaks)
		record_int(row, "heartbeat_age_ms",
		    (now_ns - child->seen.packet_ns) / NS_PER_MS);
	measures_fields(&child->measures, now_ns, row, text);
}

static void
status_of_worker(struct node *node, void *data)
{
	const struct status_walk *walk = data;
	const struct child *child = (struct child *)node;
	char measures[MEASURES_TEXT_MAX];
	struct record row;

	if (walk->only && strcmp(walk->only, child_name(child)) != 0)
		return;
	record_init(&row, "worker");
	record_text(&row, "name", child_name(child));
	record_text(&row, "group", node->parent->node.config->name);
	record_text(&row, "state", state_of(child));
	if (child_is_alive(child))
		status_of_life(&row, child, walk->now_ns);
	record_int(&row, "restarts", child->restarts);
	record_int(&row, "heals", (int64_t)child->heals);
	if (child->failed_cycles > 0)
		record_int(&row, "failed_cycles", child->failed_cycles);
	record_text(&row, "error",
	    node->state == NODE_DOWN && child->start_error[0] ? child->start_error
							      : child->error);
	record_text(&row, "status", child->status);
	if (child->wake_ns != HEARTBEAT_NEVER)
		record_int(
		    &row, "next_ms", (child->wake_ns - walk->now_ns) / NS_PER_MS);
	record_text(&row, "held", held_by(walk->latches, child_name(child)));
	if (walk->with_measures)
		measures_of_worker(&row, child, walk->now_ns, measures);
	client_row(walk->client, &row);
}

static void
unknown_worker(struct client *client, const char *name)
{
	client_error(client, EXIT_USAGE, "%s: no such worker or group", name);
}

/* Return: false: it has been refused. */
static bool
status_rows(struct supervisor *supervisor, struct status_walk *walk)
{
	_cleanup_(latches_deinit) struct latches latches = { 0 };
	int r = latch_list(supervisor->state_dir, NULL, &latches);

	if (r < 0) {
		client_error(walk->client, EXIT_OSERR, "%s", strerror(-r));
		return false;
	}
	walk->latches = &latches;
	status_of_supervisor(supervisor, walk->client, &latches, walk->now_ns);
	tree_each_worker(&supervisor->tree, status_of_worker, walk);
	walk->latches = NULL;
	return true;
}

static void
cmd_status(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct status_walk walk = { .client = client,
		.only = record_get(request, "worker"),
		.now_ns = clock_monotonic_ns() };

	if (walk.only && !tree_find(&supervisor->tree, walk.only))
		unknown_worker(client, walk.only);
	else if (status_rows(supervisor, &walk))
		client_ok(client);
}

/* metrics */

static void
heal_row(const struct healing_row *heal, void *data)
{
	struct record row;

	record_init(&row, "heal");
	record_text(&row, "worker", heal->worker);
	record_int(&row, "level", heal->level);
	record_text(&row, "kind", heal->kind);
	record_int(&row, "tried", (int64_t)heal->tried);
	record_int(&row, "succeeded", (int64_t)heal->succeeded);
	record_int(&row, "failed", (int64_t)heal->failed);
	record_int(&row, "relapsed", (int64_t)heal->relapsed);
	record_int(&row, "pending", (int64_t)heal->pending);
	client_row(data, &row);
}

static void
cmd_metrics(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct status_walk walk = {
		.client = client, .now_ns = clock_monotonic_ns(), .with_measures = true
	};

	(void)request;
	if (!status_rows(supervisor, &walk))
		return;
	aftermath_each(supervisor->aftermath, heal_row, client);
	client_ok(client);
}

/* why */

static void
why_decision(const struct decision *decision, void *data)
{
	char time[TIMESTAMP_TEXT_MAX], happened[DECISION_TEXT_MAX],
	    rule[DECISION_TEXT_MAX], action[DECISION_TEXT_MAX];
	struct record row;

	timestamp_format_ms(decision->time_ns, time);
	decision_happened(decision, happened);
	decision_rule(decision, rule);
	decision_action(decision, action);
	record_init(&row, "decision");
	record_text(&row, "ts", time);
	record_text(&row, "happened", happened);
	record_text(&row, "rule", rule);
	record_text(&row, "action", action);
	client_row(data, &row);
}

/* What would follow if it failed now. */
static void
why_next(struct client *client, const struct child *child, int64_t now_ns)
{
	const struct node *node = &child->node;
	struct intensity *window = &node->parent->window;
	size_t used = intensity_used(window, now_ns);
	char period[DURATION_TEXT_MAX], text[DECISION_TEXT_MAX];
	struct record row;

	duration_format(window->period_ns, period);
	if (node->state == NODE_WAITING)
		snprintf(text, sizeof(text), "it is started when its delay is over");
	else if (node->state == NODE_DOWN)
		snprintf(text, sizeof(text), "nothing, until somebody starts it");
	else if (node->config->restart == RESTART_TEMPORARY)
		snprintf(
		    text, sizeof(text), "nothing: temporary, it is never restarted");
	else if (used >= window->limit)
		snprintf(text, sizeof(text), "the next failure makes group %s give up",
		    node->parent->node.config->name);
	else
		snprintf(text, sizeof(text),
		    "group %s may restart %zu more time%s within %s",
		    node->parent->node.config->name, window->limit - used,
		    window->limit - used == 1 ? "" : "s", period);
	record_init(&row, "next");
	record_text(&row, "state", state_of(child));
	if (child->wake_ns != HEARTBEAT_NEVER)
		record_int(&row, "in_ms", (child->wake_ns - now_ns) / NS_PER_MS);
	if (node->reports_cycles && node->without_progress > 0)
		record_int(&row, "without_good_cycle", node->without_progress);
	record_text(&row, "text", text);
	client_row(client, &row);
}

static void
cmd_why(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *name = record_get(request, "worker");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;
	const struct child *child = (struct child *)node;

	if (!node || node_is_group(node)) {
		unknown_worker(client, name ? name : "");
		return;
	}
	decisions_each(child->decisions, why_decision, client);
	why_next(client, child, clock_monotonic_ns());
	client_ok(client);
}

/* start, stop, restart */

static bool
may_change(struct supervisor *supervisor, struct client *client)
{
	if (supervisor->phase == SUPERVISOR_RUNNING)
		return true;
	client_error(client, EXIT_UNAVAILABLE, "the supervisor is %s",
	    phase_name(supervisor->phase));
	return false;
}

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
		unknown_worker(client, name ? name : "");
	return NULL;
}

static void
ask_tree(struct supervisor *supervisor, struct client *client,
    const struct record *request, enum plan_request kind)
{
	struct node *node = node_asked_about(supervisor, client, request);
	struct tree_request *wish;

	if (!node)
		return;
	if (!may_change(supervisor, client))
		return;
	wish = client_expect(client);
	if (!wish)
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
	else
		tree_ask(&supervisor->tree, wish, node, kind);
}

static void
cmd_start(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_START);
}

static void
cmd_stop(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_STOP);
}

static void
cmd_remove(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	ask_tree(supervisor, client, request, PLAN_REQUEST_REMOVE);
}

static void
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

static void
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
	if (!may_change(supervisor, client))
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

static void
cmd_reload(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	(void)request;
	if (may_change(supervisor, client))
		reload_by_request(supervisor, client);
}

static void
cmd_diff(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *file = record_get(request, "file");

	if (may_change(supervisor, client))
		reload_show(supervisor, client, file ? file : "");
}

/* events, logs */

static bool
wants(const struct record *request, const char *key)
{
	const char *value = record_get(request, key);

	return value && strcmp(value, "yes") == 0;
}

static size_t
lines_wanted(const struct record *request)
{
	const char *value = record_get(request, "lines");

	return value ? (size_t)strtoul(value, NULL, 10) : LINES_DEFAULT;
}

static void
send_line(const char *line, const char *worker, void *data)
{
	(void)worker;
	client_line(data, line);
}

static void
cmd_events(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *worker = record_get(request, "worker");

	event_log_last(
	    &supervisor->events, lines_wanted(request), worker, send_line, client);
	if (wants(request, "follow"))
		client_follow(client, worker, NULL);
	else
		client_ok(client);
}

struct logs_walk {
	struct client *client;
	const char *worker;
	size_t left_out; /* lines still to be skipped of this worker */
};

static void
count_line(const char *line, size_t length, void *data)
{
	(void)line, (void)length;
	++*(size_t *)data;
}

static void
send_output(const char *line, size_t length, void *data)
{
	struct logs_walk *walk = data;
	char text[CAPTURE_LINE_MAX + 1];
	struct record row;

	if (walk->left_out > 0) {
		walk->left_out--;
		return;
	}
	memcpy(text, line, length);
	text[length] = '\0';
	record_init(&row, "line");
	record_text(&row, "worker", walk->worker);
	record_text(&row, "text", text);
	client_row(walk->client, &row);
}

static void
logs_of_worker(const struct child *child, struct client *client, size_t lines)
{
	struct logs_walk walk = { .client = client, .worker = child_name(child) };
	size_t kept = 0;

	if (!child->output)
		return;
	capture_tail(child->output, count_line, &kept);
	walk.left_out = kept > lines ? kept - lines : 0;
	capture_tail(child->output, send_output, &walk);
}

struct all_logs {
	struct client *client;
	const char *only;
	size_t lines;
};

static void
logs_of_each(struct node *node, void *data)
{
	const struct all_logs *all = data;

	if (!all->only || strcmp(all->only, node->config->name) == 0)
		logs_of_worker((struct child *)node, all->client, all->lines);
}

static void
cmd_logs(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct all_logs all = { .client = client,
		.only = record_get(request, "worker"),
		.lines = lines_wanted(request) };

	if (all.only && !tree_find(&supervisor->tree, all.only)) {
		unknown_worker(client, all.only);
		return;
	}
	tree_each_worker(&supervisor->tree, logs_of_each, &all);
	if (wants(request, "follow"))
		client_follow(client, all.only, "worker.output");
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

static void
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

static void
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
		latch_row(client, &cleared.items[i], "cleared");
	if (r == 0)
		r = latch_list(supervisor->state_dir, worker, &left);
	for (size_t i = 0; i < left.n; i++)
		latch_row(client, &left.items[i], "left");
	if (r < 0)
		client_error(
		    client, EXIT_OSERR, "not every latch is clear: %s", strerror(-r));
	else
		client_ok(client);
}

/* fault */

static void
cmd_fault(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *name = record_get(request, "worker"),
		   *kind = record_get(request, "kind");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;
	struct msg fault = { .type = MSG_FAULT };
	int r;

	if (!node || node_is_group(node)) {
		unknown_worker(client, name ? name : "");
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

static const struct {
	const char *verb;
	void (*run)(struct supervisor *, struct client *, const struct record *);
} commands[] = {
	{ "status", cmd_status },
	{ "metrics", cmd_metrics },
	{ "why", cmd_why },
	{ "start", cmd_start },
	{ "stop", cmd_stop },
	{ "add", cmd_add },
	{ "remove", cmd_remove },
	{ "restart", cmd_restart },
	{ "reload", cmd_reload },
	{ "diff", cmd_diff },
	{ "events", cmd_events },
	{ "logs", cmd_logs },
	{ "hold", cmd_hold },
	{ "resume", cmd_resume },
	{ "fault", cmd_fault },
};

void
command_run(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(commands[i].verb, request->event) != 0)
			continue;
		commands[i].run(supervisor, client, request);
		return;
	}
	client_error(client, EXIT_USAGE, "%s: no such request", request->event);
}
