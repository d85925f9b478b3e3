/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: the report on a worker's trading, from its journal alone, opened
 * read-only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

struct journal;

/** struct ledger_worth - what the account comes to */
struct ledger_worth {
	__int128 cash, equity; /* decimals; positions at their symbols' last prices */
	int64_t positions;     /* that are not 0 */
};

/** ledger_worth() - Return: as the journal's functions. */
int ledger_worth(struct journal *journal, struct ledger_worth *ret_worth);

/**
 * ledger_print() - print the report
 * @journal: the journal's path
 * @json: one JSON object as TRADING.md's "The report" has it; else tables
 *
 * Return: 0; -ENOENT: no journal; -errno with @error filled.
 */
int ledger_print(
    const char *journal, const char *worker, bool json, FILE *out, struct error *error);
