/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the supervisor is at rest: nobody is being started, stopped or made safe.
 * Only then can its state be handed over.
 */
#pragma once

#include <stdbool.h>

#define REST_TEXT_MAX 128

struct supervisor;

/**
 * rest_is_at_rest() - what waits for a time (a delay before a restart) is at rest
 * @dying_too: so is a worker that is being ended for its own sake
 * @why: what is not; "" if all is
 */
bool rest_is_at_rest(
    struct supervisor *supervisor, bool dying_too, char why[REST_TEXT_MAX]);
