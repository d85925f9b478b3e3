/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that only look: status, metrics, why, events, logs. Nothing here changes
 * anything, in the supervisor or outside.
 */
#include "supervisor/command_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/duration.h"
#include "common/error.h"
#include "common/glob.h"
#include "common/text.h"
#include "common/timestamp.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/figures.h"
#include "supervisor/healing.h"
#include "supervisor/history.h"

#define LINES_DEFAULT 50
#define HELD_MAX 2048

/* status */

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
	    supervisor->reload ? "reloading"
			       : supervisor_phase_name(supervisor->phase));
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
		client_latch(client, &latches->items[i], "latch");
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
	int64_t cpu_ms = spawn_cpu_ms(child->process.pid);

	record_int(row, "pid", child->process.pid);
	record_int(row, "up_ms", (now_ns - child->seen.started_ns) / NS_PER_MS);
	if (rss >= 0)
		record_int(row, "memory_bytes", rss);
	if (cpu_ms >= 0)
		record_int(row, "cpu_ms", cpu_ms);
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

#define GROUPS_MAX 1024

/* What a row borrows from. */
struct measures_texts {
	char measures[MEASURES_TEXT_MAX], figures[FIGURES_MAX], groups[GROUPS_MAX];
};

/* "crypto/options", from the outermost group on; the root goes without saying. */
static void
put_groups(struct text_out *out, const struct group *group)
{
	if (!group->node.parent)
		return;
	put_groups(out, group->node.parent);
	text_putf(out, "%s%s", out->used > 0 ? "/" : "", group->node.config->name);
}

/* What is of no use to people. */
static void
measures_of_worker(struct record *row, const struct child *child, int64_t now_ns,
    struct measures_texts *texts)
{
	static const char *const names[] = {
		[RESTART_PERMANENT] = "permanent",
		[RESTART_TRANSIENT] = "transient",
		[RESTART_TEMPORARY] = "temporary",
	};
	struct text_out out;

	text_init(&out, texts->groups, sizeof(texts->groups));
	put_groups(&out, child->node.parent);
	/* Of a group that is in none, `group` says it all. */
	record_text(row, "groups", strchr(texts->groups, '/') ? texts->groups : NULL);
	record_text(row, "restart", names[child->node.config->restart]);
	if (child_is_alive(child) && child->seen.speaks)
		record_int(row, "heartbeat_age_ms",
		    (now_ns - child->seen.packet_ns) / NS_PER_MS);
	measures_fields(&child->measures, now_ns, row, texts->measures);
	if (child->figures)
		figures_fields(
		    child->figures, now_ns - child->figures_ns, row, texts->figures);
}

static void
status_of_worker(struct node *node, void *data)
{
	const struct status_walk *walk = data;
	const struct child *child = (struct child *)node;
	struct measures_texts texts;
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
		measures_of_worker(&row, child, walk->now_ns, &texts);
	client_row(walk->client, &row);
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

void
cmd_status(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct status_walk walk = { .client = client,
		.only = record_get(request, "worker"),
		.now_ns = clock_monotonic_ns() };

	if (walk.only && !tree_find(&supervisor->tree, walk.only))
		client_unknown_worker(client, walk.only);
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
hour_row(int64_t hour, const struct history_counts *counts, void *data)
{
	struct record row;

	record_init(&row, "heal_hour");
	record_int(&row, "hour", hour);
	record_int(&row, "succeeded", (int64_t)counts->succeeded);
	record_int(&row, "failed", (int64_t)counts->failed);
	record_int(&row, "relapsed", (int64_t)counts->relapsed);
	client_row(data, &row);
}

void
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
	aftermath_each_hour(supervisor->aftermath, hour_row, client);
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

void
cmd_why(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	const char *name = record_get(request, "worker");
	struct node *node = name ? tree_find(&supervisor->tree, name) : NULL;
	const struct child *child = (struct child *)node;

	if (!node || node_is_group(node)) {
		client_unknown_worker(client, name ? name : "");
		return;
	}
	decisions_each(child->decisions, why_decision, client);
	why_next(client, child, clock_monotonic_ns());
	client_ok(client);
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

/* Return: false: it has been answered. */
static bool
read_filter(struct client *client, const struct record *request,
    struct event_filter *ret_filter)
{
	const char *since = record_get(request, "since");

	*ret_filter = (struct event_filter){ .worker = record_get(request, "worker"),
		.match = record_get(request, "match"),
		.since_ns = EVENT_LOG_EVER };
	if (ret_filter->match && strlen(ret_filter->match) > GLOB_MAX) {
		client_error(client, EXIT_USAGE, "the pattern is longer than %d bytes",
		    GLOB_MAX);
		return false;
	}
	if (since && timestamp_parse(since, strlen(since), TIME_UNIT_RFC3339,
			 &ret_filter->since_ns) < 0) {
		client_error(client, EXIT_USAGE, "since: that is no time of RFC 3339");
		return false;
	}
	return true;
}

/* Who asks for all since a time must not take the memory's end for the beginning. */
static void
tell_forgotten(const struct event_log *log, struct client *client,
    const struct event_filter *filter)
{
	char until[TIMESTAMP_TEXT_MAX];
	struct record row;

	if (filter->since_ns == EVENT_LOG_EVER || log->forgotten_ns < filter->since_ns)
		return;
	timestamp_format_ms(log->forgotten_ns, until);
	record_init(&row, "forgotten");
	record_text(&row, "until", until);
	client_row(client, &row);
}

void
cmd_events(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct event_filter filter;

	if (!read_filter(client, request, &filter))
		return;
	tell_forgotten(&supervisor->events, client, &filter);
	event_log_last(
	    &supervisor->events, lines_wanted(request), &filter, send_line, client);
	if (wants(request, "follow"))
		client_follow(client, &filter, NULL);
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

void
cmd_logs(
    struct supervisor *supervisor, struct client *client, const struct record *request)
{
	struct all_logs all = { .client = client,
		.only = record_get(request, "worker"),
		.lines = lines_wanted(request) };

	if (all.only && !tree_find(&supervisor->tree, all.only)) {
		client_unknown_worker(client, all.only);
		return;
	}
	tree_each_worker(&supervisor->tree, logs_of_each, &all);
	if (wants(request, "follow"))
		client_follow(client, &(struct event_filter){ .worker = all.only },
		    "worker.output");
	else
		client_ok(client);
}
