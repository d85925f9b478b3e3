/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries the sandboxes of a configuration, for `tradesup check`: whether a kernel has
 * what one needs, and lets us have it, shows only when it is done.
 */
#pragma once

#include "common/config.h"

/**
 * check_sandboxes() - enter each worker's sandbox once, in a process of its own
 * @on_problem: called for each that cannot be had
 *
 * Nothing is made on the disk; a state directory that is not there yet is left out. It
 * is tried as the user that we are. Return: EXIT_OK, EXIT_OSERR.
 */
int check_sandboxes(
    const struct config *config, config_on_error on_problem, void *data);
