/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor as a whole: one thread, one event loop.
 */
#pragma once

#include "common/config.h"

/**
 * supervisor_run() - supervise until told to stop, shut down or escalated
 * @config: not owned; must outlive the call
 *
 * Return: the exit status (enum exit_code). Everything is logged; nothing is left
 * running.
 */
int supervisor_run(const struct config *config);
