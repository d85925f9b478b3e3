/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a message. Pure, for rules.c.
 */
#pragma once

#include "worker/notify/rules.h"

/**
 * wording_compose() - fill title, text and state of a message
 * @bit: the target's
 *
 * Return: how many of the incidents found room in the text, from the first on; >= 1.
 */
size_t wording_compose(const struct config_alerts *config,
    struct incident *const *incidents, size_t n, uint32_t bit,
    struct rules_message *message);
