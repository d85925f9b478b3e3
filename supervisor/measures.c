/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting cycles and their durations. What a duration means for the worker's health is
 * heartbeat.c's business.
 */
#include "supervisor/measures.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/text.h"

/* The text is the label that Prometheus shows; both in seconds, rising. */
static const struct {
	const char *text;
	int64_t most_ns;
} bounds[MEASURES_BOUNDS] = {
	{ "0.001", NS_PER_MS },
	{ "0.0025", 2500000 },
	{ "0.005", 5 * NS_PER_MS },
	{ "0.01", 10 * NS_PER_MS },
	{ "0.025", 25 * NS_PER_MS },
	{ "0.05", 50 * NS_PER_MS },
	{ "0.1", 100 * NS_PER_MS },
	{ "0.25", 250 * NS_PER_MS },
	{ "0.5", 500 * NS_PER_MS },
	{ "1.0", NS_PER_S },
	{ "2.5", 2500 * NS_PER_MS },
	{ "5.0", 5 * NS_PER_S },
	{ "10.0", 10 * NS_PER_S },
	{ "30.0", 30 * NS_PER_S },
	{ "60.0", 60 * NS_PER_S },
};

void
measures_add(struct measures *measures, enum measures_cycle how, int64_t duration_ns,
    int64_t now_ns)
{
	int i = 0;

	if (duration_ns < 0)
		duration_ns = 0;
	while (i < MEASURES_BOUNDS && duration_ns > bounds[i].most_ns)
		i++;
	measures->cycles[how]++;
	measures->buckets[i]++;
	/* A worker can report any number: the sum must not overflow. */
	if (__builtin_add_overflow(
		measures->duration_sum_ns, duration_ns, &measures->duration_sum_ns))
		measures->duration_sum_ns = INT64_MAX;
	if (how == MEASURES_GOOD)
		measures->good_ns = now_ns;
}

static void
write_buckets(const struct measures *measures, char text[MEASURES_TEXT_MAX])
{
	struct text_out out;
	uint64_t sum = 0;

	text_init(&out, text, MEASURES_TEXT_MAX);
	for (int i = 0; i <= MEASURES_BOUNDS; i++) {
		sum += measures->buckets[i];
		text_putf(&out, "%s%s:%" PRIu64, i > 0 ? "," : "",
		    i < MEASURES_BOUNDS ? bounds[i].text : "+Inf", sum);
	}
}

void
measures_fields(const struct measures *measures, int64_t now_ns, struct record *row,
    char text[MEASURES_TEXT_MAX])
{
	const uint64_t *cycles = measures->cycles;

	if (cycles[MEASURES_GOOD] + cycles[MEASURES_FAILED] + cycles[MEASURES_HEALED] ==
	    0)
		return;
	record_int(row, "cycles_good", (int64_t)cycles[MEASURES_GOOD]);
	record_int(row, "cycles_failed", (int64_t)cycles[MEASURES_FAILED]);
	record_int(row, "cycles_healed", (int64_t)cycles[MEASURES_HEALED]);
	if (measures->good_ns > 0)
		record_int(
		    row, "good_cycle_age_ms", (now_ns - measures->good_ns) / NS_PER_MS);
	record_int(row, "duration_sum_ns", measures->duration_sum_ns);
	write_buckets(measures, text);
	record_text(row, "duration_buckets", text);
}
