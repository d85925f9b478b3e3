/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload means for one node: its configuration before and after, by the tables
 * of keys. Pure. Which node becomes which, and what is done then, is the tree's
 * business.
 */
#pragma once

#include "common/config.h"
#include "common/text.h"

enum config_diff {
	CONFIG_SAME,
	CONFIG_LIVE,   /* what differs takes effect while it runs */
	CONFIG_RESTART /* its process has to be started anew */
};

/**
 * config_diff_node() - compare two nodes of one type, without what is below a group
 * @keys: the names of the keys that differ are appended, ", " between two, as far as
 *        there is room; of a trading section as "trading.cycle"; NULL: nobody asks
 *
 * What differs is what a process would see differ: a number in another form, a comment,
 * or a default that is written out are no difference.
 */
enum config_diff config_diff_node(const struct config_node *before,
    const struct config_node *after, struct text_out *keys);
