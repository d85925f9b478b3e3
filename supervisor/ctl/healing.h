/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The healing statistics as people and programs read them; `tradesup drill` ends with
 * them, too.
 */
#pragma once

#include "supervisor/ctl/json.h"
#include "supervisor/healing.h"

/**
 * ctl_healing_read() - from the state directory, into an initialised @healing
 *
 * Return: 0, also if there are none yet, or if they were corrupt (said on standard
 * error); EXIT_OSERR with the reason printed.
 */
int ctl_healing_read(struct healing *healing, const char *state_directory);

/** ctl_healing_print() - the table, of one worker if @worker is not NULL. Return: 0,
 * EXIT_OSERR. */
int ctl_healing_print(const struct healing *healing, const char *worker);

/** ctl_healing_put_json() - "levels" and "rows", into the object that is open. */
void ctl_healing_put_json(
    struct json *json, const struct healing *healing, const char *worker);
