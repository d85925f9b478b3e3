/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call each: nothing stays in memory. They read the files of the program that runs,
 * and leave word for it in one.
 */
#include "worker/notify/actions.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/paths.h"
#include "common/statefile.h"
#include "common/timestamp.h"
#include "worker/notify/deliver.h"
#include "worker/notify/memory.h"
#include "worker/notify/place.h"
#include "worker/notify/queue.h"

static int
fail(int code, const char *what, const char *why)
{
	fprintf(stderr, "tradesup: %s: %s\n", what, why);
	return code;
}

/* test */

struct test {
	const struct config_alerts *alerts;
	size_t waiting;
	bool failed;
};

static void
on_test_result(const struct deliver_result *result, void *data)
{
	struct test *test = data;

	printf("%s: %s%s\n", test->alerts->targets[result->target].name,
	    result->taken ? "delivered" : "FAILED: ", result->why);
	test->failed |= !result->taken;
	test->waiting--;
}

static void
start_test(struct deliver *deliver, struct test *test, size_t target)
{
	struct letter letter = { .state = "test",
		.title = "TEST: tradesup alert test",
		.text = "This is a test: an alert of tradesup would come this way.\n",
		.time_ns = clock_realtime_ns() };
	struct deliver_result result = { .target = target };
	struct error error;

	snprintf(
	    letter.id, sizeof(letter.id), "test.%" PRId64 "@localhost", letter.time_ns);
	test->waiting++;
	if (deliver_start(deliver, target, &letter, &error) == 0)
		return;
	snprintf(result.why, sizeof(result.why), "%.*s", (int)sizeof(result.why) - 1,
	    error.text);
	on_test_result(&result, test);
}

int
action_test(const struct config *config, const char *target)
{
	struct test test = { .alerts = config->alerts };
	struct deliver *deliver = deliver_new(config->alerts);
	size_t n = 0;

	if (!deliver)
		return fail(EXIT_OSERR, "test", strerror(ENOMEM));
	for (size_t i = 0; i < test.alerts->n_targets; i++) {
		if (target && strcmp(test.alerts->targets[i].name, target) != 0)
			continue;
		start_test(deliver, &test, i);
		n++;
	}
	while (test.waiting > 0) {
		deliver_wait(deliver, NULL, 0, 250);
		deliver_step(deliver, on_test_result, &test);
	}
	deliver_free(deliver);
	if (n == 0)
		return fail(EXIT_USAGE, target ? target : "test", "no such target");
	return test.failed ? 1 : EXIT_OK;
}

/* list */

/* What a list shows; read only. */
struct view {
	struct place place;
	struct rules rules;
	struct seen seen;
	struct queue queue;
};

static int
load_view(struct view *view, const struct config *config)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = place_init(&view->place, config);

	if (r == 0)
		r = rules_init(&view->rules, config->alerts, 1);
	if (r < 0)
		return r;
	r = statefile_read(view->place.memory, &text, &length);
	if (r == 0)
		r = memory_read(text, &view->rules, &view->seen);
	if (r < 0 && r != -ENOENT)
		return r;
	r = queue_list(&view->queue, view->place.queue);
	return r == -ENOENT ? 0 : r;
}

static void
free_view(struct view *view)
{
	place_deinit(&view->place);
	rules_deinit(&view->rules);
	queue_close(&view->queue);
}

static const char *
state_of(const struct incident *incident)
{
	if (!incident || !incident->active)
		return "ok";
	return incident->acked ? "acknowledged" : "firing";
}

static void
show_incident(
    const struct config_alert *alert, const struct incident *incident, json_t *list)
{
	char since[TIMESTAMP_TEXT_MAX] = "-";
	const char *worker = incident ? incident->worker : "";
	json_t *item;

	if (incident && incident->active)
		timestamp_format_ms(incident->since_ns, since);
	if (!list) {
		printf("%-20s %-10s %-13s %-16s %s\n", alert->name,
		    alert_when_name(alert->when), state_of(incident),
		    worker[0] ? worker : "-", since);
		return;
	}
	item = json_pack("{s:s,s:s,s:s}", "alert", alert->name, "when",
	    alert_when_name(alert->when), "state", state_of(incident));
	if (incident && incident->active) {
		json_object_set_new(item, "worker", json_string(worker));
		json_object_set_new(item, "since", json_string(since));
		json_object_set_new(
		    item, "count", json_integer((json_int_t)incident->count));
		json_object_set_new(item, "last", json_string(incident->text));
	}
	json_array_append_new(list, item);
}

/* Each alert once, or once for each worker for which it is active. */
static void
show_alerts(const struct view *view, json_t *list)
{
	const struct config_alerts *config = view->rules.config;

	for (size_t i = 0; i < config->n_alerts; i++) {
		const struct config_alert *alert = &config->alerts[i];
		size_t n = 0;

		for (size_t k = 0; k < view->rules.n; k++) {
			const struct incident *incident = &view->rules.incidents[k];

			if (!incident->active ||
			    strcmp(incident->alert, alert->name) != 0)
				continue;
			show_incident(alert, incident, list);
			n++;
		}
		if (n == 0)
			show_incident(alert, NULL, list);
	}
}

static void
show_targets(const struct view *view, json_t *list)
{
	const struct config_alerts *config = view->rules.config;

	for (size_t i = 0; i < config->n_targets; i++) {
		const char *name = config->targets[i].name;
		size_t n = 0;

		for (size_t k = 0; k < view->queue.n; k++)
			n += strcmp(view->queue.items[k].target, name) == 0;
		if (list)
			json_array_append_new(list,
			    json_pack("{s:s,s:i}", "target", name, "waiting", (int)n));
		else if (n > 0)
			printf("target %s: %zu waiting\n", name, n);
	}
}

static void
show_json(const struct view *view)
{
	json_t *alerts = json_array(), *targets = json_array();
	json_t *all;

	show_alerts(view, alerts);
	show_targets(view, targets);
	all = json_pack("{s:o,s:o}", "alerts", alerts, "targets", targets);
	json_dumpf(all, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(all);
}

int
action_list(const struct config *config, bool json)
{
	struct view view = { 0 };
	int r = load_view(&view, config), code = EXIT_OK;

	if (r < 0) {
		code = fail(EXIT_OSERR,
		    view.place.directory ? view.place.directory : "list", strerror(-r));
	} else if (json) {
		show_json(&view);
	} else {
		printf("%-20s %-10s %-13s %-16s %s\n", "ALERT", "WHEN", "STATE",
		    "WORKER", "SINCE");
		show_alerts(&view, NULL);
		show_targets(&view, NULL);
	}
	free_view(&view);
	return code;
}

/* ack */

static int
leave_word(const struct view *view, const char *alert)
{
	_cleanup_free_ char *path = path_join(view->place.ack, alert),
			    *temporary = NULL;
	int r;

	/* No name of an alert begins with a dot: it is not taken for one. */
	if (!path || asprintf(&temporary, "%s/.%s", view->place.ack, alert) < 0)
		return -ENOMEM;
	r = path_mkdirs(view->place.ack, 0700);
	if (r == 0)
		r = statefile_write_by(path, temporary, "", 0, 1);
	return r;
}

int
action_ack(const struct config *config, const char *alert)
{
	struct view view = { 0 };
	size_t n = 0;
	int r;

	if (!rules_alert(config->alerts, alert))
		return fail(EXIT_USAGE, alert, "no such alert");
	r = load_view(&view, config);
	if (r == 0)
		n = rules_ack(&view.rules, alert);
	if (r == 0 && n > 0)
		r = leave_word(&view, alert);
	free_view(&view);
	if (r < 0)
		return fail(EXIT_OSERR, alert, strerror(-r));
	if (n == 0)
		return fail(1, alert, "is not firing");
	printf("%s: acknowledged\n", alert);
	return EXIT_OK;
}
