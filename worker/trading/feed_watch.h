/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that becomes readable when a followed file has something new, so that a
 * wait need not look for it. It is a hint and no more: where a file system or the
 * kernel gives none (a network share, too many watches), nothing comes, and whoever
 * waits looks from time to time anyway. What is new is for the feed to find out.
 */
#pragma once

#include <stdbool.h>

#include "common/config_trading.h"

struct feed_watch {
	const char *path; /* borrowed; NULL: the feed has nothing to watch */
	int fd;		  /* inotify; -1: none */
	int mark;	  /* of the file that was at the path; -1: none */
};

/** feed_watch_init() - for the configured feed; @trading is borrowed. */
void feed_watch_init(struct feed_watch *watch, const struct config_trading *trading);

/**
 * feed_watch_take() - before the feed is read: forget what has been said, and watch
 * the file that is at the path now
 *
 * What is written from here on makes the descriptor readable again. Return: whether
 * something had been said.
 */
bool feed_watch_take(struct feed_watch *watch);

void feed_watch_deinit(struct feed_watch *watch);
