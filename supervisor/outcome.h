/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision leaves behind: events, counts, reports.
 */
#pragma once

#include "supervisor/tree.h"

struct supervisor;

/** outcome_decided() - the rules have spoken about @node, and nothing has been done
 * yet. */
void outcome_decided(struct supervisor *supervisor, struct node *node,
    enum plan_how how, const struct plan *plan);
