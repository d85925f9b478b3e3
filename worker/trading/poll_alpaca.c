/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alpaca's trades of stocks, GET /v2/stocks/trades of its data API:
 *
 *	{"trades": {"AAPL": [{"t": …, "i": …, "p": …, "s": …, "u": …}, …], …},
 *	 "next_page_token": "…" or null}
 *
 * sorted by symbol and then by time. There is no side. A trade that was canceled, or
 * was incorrect, is no event, and is counted as a dropped record; the one that corrects
 * it is an event. What was given out before it was taken back stays given out.
 */
#include <errno.h>
#include <string.h>

#include "worker/trading/json_scan.h"
#include "worker/trading/poll.h"

#define LIMIT 10000

static void
setup(const struct config_trading *trading, struct feed_net_setup *ret_setup)
{
	*ret_setup = (struct feed_net_setup){
		.account = trading->alpaca_data.base_url,
		.per_minute = trading->alpaca.rate,
		.interval_ns = trading->alpaca_data.interval_ns,
		.max_age_ns = trading->alpaca_data.feed_max_age_ns,
		.headers = { { "APCA-API-KEY-ID", "",
				 { trading->alpaca.key_id_file, "APCA_API_KEY_ID",
				     "APCA_API_KEY_ID" } },
		    { "APCA-API-SECRET-KEY", "",
			{ trading->alpaca.secret_key_file, "APCA_API_SECRET_KEY",
			    "APCA_API_SECRET_KEY" } } },
		.n_headers = 2,
	};
}

static char *const *
symbols(const struct config_trading *trading)
{
	return trading->alpaca_data.symbols;
}

static bool
put_symbols(char *const *names, const struct poll_window *window, char *out)
{
	bool is_first = true;

	for (int i = 0; names[i]; i++) {
		if (window->only >= 0 ? window->only != i : window->is_bad[i])
			continue;
		if (!is_first && !url_escape(",", out, URL_MAX + 1))
			return false;
		if (!url_escape(names[i], out, URL_MAX + 1))
			return false;
		is_first = false;
	}
	return !is_first;
}

static bool
put_rest(const struct poll_window *window, char *out)
{
	size_t used = strlen(out);

	used += (size_t)snprintf(out + used, URL_MAX + 1 - used, "&limit=%d", LIMIT);
	if (used > URL_MAX)
		return false;
	if (window->start_ns != POLL_NONE &&
	    !poll_put_time("start", window->start_ns, out))
		return false;
	if (window->end_ns != POLL_NONE && !poll_put_time("end", window->end_ns, out))
		return false;
	if (!window->token[0])
		return true;
	used = strlen(out);
	if (used + strlen("&page_token=") > URL_MAX)
		return false;
	strcpy(out + used, "&page_token=");
	return url_escape(window->token, out, URL_MAX + 1);
}

static bool
url(const struct config_trading *trading, const struct poll_window *window,
    char ret_url[URL_MAX + 1])
{
	const char *base = trading->alpaca_data.base_url;
	size_t length = strlen(base);
	int n;

	while (length > 0 && base[length - 1] == '/')
		length--;
	n = snprintf(
	    ret_url, URL_MAX + 1, "%.*s/v2/stocks/trades?symbols=", (int)length, base);
	return n > 0 && n <= URL_MAX &&
	       put_symbols(symbols(trading), window, ret_url) &&
	       put_rest(window, ret_url);
}

static bool
is_text(struct field_text text, const char *word)
{
	return text.text && text.length == strlen(word) &&
	       memcmp(text.text, word, text.length) == 0;
}

/* Return: NULL: it is an event. */
static const char *
why_dropped(struct field_text update)
{
	if (!update.text || update.length == 0 || is_text(update, "corrected"))
		return NULL;
	if (is_text(update, "canceled") || is_text(update, "cancelled"))
		return "canceled";
	if (is_text(update, "incorrect"))
		return "incorrect";
	return "an update of an unknown kind";
}

static struct field_text *
find_place(struct field_text key, struct field_text fields[FIELD_COUNT],
    struct field_text *update)
{
	if (key.length != 1)
		return NULL;
	switch (key.text[0]) {
	case 't':
		return &fields[FIELD_TIME];
	case 'i':
		return &fields[FIELD_ID];
	case 'p':
		return &fields[FIELD_PRICE];
	case 's':
		return &fields[FIELD_SIZE];
	case 'u':
		return update;
	default:
		return NULL;
	}
}

/* From behind the opening brace. Return: 0; -EBADMSG; -ENOMEM. */
static int
read_trade(
    struct json_scanner *scanner, struct field_text symbol, struct poll_batch *batch)
{
	struct field_text fields[FIELD_COUNT] = { [FIELD_SYMBOL] = symbol };
	struct field_text key, text, update = { 0 }, *place;
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
			place = find_place(key, fields, &update);
			if (place)
				*place =
				    kind == JSON_TEXT ? text : (struct field_text){ 0 };
		} while (json_take(scanner, ','));
		if (!json_take(scanner, '}'))
			return -EBADMSG;
	}
	return poll_batch_add(batch, fields, why_dropped(update));
}

/* [ … ], or null. */
static int
read_list(
    struct json_scanner *scanner, struct field_text symbol, struct poll_batch *batch)
{
	struct field_text unused;
	int r;

	if (!json_take(scanner, '['))
		return json_value(scanner, &unused) == JSON_NULL ? 0 : -EBADMSG;
	if (json_take(scanner, ']'))
		return 0;
	do {
		if (!json_take(scanner, '{'))
			return -EBADMSG;
		r = read_trade(scanner, symbol, batch);
		if (r < 0)
			return r;
	} while (json_take(scanner, ','));
	return json_take(scanner, ']') ? 0 : -EBADMSG;
}

/* { SYMBOL: [ … ], … }, or null. */
static int
read_trades(struct json_scanner *scanner, struct poll_batch *batch)
{
	struct field_text symbol, unused;
	int r;

	if (!json_take(scanner, '{'))
		return json_value(scanner, &unused) == JSON_NULL ? 0 : -EBADMSG;
	if (json_take(scanner, '}'))
		return 0;
	do {
		if (!json_take(scanner, '"') || !json_string(scanner, &symbol) ||
		    !json_take(scanner, ':'))
			return -EBADMSG;
		r = read_list(scanner, symbol, batch);
		if (r < 0)
			return r;
	} while (json_take(scanner, ','));
	return json_take(scanner, '}') ? 0 : -EBADMSG;
}

static int
read_token(struct json_scanner *scanner, struct poll_window *window)
{
	struct field_text token = { 0 };
	enum json_kind kind = json_value(scanner, &token);

	if (kind == JSON_NULL)
		return 0;
	if (kind != JSON_TEXT || token.length >= POLL_TOKEN_MAX ||
	    memchr(token.text, '\0', token.length))
		return -EBADMSG;
	memcpy(window->token, token.text, token.length);
	window->token[token.length] = '\0';
	return 0;
}

/* Both are there, and nothing is half there. */
static int
read_answer(
    struct json_scanner *scanner, struct poll_window *window, struct poll_batch *batch)
{
	bool has_trades = false;
	struct field_text key, unused;
	int r = 0;

	if (!json_take(scanner, '{'))
		return -EBADMSG;
	do {
		if (!json_take(scanner, '"') || !json_string(scanner, &key) ||
		    !json_take(scanner, ':'))
			return -EBADMSG;
		if (is_text(key, "trades")) {
			has_trades = true;
			r = read_trades(scanner, batch);
		} else if (is_text(key, "next_page_token")) {
			r = read_token(scanner, window);
		} else if (json_value(scanner, &unused) == JSON_BROKEN) {
			r = -EBADMSG;
		}
		if (r < 0)
			return r;
	} while (json_take(scanner, ','));
	if (!json_take(scanner, '}') || !has_trades)
		return -EBADMSG;
	json_blanks(scanner);
	return scanner->at == scanner->end ? 0 : -EBADMSG;
}

static int
parse(const struct config_trading *trading, char *body, size_t length,
    struct poll_window *window, struct poll_batch *batch, bool *ret_more)
{
	struct json_scanner scanner = { .at = body, .end = body + length };
	char before[POLL_TOKEN_MAX];
	int r;

	(void)trading;
	memcpy(before, window->token, sizeof(before));
	window->token[0] = '\0';
	r = read_answer(&scanner, window, batch);
	if (r < 0)
		return r;
	/* A server that names the same page for ever has none. */
	if (window->token[0] && strcmp(window->token, before) == 0)
		return -EBADMSG;
	*ret_more = window->token[0] != '\0';
	return 0;
}

const struct poll_ops poll_alpaca = {
	.name = "alpaca",
	.look_back_ns = INT64_C(3000000000),
	.setup = setup,
	.symbols = symbols,
	.url = url,
	.parse = parse,
};
