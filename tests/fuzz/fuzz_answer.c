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
	check(memchr(view->broker_id, '\0', sizeof(view->broker_id)));
	check(memchr(view->symbol, '\0', sizeof(view->symbol)));
	check(view->quantity >= 0 && view->filled >= 0);
	check(view->quantity == 0 || view->filled <= view->quantity);
	check(view->filled == 0 || view->average > 0);
	return 0;
}

static int
check_position(const struct broker_position *position, void *data)
{
	(void)data;
	check(memchr(position->symbol, '\0', sizeof(position->symbol)));
	return 0;
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
	memset(text, 'x', sizeof(text));
	result = alpaca_result(choice & 1, status, body, length, text);
	check(memchr(text, '\0', sizeof(text)));
	if (alpaca_parse_error(body, length, &error) == 0)
		check(memchr(error.message, '\0', sizeof(error.message)));
	else
		check(result != BROKER_NOT_FOUND);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As an answer is kept: with a NUL behind it, and nothing else. */
	_cleanup_free_ char *body = malloc(size + 1);

	if (!body || size == 0)
		return 0;
	memcpy(body, data + 1, size - 1);
	body[size - 1] = '\0';
	body = realloc(body, size);
	if (data[0] % 3 == 0)
		read_trading(data[0] / 3, body, size - 1);
	else
		read_page(data[0] % 3 == 1 ? &poll_alpaca : &poll_flow_alerts, body,
		    size - 1);
	return 0;
}
