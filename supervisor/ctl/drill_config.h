/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a drill: the real one's trading workers, with nothing real in
 * reach.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/config.h"

#define DRILL_WORKER "flow"   /* the one of the built-in configuration */
#define DRILL_FAILED_CYCLES 3 /* in a row, until level 3 */
#define DRILL_INTENSITY 3     /* restarts, until level 4 */

/**
 * drill_config_render() - write it as text
 * @base: whose trading workers are drilled; NULL: one worker, `flow`, on a synthetic
 * feed
 * @directory: where the drill's state and runtime directories lie; absolute
 * @working_directory: what relative paths in @base are relative to
 *
 * Kept of each trading worker: feed, strategy and its parameters, order limits.
 * Replaced: the broker by the paper one, the cycle and all delays by short ones, the
 * supervision by one flat group with the limits above. Left out: the registry, which
 * may name real files; a file feed follows its file, so that it does not end. Errors
 * are those of the stream.
 */
void drill_config_render(FILE *out, const struct config *base, const char *directory,
    const char *working_directory);

/**
 * drill_config_workers() - names of the workers that are drilled, or of those that are
 * left out, in start order
 * @drilled: which of the two
 * @names: room for @size; borrowed from @base
 *
 * Return: how many there are, which may be more than @size.
 */
size_t drill_config_workers(
    const struct config *base, bool drilled, const char **names, size_t size);
