/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of `tradesup healing`: a day, a week and all time beside each other. It
 * computes and formats; the two files have been read.
 */
#pragma once

#include "supervisor/ctl/json.h"
#include "supervisor/healing.h"
#include "supervisor/history.h"

/** struct healing_report - what it is made of; all borrowed */
struct healing_report {
	const struct healing *healing;
	const struct history *history;
	const char *worker; /* NULL: all */
	int64_t now_ns;	    /* of day */
};

/** healing_report_print() - on standard output. Return: 0, EXIT_OSERR. */
int healing_report_print(const struct healing_report *report);

/** healing_report_put_json() - "report", into the object that is open. Return: 0,
 * EXIT_OSERR. */
int healing_report_put_json(struct json *json, const struct healing_report *report);
