/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker Alpaca: its requests, each waited for, and what is proved when one has
 * failed. It keeps no orders and repeats nothing by itself; it remembers when it may be
 * asked again, and that its keys are no good.
 */
#include "worker/trading/broker_alpaca_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/secret.h"
#include "common/timestamp.h"
#include "common/url.h"
#include "worker/trading/alpaca.h"
#include "worker/trading/rate_file.h"

#define LIST_ANSWER_MAX (4 * 1024 * 1024)
#define PAGE_SIZE 500
#define PAGES_MAX 40
#define ID_LIMIT 48 /* the older documents'; the newer say 128 */
#define BACKOFF_MIN_NS (250 * NS_PER_MS)
#define BACKOFF_MAX_NS (15 * NS_PER_S)

struct broker {
	const struct config_alpaca *config; /* borrowed */
	struct http *http;
	struct rate *rate; /* NULL: nobody keeps the account's budget */
	struct secret key_id, secret_key;
	broker_alive alive;
	void *alive_data;

	bool is_locked;	       /* the keys are no good; for this life */
	int64_t not_before_ns; /* monotonic */
	int64_t backoff_ns;    /* 0: the last answer was one */
	const char *why;       /* it has to wait; constant */
};

static bool
on_alive(void *data)
{
	struct broker *broker = data;

	return !broker->alive || broker->alive(broker->alive_data);
}

static struct broker *
alpaca_free(struct broker *broker)
{
	http_free(broker->http);
	rate_free(broker->rate);
	secret_deinit(&broker->key_id);
	secret_deinit(&broker->secret_key);
	free(broker);
	return NULL;
}

/* Without keys it is as with bad ones: somebody must come, and no restart helps. */
static void
load_keys(struct broker *broker)
{
	struct secret_source id = { broker->config->key_id_file, "APCA_API_KEY_ID",
		"APCA_API_KEY_ID" };
	struct secret_source key = { broker->config->secret_key_file,
		"APCA_API_SECRET_KEY", "APCA_API_SECRET_KEY" };
	struct error warning = { "" }, error = { "" };

	if (secret_load(&id, &warning, &error, &broker->key_id) == 0 &&
	    secret_load(&key, &warning, &error, &broker->secret_key) == 0)
		return;
	broker->is_locked = true;
	broker->why = "no keys";
}

static int
alpaca_create(const struct config_trading *trading, struct broker **ret_broker)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (!broker)
		return -ENOMEM;
	broker->config = &trading->alpaca;
	if (http_new(on_alive, broker, &broker->http) < 0) {
		alpaca_free(broker);
		return -ENOMEM;
	}
	load_keys(broker);
	*ret_broker = broker;
	return 0;
}

static struct order_terms
alpaca_terms(const struct config_trading *trading)
{
	return (struct order_terms){
		.dedup = ORDER_DEDUP_FOREVER,
		.settle_ns = trading->alpaca.settle_ns,
		.max_age_ns = trading->alpaca.max_age_ns,
		.watch_ns = DAY_NS,
	};
}

static void
alpaca_set_alive(struct broker *broker, broker_alive alive, void *data)
{
	broker->alive = alive;
	broker->alive_data = data;
}

static int64_t
alpaca_ready_ns(const struct broker *broker, const char **ret_why)
{
	*ret_why = broker->why;
	if (broker->is_locked)
		return INT64_MAX;
	return broker->not_before_ns;
}

static int
alpaca_keep_budget(struct broker *broker, const char *directory, struct error *error)
{
	if (broker->is_locked)
		return 0;
	return rate_open(directory, broker->config->base_url, broker->key_id.text,
	    broker->config->rate, error, &broker->rate);
}

static void
wait_for(struct broker *broker, int64_t wait_ns, const char *why)
{
	broker->not_before_ns = clock_monotonic_ns() + wait_ns;
	broker->why = why;
}

void
alpaca_learn(
    struct broker *broker, enum broker_result result, const struct http_answer *answer)
{
	switch (result) {
	case BROKER_BUSY:
		/* Our own budget has said for how long already. */
		if (answer->fate == HTTP_ANSWERED)
			wait_for(broker,
			    rate_reset_wait(answer->rate_reset_s, answer->date_s,
				answer->retry_after_s, clock_realtime_ns()),
			    "too many requests");
		return;
	case BROKER_LOCKED:
		broker->is_locked = true;
		broker->why = "the keys are not accepted";
		return;
	case BROKER_UNSENT:
	case BROKER_UNCLEAR:
		if (answer->is_ended)
			return;
		broker->backoff_ns = 2 * broker->backoff_ns;
		if (broker->backoff_ns < BACKOFF_MIN_NS)
			broker->backoff_ns = BACKOFF_MIN_NS;
		if (broker->backoff_ns > BACKOFF_MAX_NS)
			broker->backoff_ns = BACKOFF_MAX_NS;
		wait_for(broker, broker->backoff_ns, "it does not answer");
		return;
	case BROKER_SHOWN:
	case BROKER_DONE:
	case BROKER_NOT_FOUND:
	case BROKER_DENIED:
	case BROKER_DUPLICATE:
		break;
	}
	broker->backoff_ns = broker->not_before_ns = 0;
	broker->why = NULL;
}

/* Whether the account has a request left. Return: BROKER_DONE, BROKER_BUSY, or
 * BROKER_UNSENT: nobody knows. */
static enum broker_result
take_ticket(struct broker *broker, const struct call *call,
    struct rate_ticket *ret_ticket, char text[BROKER_TEXT_MAX])
{
	struct error error = { "" };
	int64_t wait_ns = 0;
	int r;

	if (!broker->rate)
		return BROKER_DONE;
	r = rate_take(
	    broker->rate, call->timeout_ns + NS_PER_S, ret_ticket, &wait_ns, &error);
	if (r == 0)
		return BROKER_DONE;
	snprintf(text, BROKER_TEXT_MAX, "%.*s", BROKER_TEXT_MAX - 1,
	    error.text[0] ? error.text : "the account's requests are used up");
	if (r < 0)
		return BROKER_UNSENT;
	wait_for(broker, wait_ns, "the account's requests are used up");
	return BROKER_BUSY;
}

static void
give_back(struct broker *broker, const struct rate_ticket *ticket,
    const struct http_answer *answer)
{
	struct error error = { "" };

	/* What cannot be written leaves the budget smaller than it is. */
	if (broker->rate)
		(void)rate_done(broker->rate, ticket, answer, &error);
}

static void
send_request(struct broker *broker, const char *url, struct call *call)
{
	const struct http_header headers[] = {
		{ "APCA-API-KEY-ID", broker->key_id.text },
		{ "APCA-API-SECRET-KEY", broker->secret_key.text },
	};
	const struct http_request request = {
		.method = call->method,
		.url = url,
		.body = call->body,
		.headers = headers,
		.n_headers = ARRAY_SIZE(headers),
		.timeout_ns = call->timeout_ns,
		.answer_max = call->answer_max,
		.is_text = true,
	};

	http_perform(broker->http, &request, &call->answer);
}

enum broker_result
alpaca_perform(struct broker *broker, struct call *call, char text[BROKER_TEXT_MAX])
{
	_cleanup_free_ char *url = url_join(broker->config->base_url, call->path);
	struct rate_ticket ticket = { 0 };
	enum broker_result result;

	call->answer = (struct http_answer){ 0 };
	if (call->timeout_ns == 0 || call->timeout_ns > broker->config->timeout_ns)
		call->timeout_ns = broker->config->timeout_ns;
	if (broker->is_locked) {
		snprintf(text, BROKER_TEXT_MAX, "%s", broker->why);
		return BROKER_LOCKED;
	}
	if (!url) {
		snprintf(text, BROKER_TEXT_MAX, "out of memory");
		return BROKER_UNSENT;
	}
	result = take_ticket(broker, call, &ticket, text);
	if (result != BROKER_DONE)
		return result;
	send_request(broker, url, call);
	give_back(broker, &ticket, &call->answer);
	if (call->answer.fate == HTTP_ANSWERED)
		return alpaca_result(call->method == HTTP_POST, call->answer.status,
		    call->answer.body, call->answer.length, text);
	snprintf(text, BROKER_TEXT_MAX, "%.*s", BROKER_TEXT_MAX - 1,
	    call->answer.error.text);
	return call->answer.fate == HTTP_UNSENT ? BROKER_UNSENT : BROKER_UNCLEAR;
}

/* The order in an answer that is to have one. */
static enum broker_result
read_order(
    const struct call *call, const char *client_order_id, struct broker_reply *reply)
{
	if (call->answer.status != 200 || alpaca_parse_order(call->answer.body,
					      call->answer.length, &reply->view) != 0) {
		snprintf(reply->text, sizeof(reply->text),
		    "%d: the answer is not an order", call->answer.status);
		return BROKER_UNCLEAR;
	}
	if (strcmp(reply->view.client_order_id, client_order_id) != 0) {
		snprintf(
		    reply->text, sizeof(reply->text), "the answer is of another order");
		return BROKER_UNCLEAR;
	}
	return BROKER_SHOWN;
}

static void
call_for_order(struct broker *broker, struct call *call, const char *client_order_id,
    struct broker_reply *ret_reply)
{
	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, call, ret_reply->text);
	if (ret_reply->result == BROKER_DONE)
		ret_reply->result = read_order(call, client_order_id, ret_reply);
	ret_reply->is_answered = call->answer.fate == HTTP_ANSWERED;
	alpaca_learn(broker, ret_reply->result, &call->answer);
	http_answer_deinit(&call->answer);
}

static void
alpaca_post(struct broker *broker, const struct broker_request *request,
    struct broker_reply *ret_reply)
{
	_cleanup_free_ char *body = alpaca_order_body(request);
	struct call call = { .method = HTTP_POST,
		.path = "/v2/orders",
		.body = body,
		.answer_max = ORDER_ANSWER_MAX };

	if (!body) {
		*ret_reply = (struct broker_reply){ .result = BROKER_DENIED,
			.text = "its symbol is no text that JSON can hold" };
		return;
	}
	call_for_order(broker, &call, request->client_order_id, ret_reply);
}

static void
alpaca_look_up(
    struct broker *broker, const char *client_order_id, struct broker_reply *ret_reply)
{
	char path[64 + 3 * ORDER_ID_MAX] =
	    "/v2/orders:by_client_order_id?client_order_id=";
	struct call call = {
		.method = HTTP_GET, .path = path, .answer_max = ORDER_ANSWER_MAX
	};

	if (!url_escape(client_order_id, path, sizeof(path))) {
		*ret_reply = (struct broker_reply){ .result = BROKER_UNSENT,
			.text = "its id is too long for a request" };
		return;
	}
	call_for_order(broker, &call, client_order_id, ret_reply);
}

/* A request whose answer is in its status alone. */
static void
call_for_status(struct broker *broker, enum http_method method, const char *path,
    struct broker_reply *ret_reply)
{
	struct call call = {
		.method = method, .path = path, .answer_max = LIST_ANSWER_MAX
	};

	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, &call, ret_reply->text);
	alpaca_learn(broker, ret_reply->result, &call.answer);
	http_answer_deinit(&call.answer);
}

static void
alpaca_take_back(struct broker *broker, const char *id, struct broker_reply *ret_reply)
{
	char path[sizeof("/v2/orders/") + BROKER_ID_MAX];

	snprintf(path, sizeof(path), "/v2/orders/%s", id);
	call_for_status(broker, HTTP_DELETE, path, ret_reply);
}

static void
alpaca_cancel_all(struct broker *broker, struct broker_reply *ret_reply)
{
	call_for_status(broker, HTTP_DELETE, "/v2/orders", ret_reply);
}

static void
alpaca_close_all(struct broker *broker, struct broker_reply *ret_reply)
{
	call_for_status(
	    broker, HTTP_DELETE, "/v2/positions?cancel_orders=true", ret_reply);
}

/* struct listing - all pages of the open orders, each order once */
struct listing {
	broker_on_view on_view;
	void *data;
	char (*ids)[BROKER_ID_MAX]; /* of the last page and the one before, which may
				       overlap it */
	size_t n_ids, n_page, n_new;
	int64_t last_ns;
};

static int
on_listed(const struct broker_view *view, void *data)
{
	struct listing *listing = data;

	if (++listing->n_page > PAGE_SIZE)
		return -EBADMSG;
	listing->last_ns = view->submitted_ns;
	for (size_t i = 0; i < listing->n_ids; i++)
		if (strcmp(listing->ids[i], view->id) == 0)
			return 0;
	strcpy(listing->ids[listing->n_ids++], view->id);
	listing->n_new++;
	return listing->on_view(view, listing->data);
}

/* One page. Return: 0; 1: there may be more; else as on_view. */
static int
read_page(struct broker *broker, struct listing *listing, struct broker_reply *reply)
{
	char path[128 + TIMESTAMP_TEXT_MAX], after[TIMESTAMP_TEXT_MAX];
	struct call call = {
		.method = HTTP_GET, .path = path, .answer_max = LIST_ANSWER_MAX
	};
	int r = 0;

	/* `after` leaves out its own moment, in which there may be more orders than
	 * the page had room for: ask from just before it. */
	timestamp_format(listing->last_ns - 1, after);
	snprintf(path, sizeof(path),
	    "/v2/orders?status=open&limit=%d&direction=asc%s%s", PAGE_SIZE,
	    listing->last_ns ? "&after=" : "", listing->last_ns ? after : "");
	listing->n_page = listing->n_new = 0;
	reply->result = alpaca_perform(broker, &call, reply->text);
	if (reply->result == BROKER_DONE) {
		r = alpaca_list_orders(
		    call.answer.body, call.answer.length, on_listed, listing);
		if (r == -EBADMSG || r == -ENOMEM) {
			snprintf(reply->text, sizeof(reply->text),
			    "%d: the answer is not a list of orders",
			    call.answer.status);
			reply->result = BROKER_UNCLEAR;
			r = 0;
		}
	}
	alpaca_learn(broker, reply->result, &call.answer);
	http_answer_deinit(&call.answer);
	if (reply->result != BROKER_DONE || r != 0 || listing->n_page < PAGE_SIZE)
		return r;
	if (listing->n_new > 0 && listing->last_ns != 0)
		return 1;
	snprintf(reply->text, sizeof(reply->text),
	    "more open orders of one moment than a page has");
	reply->result = BROKER_UNCLEAR;
	return 0;
}

static int
alpaca_each_open(struct broker *broker, broker_on_view on_view, void *data,
    struct broker_reply *ret_reply)
{
	struct listing listing = { .on_view = on_view, .data = data };
	int r = 1;

	*ret_reply = (struct broker_reply){ .result = BROKER_UNSENT };
	listing.ids = calloc((size_t)PAGES_MAX * PAGE_SIZE, BROKER_ID_MAX);
	if (!listing.ids) {
		snprintf(ret_reply->text, sizeof(ret_reply->text), "out of memory");
		return 0;
	}
	for (int page = 0; page < PAGES_MAX && r == 1; page++)
		r = read_page(broker, &listing, ret_reply);
	free(listing.ids);
	if (r == 1) {
		snprintf(ret_reply->text, sizeof(ret_reply->text),
		    "more than %d open orders", PAGES_MAX * PAGE_SIZE);
		ret_reply->result = BROKER_UNCLEAR;
		r = 0;
	}
	return r;
}

static int
alpaca_each_position(struct broker *broker, broker_on_position on_position, void *data,
    struct broker_reply *ret_reply)
{
	struct call call = { .method = HTTP_GET,
		.path = "/v2/positions",
		.answer_max = LIST_ANSWER_MAX };
	int r = 0;

	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, &call, ret_reply->text);
	if (ret_reply->result == BROKER_DONE)
		r = alpaca_list_positions(
		    call.answer.body, call.answer.length, on_position, data);
	if (r == -EBADMSG) {
		snprintf(ret_reply->text, sizeof(ret_reply->text),
		    "%d: the answer is not a list of positions", call.answer.status);
		ret_reply->result = BROKER_UNCLEAR;
		r = 0;
	}
	alpaca_learn(broker, ret_reply->result, &call.answer);
	http_answer_deinit(&call.answer);
	return r;
}

static void
alpaca_cash(struct broker *broker, int64_t *ret_cash, struct broker_reply *ret_reply)
{
	struct call call = { .method = HTTP_GET,
		.path = "/v2/account",
		.answer_max = ORDER_ANSWER_MAX };

	*ret_reply = (struct broker_reply){ 0 };
	ret_reply->result = alpaca_perform(broker, &call, ret_reply->text);
	if (ret_reply->result == BROKER_DONE &&
	    alpaca_parse_cash(call.answer.body, call.answer.length, ret_cash) != 0) {
		snprintf(ret_reply->text, sizeof(ret_reply->text),
		    "%d: the answer is not an account", call.answer.status);
		ret_reply->result = BROKER_UNCLEAR;
	}
	alpaca_learn(broker, ret_reply->result, &call.answer);
	http_answer_deinit(&call.answer);
}

const struct broker_ops broker_alpaca = {
	.name = "alpaca",
	.id_limit = ID_LIMIT,
	.create = alpaca_create,
	.free = alpaca_free,
	.terms = alpaca_terms,
	.keep_budget = alpaca_keep_budget,
	.set_alive = alpaca_set_alive,
	.ready_ns = alpaca_ready_ns,
	.post = alpaca_post,
	.look_up = alpaca_look_up,
	.take_back = alpaca_take_back,
	.each_open = alpaca_each_open,
	.each_position = alpaca_each_position,
	.cash = alpaca_cash,
	.clock = alpaca_clock,
	.calendar = alpaca_calendar,
	.cancel_all = alpaca_cancel_all,
	.close_all = alpaca_close_all,
};
