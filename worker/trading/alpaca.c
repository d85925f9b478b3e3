/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading Alpaca's answers and writing its orders. Every function is one of its
 * arguments: no socket, no clock, no state.
 */
#include "worker/trading/alpaca.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/text.h"
#include "common/timestamp.h"

/* A code that Alpaca uses for keys that are no good. */
#define CODE_UNAUTHORIZED 40110000
/* A clock that is right says no other times: 2000 to 2200. */
#define MOMENT_MIN_NS INT64_C(946684800000000000)
#define MOMENT_MAX_NS INT64_C(7258118400000000000)

static void
json_freep(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(json_freep)

/* NULL: no JSON, or an object that says a thing twice. */
static json_t *
load(const char *body, size_t length)
{
	return json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
}

/*
 * The same with each number as a text, since jansson would make a double of it. The
 * grammar was checked before: a digit or a minus outside of a string begins a number.
 * Return: allocated; NULL: out of memory.
 */
static char *
quote_numbers(const char *body, size_t length, size_t *ret_length)
{
	static const char number[] = "0123456789+-.eE";
	char *quoted = malloc(3 * length + 1), *to = quoted;
	bool is_string = false;

	if (!quoted)
		return NULL;
	for (size_t i = 0; i < length;) {
		if (!is_string &&
		    (body[i] == '-' || (body[i] >= '0' && body[i] <= '9'))) {
			*to++ = '"';
			while (i < length && body[i] && strchr(number, body[i]))
				*to++ = body[i++];
			*to++ = '"';
			continue;
		}
		if (body[i] == '"')
			is_string = !is_string;
		else if (is_string && body[i] == '\\' && i + 1 < length)
			*to++ = body[i++];
		*to++ = body[i++];
	}
	*ret_length = (size_t)(to - quoted);
	return quoted;
}

/* As load(), for what has amounts in it: the numbers are texts. */
static json_t *
load_amounts(const char *body, size_t length)
{
	_cleanup_json_ json_t *json = load(body, length);
	_cleanup_free_ char *quoted = NULL;

	if (!json)
		return NULL;
	quoted = quote_numbers(body, length, &length);
	return quoted ? load(quoted, length) : NULL;
}

/* A text of a member that must be there. Return: 0; -EBADMSG. */
static int
get_text(const json_t *object, const char *key, char *out, size_t size)
{
	const json_t *member = json_object_get(object, key);
	size_t length = json_string_length(member);

	if (!json_is_string(member) || length == 0 || length >= size ||
	    memchr(json_string_value(member), '\0', length))
		return -EBADMSG;
	memcpy(out, json_string_value(member), length + 1);
	return 0;
}

/* A decimal, of load_amounts(); null and absence are 0. Return: 0; -EBADMSG. */
static int
get_decimal(const json_t *object, const char *key, int64_t *ret_value)
{
	const json_t *member = json_object_get(object, key);

	*ret_value = 0;
	if (!member || json_is_null(member))
		return 0;
	if (!json_is_string(member) || decimal_parse(json_string_value(member),
					   json_string_length(member), ret_value) < 0)
		return -EBADMSG;
	return 0;
}

/* A time that may be wanting. Before 1970 there was no such order. */
static int64_t
get_time(const json_t *object, const char *key)
{
	const json_t *member = json_object_get(object, key);
	int64_t ns;

	if (!json_is_string(member) ||
	    timestamp_parse(json_string_value(member), json_string_length(member),
		TIME_UNIT_RFC3339, &ns) < 0 ||
	    ns < 0)
		return 0;
	return ns;
}

/* An id becomes a part of a URL. */
static bool
is_plain_id(const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return id[strspn(id, allowed)] == '\0';
}

/*
 * The final ones; every other may still go on, those too that the description does not
 * have yet. `replaced` is final for this order: what goes on has another id.
 */
static enum order_status
status_of(const struct broker_view *view)
{
	static const struct {
		const char *word;
		enum order_status status;
	} finals[] = {
		{ "filled", ORDER_FILLED },
		{ "canceled", ORDER_CANCELED },
		{ "expired", ORDER_CANCELED },
		{ "replaced", ORDER_CANCELED },
		{ "rejected", ORDER_REJECTED },
	};
	enum order_status status =
	    view->filled > 0 ? ORDER_PARTIALLY_FILLED : ORDER_OPEN;

	for (size_t i = 0; i < ARRAY_SIZE(finals); i++)
		if (strcmp(view->word, finals[i].word) == 0)
			status = finals[i].status;
	/* Its last fill is not known yet: it has not come to its end for us. */
	if (view->is_unpriced)
		return ORDER_OPEN;
	/* It says filled, and not yet of how much: the quantity counts. */
	if (status == ORDER_FILLED && view->filled < view->quantity)
		status = view->filled > 0 ? ORDER_PARTIALLY_FILLED : ORDER_OPEN;
	return status;
}

/* Return: 0; -EBADMSG. */
static int
get_side(const json_t *object, enum tradesup_side *ret_side)
{
	char side[8];

	if (get_text(object, "side", side, sizeof(side)) < 0)
		return -EBADMSG;
	if (strcmp(side, "buy") != 0 && strcmp(side, "sell") != 0)
		return -EBADMSG;
	*ret_side = side[0] == 'b' ? TRADESUP_BUY : TRADESUP_SELL;
	return 0;
}

static int
get_amounts(const json_t *object, struct broker_view *view)
{
	if (get_decimal(object, "qty", &view->quantity) < 0 ||
	    get_decimal(object, "filled_qty", &view->filled) < 0 ||
	    get_decimal(object, "filled_avg_price", &view->average) < 0)
		return -EBADMSG;
	if (view->quantity < 0 || view->filled < 0 || view->average < 0 ||
	    (view->quantity > 0 && view->filled > view->quantity))
		return -EBADMSG;
	/* Given neither in units nor as money it would be an order of other terms, and
	 * is one of which something was left out. */
	if (view->quantity == 0 && !json_is_string(json_object_get(object, "notional")))
		return -EBADMSG;
	/* The average may be null, for a while: a fill without a price is none yet. */
	view->is_unpriced = view->filled > 0 && view->average == 0;
	if (view->is_unpriced)
		view->filled = 0;
	return 0;
}

/*
 * What is traded, and how much of it. An order of several legs has neither symbol nor
 * side of its own, and its price may be negative. None of ours is one, but the account
 * may have some, in the list of which no order must be missing.
 */
static int
get_trade(const json_t *object, struct broker_view *view)
{
	const char *class = json_string_value(json_object_get(object, "order_class"));

	if (class && strcmp(class, "mleg") == 0) {
		strcpy(view->symbol, "(legs)");
		return 0;
	}
	if (get_text(object, "symbol", view->symbol, sizeof(view->symbol)) < 0 ||
	    get_side(object, &view->side) < 0)
		return -EBADMSG;
	return get_amounts(object, view);
}

static int
read_order(const json_t *object, struct broker_view *ret_view)
{
	struct broker_view view = { .time_ns = get_time(object, "filled_at") };
	char type[32];

	if (get_text(object, "id", view.id, sizeof(view.id)) < 0 ||
	    !is_plain_id(view.id) ||
	    get_text(object, "client_order_id", view.client_order_id,
		sizeof(view.client_order_id)) < 0 ||
	    get_text(object, "type", type, sizeof(type)) < 0 ||
	    get_text(object, "status", view.word, sizeof(view.word)) < 0 ||
	    get_trade(object, &view) < 0)
		return -EBADMSG;
	view.is_market = strcmp(type, "market") == 0;
	view.status = status_of(&view);
	view.submitted_ns = get_time(object, "submitted_at");
	if (view.time_ns == 0)
		view.time_ns = get_time(object, "updated_at");
	*ret_view = view;
	return 0;
}

int
alpaca_parse_order(const char *body, size_t length, struct broker_view *ret_view)
{
	_cleanup_json_ json_t *json = load_amounts(body, length);

	return read_order(json, ret_view);
}

/* The broker's words are for people: no control character comes with them. */
static void
copy_words(const char *from, size_t length, char *out, size_t size)
{
	size_t used = 0;

	while (length > 0) {
		size_t n;
		uint32_t code_point = text_next(from, length, &n);
		bool is_fine =
		    code_point != TEXT_BROKEN && text_is_harmless(code_point);

		if (used + n >= size)
			break;
		if (is_fine) {
			memcpy(out + used, from, n);
			used += n;
		} else {
			out[used++] = '?';
		}
		from += n;
		length -= n;
	}
	out[used] = '\0';
}

int
alpaca_parse_error(const char *body, size_t length, struct alpaca_error *ret_error)
{
	_cleanup_json_ json_t *json = load(body, length);
	const json_t *message = json_object_get(json, "message");
	const json_t *code = json_object_get(json, "code");

	if (!json_is_string(message) || (code && !json_is_integer(code)))
		return -EBADMSG;
	ret_error->code = json_integer_value(code);
	copy_words(json_string_value(message), json_string_length(message),
	    ret_error->message, sizeof(ret_error->message));
	return 0;
}

int
alpaca_list_orders(const char *body, size_t length, broker_on_view on_view, void *data)
{
	_cleanup_json_ json_t *json = load_amounts(body, length);
	struct broker_view view;
	int r = 0;

	if (!json_is_array(json))
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
		r = read_order(json_array_get(json, i), &view);
		if (r == 0)
			r = on_view(&view, data);
	}
	return r;
}

static int
read_position(const json_t *object, struct broker_position *ret_position)
{
	struct broker_position position;
	char side[8];

	if (get_text(object, "symbol", position.symbol, sizeof(position.symbol)) < 0 ||
	    get_text(object, "side", side, sizeof(side)) < 0 ||
	    !json_is_string(json_object_get(object, "qty")) ||
	    get_decimal(object, "qty", &position.quantity) < 0 ||
	    get_decimal(object, "current_price", &position.price) < 0 ||
	    position.price < 0 || position.quantity == INT64_MIN)
		return -EBADMSG;
	/* Of a short one, some answers have the sign in the quantity, too. */
	if (strcmp(side, "short") == 0 && position.quantity > 0)
		position.quantity = -position.quantity;
	*ret_position = position;
	return 0;
}

int
alpaca_list_positions(
    const char *body, size_t length, broker_on_position on_position, void *data)
{
	_cleanup_json_ json_t *json = load_amounts(body, length);
	struct broker_position position;
	int r = 0;

	if (!json_is_array(json))
		return -EBADMSG;
	for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
		r = read_position(json_array_get(json, i), &position);
		if (r == 0)
			r = on_position(&position, data);
	}
	return r;
}

int
alpaca_parse_cash(const char *body, size_t length, int64_t *ret_cash)
{
	_cleanup_json_ json_t *json = load_amounts(body, length);

	if (!json_is_string(json_object_get(json, "cash")))
		return -EBADMSG;
	return get_decimal(json, "cash", ret_cash);
}

/* Return: 0; -EBADMSG. */
static int
get_moment(const json_t *object, const char *key, int64_t *ret_ns)
{
	char text[TIMESTAMP_TEXT_MAX + 1];

	if (get_text(object, key, text, sizeof(text)) < 0 ||
	    timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, ret_ns) < 0 ||
	    *ret_ns < MOMENT_MIN_NS || *ret_ns > MOMENT_MAX_NS)
		return -EBADMSG;
	return 0;
}

/* Open, it closes next; closed, it opens next. */
static bool
is_sound(const struct market_clock *clock)
{
	if (clock->is_open)
		return clock->time_ns < clock->next_close_ns &&
		       clock->next_close_ns <= clock->next_open_ns;
	return clock->time_ns <= clock->next_open_ns &&
	       clock->next_open_ns < clock->next_close_ns;
}

int
alpaca_parse_clock(const char *body, size_t length, struct market_clock *ret_clock)
{
	_cleanup_json_ json_t *json = load(body, length);
	const json_t *is_open = json_object_get(json, "is_open");
	struct market_clock clock = *ret_clock;

	if (!json_is_boolean(is_open) ||
	    get_moment(json, "timestamp", &clock.time_ns) < 0 ||
	    get_moment(json, "next_open", &clock.next_open_ns) < 0 ||
	    get_moment(json, "next_close", &clock.next_close_ns) < 0)
		return -EBADMSG;
	clock.is_open = json_is_true(is_open);
	if (!is_sound(&clock))
		return -EBADMSG;
	*ret_clock = clock;
	return 0;
}

/* "HH:MM", up to "24:00", in minutes. Return: 0; -EBADMSG. */
static int
get_minutes(const json_t *object, const char *key, int *ret_minutes)
{
	unsigned hours, minutes;
	char text[8], again[8];

	if (get_text(object, key, text, sizeof(text)) < 0 ||
	    sscanf(text, "%2u:%2u", &hours, &minutes) != 2 || hours > 24 ||
	    minutes > 59 || hours * 60 + minutes > 1440)
		return -EBADMSG;
	/* Read leniently, write again, compare. */
	snprintf(again, sizeof(again), "%02u:%02u", hours % 100, minutes % 100);
	if (strcmp(text, again) != 0)
		return -EBADMSG;
	*ret_minutes = (int)(hours * 60 + minutes);
	return 0;
}

static int
read_day(const json_t *object, struct session_day *ret_day)
{
	struct session_day day;
	char text[sizeof("2026-11-27T00:00:00Z")];
	int64_t ns;

	if (get_text(object, "date", text, sizeof("2026-11-27")) < 0 ||
	    get_minutes(object, "open", &day.open) < 0 ||
	    get_minutes(object, "close", &day.close) < 0 || day.open >= day.close)
		return -EBADMSG;
	strcat(text, "T00:00:00Z");
	if (timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, &ns) < 0)
		return -EBADMSG;
	day.date = timestamp_utc_day(ns);
	*ret_day = day;
	return 0;
}

int
alpaca_list_days(const char *body, size_t length, struct broker_days *days)
{
	_cleanup_json_ json_t *json = load(body, length);

	if (!json_is_array(json) || json_array_size(json) == 0 ||
	    json_array_size(json) > days->max)
		return -EBADMSG;
	for (days->n = 0; days->n < json_array_size(json); days->n++) {
		struct session_day *day = &days->days[days->n];
		int64_t least = days->n ? day[-1].date + 1 : days->first;

		if (read_day(json_array_get(json, days->n), day) < 0 ||
		    day->date < least || day->date > days->last)
			return -EBADMSG;
	}
	return 0;
}

/* 8 places, without the zeros at the end. */
static void
format_quantity(int64_t quantity, char out[DECIMAL_TEXT_MAX])
{
	size_t length = decimal_format(quantity, out);

	while (out[length - 1] == '0')
		length--;
	if (out[length - 1] == '.')
		length--;
	out[length] = '\0';
}

char *
alpaca_order_body(const struct broker_request *request)
{
	_cleanup_json_ json_t *json = NULL;
	char quantity[DECIMAL_TEXT_MAX];

	format_quantity(request->quantity, quantity);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "symbol", request->symbol,
	    "qty", quantity, "side", order_side_name(request->side), "type", "market",
	    "time_in_force", strchr(request->symbol, '/') ? "gtc" : "day",
	    "client_order_id", request->client_order_id);
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

/* Whether a refusal says that there is an order of this id already. Its code is a
 * general one, and its words are not always the same. */
static bool
is_id_in_use(const char *message)
{
	static const char *const words[] = { "unique", "duplicate", "exist", "in use",
		"already" };

	if (!strcasestr(message, "client_order_id") &&
	    !strcasestr(message, "client order id"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(message, words[i]))
			return true;
	return false;
}

/*
 * A refusal in the API's own form; what is in any other may come from anybody. Of an
 * order it is one with the statuses alone that the description has for it, and with
 * their code: whatever else stands between refuses in words that look the same.
 */
static enum broker_result
refusal(bool is_post, int status, const struct alpaca_error *error)
{
	if (status == 401 || error->code == CODE_UNAUTHORIZED ||
	    (status == 403 && !is_post))
		return BROKER_LOCKED;
	if (status == 404)
		return is_post || error->code == 0 ? BROKER_UNCLEAR : BROKER_NOT_FOUND;
	if (is_post && is_id_in_use(error->message))
		return BROKER_DUPLICATE;
	if (is_post && ((status != 403 && status != 422) || error->code == 0))
		return BROKER_UNCLEAR;
	return BROKER_DENIED;
}

enum broker_result
alpaca_result(bool is_post, int status, const char *body, size_t length,
    char ret_text[BROKER_TEXT_MAX])
{
	struct alpaca_error error = { 0 };
	bool is_ours = alpaca_parse_error(body, length, &error) == 0;

	ret_text[0] = '\0';
	if (status >= 200 && status < 300)
		return BROKER_DONE;
	snprintf(ret_text, BROKER_TEXT_MAX, "%d%s%s", status, is_ours ? ": " : "",
	    error.message);
	if (status == 429)
		return BROKER_BUSY;
	if (status == 401)
		return BROKER_LOCKED;
	if (status < 400 || status >= 500 || status == 408 || !is_ours)
		return BROKER_UNCLEAR;
	return refusal(is_post, status, &error);
}
