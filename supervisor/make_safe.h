/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make safe: before an escalation ends the service, the open orders of each trading
 * worker are cancelled, and each worker's own `make_safe` command is run. Workers are
 * down by then; the programs run side by side, each within its deadline.
 */
#pragma once

struct supervisor;
struct make_safe;

/**
 * make_safe_start() - begin for every worker that ever ran
 * @done: called once, when the last has ended or been killed; maybe before this returns
 */
void make_safe_start(
    struct supervisor *supervisor, void (*done)(struct supervisor *supervisor));

/** make_safe_free() - Return: NULL. */
struct make_safe *make_safe_free(struct make_safe *make_safe);
