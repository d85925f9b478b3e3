/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the supervisor as JSON, and as the answer to "is it ready?". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "worker/web/recent.h"
#include "worker/web/rows.h"

/**
 * report_json() - {"up":…,"supervisor":{…},"workers":[…],"latches":[…],"heals":[…],
 * "healing_hours":[…],"healing":…}, one line; numbers are numbers
 * @recent, @minute: for recent_heals_json()
 */
void report_json(FILE *out, bool is_up, const struct rows *rows,
    const struct recent *recent, int64_t minute);

/** report_event_json() - an event's line as an object in @json, valid whatever it
 * holds. Return: false for what is no event. @line: modified. */
bool report_event_json(char *line, char *json, size_t size);

/** report_ready() - whether all permanent workers are up and nothing is held; a line
 * for each reason why not. */
bool report_ready(FILE *out, bool is_up, const struct rows *rows);
