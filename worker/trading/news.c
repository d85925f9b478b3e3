/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short list of events as text. It neither logs nor sends.
 */
#include "worker/trading/news.h"

#include <string.h>

void
news_add(struct news *news, enum log_level level, const struct record *event)
{
	if (news->n == NEWS_MAX) {
		news->dropped++;
		return;
	}
	news->items[news->n].level = level;
	record_logfmt(event, news->items[news->n].line, NEWS_LINE_MAX);
	news->n++;
}

void
news_tell(struct news *news, news_on_event on_event, void *data)
{
	struct record record;

	for (size_t i = 0; i < news->n && on_event; i++) {
		bool is_last = i == news->n - 1;

		if (record_parse(news->items[i].line, &record) < 0)
			continue;
		if (is_last && news->dropped > 0)
			record_int(&record, "not_told", news->dropped);
		on_event(news->items[i].level, &record, data);
	}
	news->n = 0;
	news->dropped = 0;
}
