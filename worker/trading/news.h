/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that happened within a batch, told once it is committed: what is rolled back
 * has not happened. Bounded: of a flood the first NEWS_MAX are told, and how many more
 * there were.
 */
#pragma once

#include "common/log.h"

#define NEWS_MAX 32
#define NEWS_LINE_MAX 768

struct news {
	struct {
		enum log_level level;
		char line[NEWS_LINE_MAX]; /* logfmt */
	} items[NEWS_MAX];
	size_t n;
	int64_t dropped; /* after the last that fitted */
};

/** news_on_event - what takes them; the record is borrowed. */
typedef void (*news_on_event)(
    enum log_level level, const struct record *event, void *data);

/** news_add() - keep an event. */
void news_add(struct news *news, enum log_level level, const struct record *event);

/** news_tell() - tell all, oldest first, and forget them; NULL: only forget. */
void news_tell(struct news *news, news_on_event on_event, void *data);
