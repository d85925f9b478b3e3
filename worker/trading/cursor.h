/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cursor file: a copy of how far the journal is, as JSON, for people and watchers.
 * Nothing of ours reads a position from it.
 */
#pragma once

#include "worker/trading/journal.h"

/** cursor_write() - replace the file; not synced, since the journal counts. Return: 0,
 * -errno. */
int cursor_write(const char *path, const struct journal_state *state);

/**
 * cursor_mend() - write the file where it is absent or behind
 *
 * One that is not JSON is left for the healer, which sets it aside.
 * Return: 0, -errno.
 */
int cursor_mend(const char *path, const struct journal_state *state);
