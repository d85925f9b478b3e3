/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what a broker or a data service answers. Any bytes are an answer or none
 * without harm; what is taken for an order, a position, an amount or a record keeps its
 * bounds; and nothing that is broken counts as "not there". The first byte chooses who
 * is asked.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/alpaca.h"
#include "worker/trading/ndjson.h"
#include "worker/trading/poll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static int
check_view(const struct broker_view *view, void *data)
{
	(void)data;
	check(memchr(view->client_order_id, '\0', sizeof(view->client_order_id)));
	check(memchr(view->word, '\0', sizeof(view->word)));
	check(memchr(view->id, '\0', sizeof(view->id)));
	for (const char *c = view->id; *c; c++) /* it becomes a part of a URL */
		check(strchr("-_", *c) || (*c >= '0' && *c <= '9') ||
		      (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'));
	check(memchr(view->symbol, '\0', sizeof(view->symbol)));
	check(view->quantity >= 0 && view->filled >= 0);
	check(view->quantity == 0 || view->filled <= view->quantity);
	check(view->filled == 0 || view->average > 0);
	check(view->status >= ORDER_OPEN && view->status <= ORDER_REJECTED);
	check(view->time_ns >= 0 && view->submitted_ns >= 0);
	return 0;
}

static int
check_position(const struct broker_position *position, void *data)
{
	(void)data;
	check(memchr(position->symbol, '\0', sizeof(position->symbol)));
	return 0;
}

/* What it is taken for: times that can be reckoned with, days in their order. */
static void
read_hours(const char *body, size_t length)
{
	struct session_day room[8];
	struct broker_days days = {
		.first = 20000, .last = 21000, .days = room, .max = ARRAY_SIZE(room)
	};
	struct market market = { .clock = { .told_ns = 2, .asked_ns = 1 } };
	const struct market_now now = { INT64_C(100) * 86400 * 1000000000, 0 };

	if (alpaca_parse_clock(body, length, &market.clock) == 0) {
		check(market.clock.told_ns == 2 && market.clock.asked_ns == 1);
		check(market.clock.is_open
			  ? market.clock.time_ns < market.clock.next_close_ns
			  : market.clock.next_open_ns < market.clock.next_close_ns);
		(void)market_clock_error(&market, &now);
	} else {
		market.clock.told_ns = 0;
	}
	if (alpaca_list_days(body, length, &days) == 0) {
		check(days.n > 0 && days.n <= days.max);
		for (size_t i = 0; i < days.n; i++) {
			check(room[i].date >= days.first && room[i].date <= days.last);
			check(i == 0 || room[i].date > room[i - 1].date);
			check(room[i].open >= 0 && room[i].open < room[i].close &&
			      room[i].close <= 1440);
		}
		market.calendar = (struct session_calendar){ room, days.n };
	}
	(void)market_is_open(&market, &now);
}

static void
read_trading(unsigned choice, const char *body, size_t length)
{
	struct broker_view view;
	struct alpaca_error error;
	char text[BROKER_TEXT_MAX];
	int64_t cash;
	int status = (int[]){ 200, 403, 404, 422, 429, 504 }[choice % 6];
	enum broker_result result;

	if (alpaca_parse_order(body, length, &view) == 0)
		check_view(&view, NULL);
	(void)alpaca_list_orders(body, length, check_view, NULL);
	(void)alpaca_list_positions(body, length, check_position, NULL);
	(void)alpaca_parse_cash(body, length, &cash);
	read_hours(body, length);
	memset(text, 'x', sizeof(text));
	result = alpaca_result(choice & 1, status, body, length, text);
	check(memchr(text, '\0', sizeof(text)));
	if (alpaca_parse_error(body, length, &error) == 0)
		check(memchr(error.message, '\0', sizeof(error.message)));
	else
		check(result == BROKER_DONE || result == BROKER_UNCLEAR ||
		      result == BROKER_BUSY);
}

/* Which is what the spool's reader will make of it; one with a NUL is dropped. */
static void
check_line(const char *bytes, size_t length)
{
	_cleanup_free_ char *line = strndup(bytes, length);
	struct field_text found[FIELD_COUNT];
	struct fields fields = { .names = { NULL } };
	const char *why;

	check(line && strlen(line) == length);
	for (int i = 0; i < FIELD_COUNT; i++) {
		fields.names[i] = field_name((enum field)i);
		fields.name_lengths[i] = strlen(field_name((enum field)i));
		fields.has[i] = true;
	}
	why = ndjson_record(&fields, line, length, found);
	check(!why || strcmp(why, "a NUL character") == 0);
}

static void
check_batch(const struct poll_batch *batch)
{
	check(batch->n <= batch->size && batch->used <= batch->room);
	for (size_t i = 0; i < batch->n; i++) {
		const struct poll_record *record = &batch->records[i];

		check(record->length > 0 && record->offset <= batch->used &&
		      record->length <= batch->used - record->offset);
		/* One line, or the spool would have two records of it. */
		check(memchr(batch->text + record->offset, '\n', record->length) ==
		      batch->text + record->offset + record->length - 1);
		check_line(batch->text + record->offset, record->length - 1);
	}
}

static void
read_page(const struct poll_ops *ops, char *body, size_t length)
{
	static char first[] = "AAPL", second[] = "BRK/B", base[] = "http://127.0.0.1:1";
	static char *symbols[] = { first, second, NULL };
	const bool is_bad[4] = { false };
	struct config_trading trading = {
		.alpaca_data = { .base_url = base, .symbols = symbols },
		.flow_alerts = { .base_url = base, .limit = 2 },
	};
	struct poll_window window = { POLL_NONE, POLL_NONE, "", POLL_NONE, -1, is_bad };
	struct poll_batch batch = { 0 };
	char url[URL_MAX + 1];
	bool more = false;
	int r;

	r = ops->parse(&trading, body, length, &window, &batch, &more);
	check(r == 0 || r == -EBADMSG || r == -ENOMEM);
	check(memchr(window.token, '\0', sizeof(window.token)));
	check_batch(&batch);
	if (r == 0 && more && ops->url(&trading, &window, url))
		check(memchr(url, '\0', sizeof(url)));
	poll_batch_deinit(&batch);
}

static void
read_head(const char *head, size_t length)
{
	struct http_answer answer = { 0 };

	while (length > 0) {
		const char *end = memchr(head, '\n', length);
		size_t n = end ? (size_t)(end - head) + 1 : length;

		http_answer_header(&answer, head, n);
		check(memchr(answer.etag, '\0', sizeof(answer.etag)));
		head += n;
		length -= n;
	}
	http_answer_deinit(&answer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As an answer is kept: with a NUL behind it, and nothing else. */
	_cleanup_free_ char *body = malloc(size > 0 ? size : 1);

	if (!body || size == 0)
		return 0;
	memcpy(body, data + 1, size - 1);
	body[size - 1] = '\0';
	switch (data[0] % 4) {
	case 0:
		read_trading(data[0] / 4, body, size - 1);
		break;
	case 1:
		read_page(&poll_alpaca, body, size - 1);
		break;
	case 2:
		read_page(&poll_flow_alerts, body, size - 1);
		break;
	default:
		read_head(body, size - 1);
	}
	return 0;
}
