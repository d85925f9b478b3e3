/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor as a whole: one thread, one event loop.
 */
#pragma once

#include "common/config.h"

struct takeover;

/**
 * supervisor_run() - supervise until told to stop, shut down or escalated
 * @config: owned from now on
 * @log_format_given: its log_format comes from the command line, and so stays what it
 *                    is
 * @takeover: NULL, or the state to go on from; owned. A trial of it does not return
 *
 * Return: the exit status (enum exit_code). Everything is logged; nothing is left
 * running.
 */
int supervisor_run(
    struct config *config, bool log_format_given, struct takeover *takeover);
