/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures as Prometheus reads them, text format 0.0.4. Pure: rows and counts in,
 * text out. Names and units as on prometheus.io/docs/practices/naming: base units,
 * _total for counters. No number is made up: what is not known has no sample.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "worker/web/rows.h"
#include "worker/web/tally.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_input {
	bool is_up; /* the supervisor answers; else there are none of its rows */
	const struct rows *rows;
	const struct tally *tally;
	uint64_t streams;	  /* clients that follow events */
	uint64_t streams_dropped; /* of those, so many could not */
	uint64_t lines_lost;	  /* what the supervisor said and we could not read */
};

/** metrics_write() - all families, each with its HELP and TYPE. Errors are in
 * ferror(@out). */
void metrics_write(FILE *out, const struct metrics_input *input);

/** metrics_label() - @value as the inside of a label's quotes; what is no UTF-8
 * becomes U+FFFD. */
void metrics_label(FILE *out, const char *value);
