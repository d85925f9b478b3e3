/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of families that are one field of a row each, and the few that are not.
 * Where the rows come from, and who asks for the text, is not known here.
 */
#include "worker/web/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/text.h"

void
metrics_label(FILE *out, const char *value)
{
	size_t left = strlen(value), length;

	for (; left > 0; value += length, left -= length) {
		uint32_t point = text_next(value, left, &length);

		if (point == TEXT_BROKEN)
			fputs("\xef\xbf\xbd", out);
		else if (point == '\n')
			fputs("\\n", out);
		else {
			if (point == '"' || point == '\\')
				putc('\\', out);
			fwrite(value, 1, length, out);
		}
	}
}

static void
family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* `name="value"` with a comma before it unless it is the first; nothing for NULL. */
static void
label(FILE *out, const char **comma, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(out, "%s%s=\"", *comma, name);
	metrics_label(out, value);
	putc('"', out);
	*comma = ",";
}

/* {worker="…",@name="@value"} */
static void
labels(FILE *out, const char *worker, const char *name, const char *value)
{
	const char *comma = "";

	putc('{', out);
	label(out, &comma, "worker", worker);
	label(out, &comma, name, value);
	putc('}', out);
}

enum unit { UNIT_ONE, UNIT_MS };

static void
number(FILE *out, int64_t value, enum unit unit)
{
	if (unit == UNIT_MS)
		fprintf(
		    out, " %" PRId64 ".%03" PRId64 "\n", value / 1000, value % 1000);
	else
		fprintf(out, " %" PRId64 "\n", value);
}

/* Families with one sample for each row of a name that has the field. */
static const struct family {
	const char *row, *key, *name, *type, *help;
	enum unit unit;
} families[] = {
	{ "supervisor", "up_ms", "tradesup_supervisor_uptime_seconds", "gauge",
	    "Time since the supervisor started.", UNIT_MS },
	{ "supervisor", "memory_bytes", "tradesup_supervisor_memory_bytes", "gauge",
	    "Resident memory of the supervisor.", UNIT_ONE },
	{ "supervisor", "restarts", "tradesup_supervisor_restarts_total", "counter",
	    "Restarts granted by the supervisor, of workers and groups.", UNIT_ONE },
	{ "supervisor", "in_period", "tradesup_supervisor_restarts_in_period", "gauge",
	    "Restarts of the root group within its period.", UNIT_ONE },
	{ "supervisor", "intensity", "tradesup_supervisor_restart_limit", "gauge",
	    "Restarts that the root group allows within its period.", UNIT_ONE },
	{ "worker", "up_ms", "tradesup_worker_uptime_seconds", "gauge",
	    "Time since the worker's process started.", UNIT_MS },
	{ "worker", "memory_bytes", "tradesup_worker_memory_bytes", "gauge",
	    "Resident memory of the worker.", UNIT_ONE },
	{ "worker", "cpu_ms", "tradesup_worker_cpu_seconds_total", "counter",
	    "Processor time of the worker's process.", UNIT_MS },
	{ "worker", "restarts", "tradesup_worker_restarts_total", "counter",
	    "Restarts of the worker after a failure.", UNIT_ONE },
	{ "worker", "cycle_age_ms", "tradesup_worker_cycle_age_seconds", "gauge",
	    "Time since the worker's cycle number last advanced.", UNIT_MS },
	{ "worker", "heartbeat_age_ms", "tradesup_worker_heartbeat_age_seconds",
	    "gauge", "Time since the worker's last sign of life.", UNIT_MS },
	{ "worker", "good_cycle_age_ms", "tradesup_worker_good_cycle_age_seconds",
	    "gauge", "Time since the worker's last good cycle.", UNIT_MS },
	{ "worker", "feed_age_ms", "tradesup_worker_feed_age_seconds", "gauge",
	    "Time since the worker's feed gave something last.", UNIT_MS },
	{ "worker", "positions", "tradesup_positions", "gauge",
	    "Open positions of the worker.", UNIT_ONE },
	{ "heal", "tried", "tradesup_heal_attempts_total", "counter",
	    "Attempts at healing, of all time.", UNIT_ONE },
	{ "heal", "relapsed", "tradesup_heal_relapses_total", "counter",
	    "Faults that were back in the cycle after their healing.", UNIT_ONE },
};

static void
heal_labels(FILE *out, const struct row *row, const char *outcome)
{
	const char *comma = "";

	putc('{', out);
	label(out, &comma, "worker", record_get(&row->record, "worker"));
	label(out, &comma, "level", record_get(&row->record, "level"));
	label(out, &comma, "kind", record_get(&row->record, "kind"));
	label(out, &comma, "outcome", outcome);
	putc('}', out);
}

static void
row_labels(FILE *out, const struct row *row)
{
	if (row_is(row, "worker"))
		labels(out, record_get(&row->record, "name"), NULL, NULL);
	else if (row_is(row, "heal"))
		heal_labels(out, row, NULL);
}

static void
write_family(FILE *out, const struct rows *rows, const struct family *about)
{
	family(out, about->name, about->type, about->help);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->items[i];
		int64_t value =
		    row_is(row, about->row) ? row_number(row, about->key) : -1;

		if (value < 0)
			continue;
		fputs(about->name, out);
		row_labels(out, row);
		number(out, value, about->unit);
	}
}

static void
write_supervisor(FILE *out, const struct metrics_input *input)
{
	const struct row *row = rows_first(input->rows, "supervisor");
	const char *comma = "";
	size_t latches = 0;

	family(out, "tradesup_up", "gauge", "Whether the supervisor answers.");
	fprintf(out, "tradesup_up %d\n", input->is_up);
	if (!row)
		return;
	family(out, "tradesup_build_info", "gauge",
	    "Always 1; the version of the supervisor.");
	fputs("tradesup_build_info{", out);
	label(out, &comma, "version", record_get(&row->record, "version"));
	fputs("} 1\n", out);
	for (size_t i = 0; i < input->rows->n; i++)
		latches += (size_t)row_is(&input->rows->items[i], "latch");
	family(out, "tradesup_latches", "gauge",
	    "Latches that stop orders until a person clears them.");
	fprintf(out, "tradesup_latches %zu\n", latches);
}

/* Samples of one worker that are no single field. */
typedef void (*worker_samples)(
    FILE *out, const char *name, const char *worker, const struct row *row);

static void
sample_up(FILE *out, const char *name, const char *worker, const struct row *row)
{
	const char *state = record_get(&row->record, "state");

	fputs(name, out);
	labels(out, worker, NULL, NULL);
	number(out, state && strcmp(state, "up") == 0, UNIT_ONE);
}

static void
sample_info(FILE *out, const char *name, const char *worker, const struct row *row)
{
	const char *comma = "";

	fprintf(out, "%s{", name);
	label(out, &comma, "worker", worker);
	label(out, &comma, "group", record_get(&row->record, "group"));
	label(out, &comma, "restart", record_get(&row->record, "restart"));
	label(out, &comma, "state", record_get(&row->record, "state"));
	fputs("} 1\n", out);
}

static void
sample_held(FILE *out, const char *name, const char *worker, const struct row *row)
{
	fputs(name, out);
	labels(out, worker, NULL, NULL);
	number(out, record_get(&row->record, "held") != NULL, UNIT_ONE);
}

/* status leaves it out when it is 0. */
static void
sample_failed(FILE *out, const char *name, const char *worker, const struct row *row)
{
	int64_t failed = row_number(row, "failed_cycles");

	if (row_number(row, "cycles_good") < 0)
		return;
	fputs(name, out);
	labels(out, worker, NULL, NULL);
	number(out, failed < 0 ? 0 : failed, UNIT_ONE);
}

static void
sample_descriptors(
    FILE *out, const char *name, const char *worker, const struct row *row)
{
	if (row->descriptors < 0)
		return;
	fputs(name, out);
	labels(out, worker, NULL, NULL);
	number(out, row->descriptors, UNIT_ONE);
}

static void
sample_cycles(FILE *out, const char *name, const char *worker, const struct row *row)
{
	static const char *const outcomes[] = { "good", "failed", "healed" };
	static const char *const keys[] = { "cycles_good", "cycles_failed",
		"cycles_healed" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int64_t value = row_number(row, keys[i]);

		if (value < 0)
			continue;
		fputs(name, out);
		labels(out, worker, "outcome", outcomes[i]);
		number(out, value, UNIT_ONE);
	}
}

/* A decimal as it is; it can be wider than any number of ours. */
static void
put_amount(FILE *out, const char *name, const char *worker, const char *amount)
{
	if (!amount || !*amount || amount[strspn(amount, "-.0123456789")] != '\0')
		return;
	fputs(name, out);
	labels(out, worker, NULL, NULL);
	fprintf(out, " %s\n", amount);
}

static void
sample_equity(FILE *out, const char *name, const char *worker, const struct row *row)
{
	put_amount(out, name, worker, record_get(&row->record, "equity"));
}

static void
sample_cash(FILE *out, const char *name, const char *worker, const struct row *row)
{
	put_amount(out, name, worker, record_get(&row->record, "cash"));
}

/* "open:1,filled:12" (supervisor/figures.h): up to what is not like that. */
static void
put_counts(FILE *out, const char *name, const char *worker, const char *label_name,
    const char *text)
{
	char word[64];
	uint64_t n;
	int used;

	for (; text && sscanf(text, "%63[^:]:%" SCNu64 "%n", word, &n, &used) == 2;
	     text += text[used] == ',' ? used + 1 : used) {
		fputs(name, out);
		labels(out, worker, label_name, word);
		fprintf(out, " %" PRIu64 "\n", n);
	}
}

static void
sample_orders(FILE *out, const char *name, const char *worker, const struct row *row)
{
	put_counts(out, name, worker, "state", record_get(&row->record, "orders"));
}

/* "0.001:5,…,+Inf:9" (supervisor/measures.h). Return: the count of the last, -1 for
 * what is not like that. */
static int64_t
write_buckets(FILE *out, const char *name, const char *worker, const char *text)
{
	char bound[16];
	uint64_t n = 0;
	int used;

	for (; *text; text += used) {
		if (sscanf(text, "%15[^:]:%" SCNu64 "%n", bound, &n, &used) != 2)
			return -1;
		fprintf(out, "%s_bucket", name);
		labels(out, worker, "le", bound);
		number(out, (int64_t)n, UNIT_ONE);
		if (text[used] == ',')
			used++;
	}
	return (int64_t)n;
}

static void
sample_durations(FILE *out, const char *name, const char *worker, const struct row *row)
{
	const char *buckets = record_get(&row->record, "duration_buckets");
	int64_t sum_ns = row_number(row, "duration_sum_ns"), n;

	if (!buckets || sum_ns < 0)
		return;
	n = write_buckets(out, name, worker, buckets);
	if (n < 0)
		return;
	fprintf(out, "%s_sum", name);
	labels(out, worker, NULL, NULL);
	fprintf(out, " %" PRId64 ".%09" PRId64 "\n", sum_ns / 1000000000,
	    sum_ns % 1000000000);
	fprintf(out, "%s_count", name);
	labels(out, worker, NULL, NULL);
	number(out, n, UNIT_ONE);
}

static const struct {
	const char *name, *type, *help;
	worker_samples samples;
} worker_families[] = {
	{ "tradesup_worker_up", "gauge", "Whether the worker is up and ready.",
	    sample_up },
	{ "tradesup_worker_info", "gauge",
	    "Always 1; the worker's group, kind of restart and state.", sample_info },
	{ "tradesup_worker_held", "gauge", "Whether a latch stops the worker's orders.",
	    sample_held },
	{ "tradesup_worker_failed_cycles", "gauge", "Failed cycles in a row up to now.",
	    sample_failed },
	{ "tradesup_worker_open_fds", "gauge",
	    "Open file descriptors of the worker's process.", sample_descriptors },
	{ "tradesup_worker_cycles_total", "counter",
	    "Cycles that the worker has reported, by outcome.", sample_cycles },
	{ "tradesup_equity", "gauge",
	    "Cash and positions at their last prices, in the account's money.",
	    sample_equity },
	{ "tradesup_cash", "gauge", "Cash, in the account's money.", sample_cash },
	{ "tradesup_orders", "gauge", "Orders in the worker's journal, by state.",
	    sample_orders },
	{ "tradesup_worker_cycle_duration_seconds", "histogram",
	    "How long cycles took, as the worker reports it.", sample_durations },
};

static void
write_workers(FILE *out, const struct rows *rows)
{
	for (size_t f = 0; f < ARRAY_SIZE(worker_families); f++) {
		family(out, worker_families[f].name, worker_families[f].type,
		    worker_families[f].help);
		for (size_t i = 0; i < rows->n; i++) {
			const struct row *row = &rows->items[i];
			const char *worker = record_get(&row->record, "name");

			if (row_is(row, "worker") && worker)
				worker_families[f].samples(
				    out, worker_families[f].name, worker, row);
		}
	}
}

/* A gauge: a relapse takes back the success that it belies. */
static void
write_heals(FILE *out, const struct rows *rows)
{
	static const char *const outcomes[][2] = {
		{ "succeeded", "success" },
		{ "failed", "failed" },
		{ "relapsed", "relapsed" },
		{ "pending", "pending" },
	};

	family(out, "tradesup_heals", "gauge",
	    "How attempts at healing ended, of all time, as tradesup healing shows "
	    "it.");
	for (size_t i = 0; i < rows->n; i++)
		for (size_t k = 0;
		     k < ARRAY_SIZE(outcomes) && row_is(&rows->items[i], "heal"); k++) {
			int64_t n = row_number(&rows->items[i], outcomes[k][0]);

			if (n < 0)
				continue;
			fputs("tradesup_heals", out);
			heal_labels(out, &rows->items[i], outcomes[k][1]);
			number(out, n, UNIT_ONE);
		}
}

/* The worker's own counts of refusals, if it tells them. */
static const char *
refusals_of(const struct rows *rows, const char *worker)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->items[i];
		const char *name = record_get(&row->record, "name");

		if (row_is(row, "worker") && name && strcmp(name, worker) == 0)
			return record_get(&row->record, "refused");
	}
	return NULL;
}

static void
write_own_refusals(FILE *out, const struct rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct record *record = &rows->items[i].record;
		const char *worker = record_get(record, "name");

		if (row_is(&rows->items[i], "worker") && worker)
			put_counts(
			    out, name, worker, "rule", record_get(record, "refused"));
	}
}

static void
write_tally(FILE *out, const struct rows *rows, const struct tally *tally)
{
	static const struct {
		const char *name, *label, *help;
	} kinds[TALLY_KIND_COUNT] = {
		[TALLY_EVENT] = { "tradesup_events_total", "event",
		    "Events since this program started, by name." },
		[TALLY_REFUSAL] = { "tradesup_orders_refused_total", "rule",
		    "Orders refused, by rule." },
	};

	for (size_t kind = 0; kind < TALLY_KIND_COUNT; kind++) {
		family(out, kinds[kind].name, "counter", kinds[kind].help);
		for (size_t i = 0; i < tally->n; i++) {
			const struct tally_entry *entry = &tally->entries[i];

			if (entry->kind != kind ||
			    (kind == TALLY_REFUSAL && refusals_of(rows, entry->worker)))
				continue;
			fputs(kinds[kind].name, out);
			labels(out, entry->worker, kinds[kind].label, entry->label);
			fprintf(out, " %" PRIu64 "\n", entry->n);
		}
		if (kind == TALLY_REFUSAL)
			write_own_refusals(out, rows, kinds[kind].name);
	}
}

static void
write_own(FILE *out, const struct metrics_input *input)
{
	family(out, "tradesup_web_streams", "gauge", "Clients that follow events.");
	fprintf(out, "tradesup_web_streams %" PRIu64 "\n", input->streams);
	family(out, "tradesup_web_streams_dropped_total", "counter",
	    "Clients that were closed because they could not follow.");
	fprintf(out, "tradesup_web_streams_dropped_total %" PRIu64 "\n",
	    input->streams_dropped);
	family(out, "tradesup_web_lines_lost_total", "counter",
	    "Lines of the supervisor that could not be kept or read.");
	fprintf(out, "tradesup_web_lines_lost_total %" PRIu64 "\n", input->lines_lost);
}

void
metrics_write(FILE *out, const struct metrics_input *input)
{
	write_supervisor(out, input);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		write_family(out, input->rows, &families[i]);
	write_workers(out, input->rows);
	write_heals(out, input->rows);
	write_tally(out, input->rows, input->tally);
	write_own(out, input);
}
