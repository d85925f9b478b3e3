/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps before the event loop. Each fills members of struct supervisor, which tear
 * them down.
 */
#pragma once

#include "common/config.h"

struct supervisor;

/** setup_paths() - find and make the directories. Return: 0; an exit status, and it has
 * been logged. */
int setup_paths(struct supervisor *supervisor);

/** setup_lock() - one supervisor a runtime directory; the lock goes with the process.
 * Return: as setup_paths(). */
int setup_lock(struct supervisor *supervisor);

/** setup_environ() - a copy of ours without our own variables, with room for each
 * worker's. Return: 0, -ENOMEM. */
int setup_environ(struct supervisor *supervisor);

/**
 * setup_environ_without() - the environment as it has been filled, for a program that
 * is to see no keys but its own
 * @secrets: bits of config_secret_variable() that are left out
 *
 * Return: borrowed until the next call.
 */
char *const *setup_environ_without(struct supervisor *supervisor, unsigned secrets);

/** setup_descriptors() - raise RLIMIT_NOFILE as far as the workers of this tree need
 * it. */
void setup_descriptors(const struct config_node *root);
