/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts of an option flow service, GET /api/option-trades/flow-alerts:
 *
 *	{"data": [{"id": …, "ticker": …, "type": "call" or "put", "created_at": …,
 *	  "total_premium": …, "total_ask_side_prem": …, "total_bid_side_prem": …,
 *	  "total_size": …, "underlying_price": …, …}, …]}
 *
 * the newest first, limit of them at the most. An event's side is what the alert says
 * of the underlying: a call that is bought, or a put that is sold, is bullish, a buy.
 * Its notional is the premium, its price the underlying's.
 */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "common/timestamp.h"
#include "worker/trading/json_scan.h"
#include "worker/trading/poll.h"

/* No service of this kind says how often it may be asked. */
#define PER_MINUTE 120

enum member {
	ID,
	TICKER,
	TYPE,
	CREATED_AT,
	PREMIUM,
	ASK_SIDE,
	BID_SIDE,
	SIZE,
	UNDERLYING,
	MEMBER_COUNT
};

static const char *const names[MEMBER_COUNT] = {
	[ID] = "id",
	[TICKER] = "ticker",
	[TYPE] = "type",
	[CREATED_AT] = "created_at",
	[PREMIUM] = "total_premium",
	[ASK_SIDE] = "total_ask_side_prem",
	[BID_SIDE] = "total_bid_side_prem",
	[SIZE] = "total_size",
	[UNDERLYING] = "underlying_price",
};

static void
setup(const struct config_trading *trading, struct feed_net_setup *ret_setup)
{
	*ret_setup = (struct feed_net_setup){
		.account = trading->flow_alerts.base_url,
		.per_minute = PER_MINUTE,
		.interval_ns = trading->flow_alerts.interval_ns,
		.max_age_ns = trading->flow_alerts.feed_max_age_ns,
		.headers = { { "Authorization", "Bearer ",
		    { trading->flow_alerts.token_file, "FLOW_ALERTS_TOKEN",
			"FLOW_ALERTS_TOKEN" } } },
		.n_headers = 1,
	};
}

static char *const *
symbols(const struct config_trading *trading)
{
	return trading->flow_alerts.tickers;
}

static bool
put_tickers(char *const *tickers, const struct poll_window *window, char *out)
{
	size_t used = strlen(out);
	bool is_first = true;

	if (!tickers)
		return true;
	for (int i = 0; tickers[i]; i++) {
		if (window->only >= 0 ? window->only != i : window->is_bad[i])
			continue;
		if (is_first)
			snprintf(out + used, URL_MAX + 1 - used, "&ticker_symbol=");
		else if (!url_escape(",", out, URL_MAX + 1))
			return false;
		if (!url_escape(tickers[i], out, URL_MAX + 1))
			return false;
		is_first = false;
	}
	return !is_first;
}

static bool
url(const struct config_trading *trading, const struct poll_window *window,
    char ret_url[URL_MAX + 1])
{
	const struct config_flow_alerts *config = &trading->flow_alerts;
	size_t length = strlen(config->base_url);
	int n;

	while (length > 0 && config->base_url[length - 1] == '/')
		length--;
	n = snprintf(ret_url, URL_MAX + 1,
	    "%.*s/api/option-trades/flow-alerts?limit=%u", (int)length,
	    config->base_url, config->limit);
	if (n < 0 || n > URL_MAX || !put_tickers(config->tickers, window, ret_url))
		return false;
	if (window->start_ns != POLL_NONE &&
	    !poll_put_time("newer_than", window->start_ns, ret_url))
		return false;
	return window->older_ns == POLL_NONE ||
	       poll_put_time("older_than", window->older_ns, ret_url);
}

static bool
is_text(struct field_text text, const char *word)
{
	return text.text && text.length == strlen(word) &&
	       strncasecmp(text.text, word, text.length) == 0;
}

/* NULL: it cannot be told. */
static const char *
side_of(const struct field_text members[MEMBER_COUNT])
{
	bool is_call = is_text(members[TYPE], "call"), is_bought;
	int64_t ask, bid;

	if ((!is_call && !is_text(members[TYPE], "put")) || !members[ASK_SIDE].text ||
	    !members[BID_SIDE].text ||
	    decimal_parse(members[ASK_SIDE].text, members[ASK_SIDE].length, &ask) < 0 ||
	    decimal_parse(members[BID_SIDE].text, members[BID_SIDE].length, &bid) < 0)
		return NULL;
	is_bought = ask > bid;
	return is_call == is_bought ? "buy" : "sell";
}

static int
take_alert(const struct field_text members[MEMBER_COUNT], struct poll_batch *batch)
{
	const char *side = side_of(members);
	struct field_text fields[FIELD_COUNT] = {
		[FIELD_TIME] = members[CREATED_AT],
		[FIELD_SYMBOL] = members[TICKER],
		[FIELD_PRICE] = members[UNDERLYING],
		[FIELD_SIZE] = members[SIZE],
		[FIELD_ID] = members[ID],
		[FIELD_NOTIONAL] = members[PREMIUM],
	};

	if (side)
		fields[FIELD_SIDE] = (struct field_text){ side, strlen(side) };
	return poll_batch_add(batch, fields, NULL);
}

/* From behind the opening brace. */
static int
read_alert(struct json_scanner *scanner, struct poll_batch *batch)
{
	struct field_text members[MEMBER_COUNT] = { 0 }, key, text;
	enum json_kind kind;

	if (!json_take(scanner, '}')) {
		do {
			text = (struct field_text){ 0 };
			if (!json_take(scanner, '"') || !json_string(scanner, &key) ||
			    !json_take(scanner, ':'))
				return -EBADMSG;
			kind = json_value(scanner, &text);
			if (kind == JSON_BROKEN)
				return -EBADMSG;
			for (int i = 0; i < MEMBER_COUNT; i++) {
				if (key.length == strlen(names[i]) &&
				    memcmp(key.text, names[i], key.length) == 0)
					members[i] = kind == JSON_TEXT
							 ? text
							 : (struct field_text){ 0 };
			}
		} while (json_take(scanner, ','));
		if (!json_take(scanner, '}'))
			return -EBADMSG;
	}
	return take_alert(members, batch);
}

static int
read_data(struct json_scanner *scanner, struct poll_batch *batch)
{
	int r;

	if (!json_take(scanner, '['))
		return -EBADMSG;
	if (json_take(scanner, ']'))
		return 0;
	do {
		if (!json_take(scanner, '{'))
			return -EBADMSG;
		r = read_alert(scanner, batch);
		if (r < 0)
			return r;
	} while (json_take(scanner, ','));
	return json_take(scanner, ']') ? 0 : -EBADMSG;
}

static int
read_answer(struct json_scanner *scanner, struct poll_batch *batch)
{
	struct field_text key, unused;
	bool has_data = false;
	int r = 0;

	if (!json_take(scanner, '{'))
		return -EBADMSG;
	do {
		if (!json_take(scanner, '"') || !json_string(scanner, &key) ||
		    !json_take(scanner, ':'))
			return -EBADMSG;
		if (key.length == 4 && memcmp(key.text, "data", 4) == 0) {
			has_data = true;
			r = read_data(scanner, batch);
		} else if (json_value(scanner, &unused) == JSON_BROKEN) {
			r = -EBADMSG;
		}
		if (r < 0)
			return r;
	} while (json_take(scanner, ','));
	if (!json_take(scanner, '}') || !has_data)
		return -EBADMSG;
	json_blanks(scanner);
	return scanner->at == scanner->end ? 0 : -EBADMSG;
}

/*
 * A full answer has older ones behind it. Whether older_than includes the time itself
 * is not said: ask for a microsecond more, which is how fine the times are; where that
 * is no progress, for the time itself; where that is none, there is no more to be had.
 */
static bool
next_page(const struct poll_batch *batch, size_t first, struct poll_window *window)
{
	int64_t oldest_ns = INT64_MAX, before_ns = window->older_ns;

	for (size_t i = first; i < batch->n; i++) {
		if (batch->records[i].time_ns < oldest_ns &&
		    batch->records[i].time_ns > 0)
			oldest_ns = batch->records[i].time_ns;
	}
	if (oldest_ns == INT64_MAX)
		return false;
	window->older_ns = oldest_ns + 1000;
	if (before_ns != POLL_NONE && window->older_ns >= before_ns)
		window->older_ns = oldest_ns;
	return before_ns == POLL_NONE || window->older_ns < before_ns;
}

static int
parse(const struct config_trading *trading, char *body, size_t length,
    struct poll_window *window, struct poll_batch *batch, bool *ret_more)
{
	struct json_scanner scanner = { .at = body, .end = body + length };
	size_t first = batch->n;
	int r;

	r = read_answer(&scanner, batch);
	if (r < 0)
		return r;
	*ret_more = batch->n - first >= trading->flow_alerts.limit &&
		    next_page(batch, first, window);
	return 0;
}

const struct poll_ops poll_flow_alerts = {
	.name = "flow_alerts",
	.look_back_ns = 60 * NS_PER_S,
	.has_side = true,
	.has_notional = true,
	.setup = setup,
	.symbols = symbols,
	.url = url,
	.parse = parse,
};
