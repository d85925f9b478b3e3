/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the program from outside: `tradesup alert test | list | ack`.
 */
#pragma once

#include "common/config_alerts.h"

/* Each returns the exit status, and prints. */

/** action_test() - deliver a message now, to one target or (NULL) to all. */
int action_test(const struct config *config, const char *target);

/** action_list() - alerts and what they are at, targets and what waits for them. */
int action_list(const struct config *config, bool json);

/** action_ack() - leave word that somebody looks after an alert. */
int action_ack(const struct config *config, const char *alert);
