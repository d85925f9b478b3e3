/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trading section of a worker, as a struct. Amounts are decimals of 1e-8. The
 * meaning of each key is in tradesup.conf(5).
 */
#pragma once

#include "common/config.h"

enum feed_kind { FEED_SYNTHETIC, FEED_FILE, FEED_HTTP, FEED_ALPACA, FEED_FLOW_ALERTS };
enum feed_format { FEED_FORMAT_AUTO, FEED_FORMAT_CSV, FEED_FORMAT_NDJSON };
/* When orders may be placed. */
enum session_kind { SESSION_ALWAYS, SESSION_US_EQUITIES };
enum broker_kind { BROKER_PAPER, BROKER_ALPACA };

struct config_synthetic {
	uint64_t seed;
	uint64_t events;  /* 0: endless */
	uint64_t rate;	  /* events per second of feed time; >= 1 */
	uint32_t symbols; /* >= 1 */
};

struct config_file {
	char *path; /* absolute, or relative to the working directory after resolving */
	enum feed_format format;
	enum time_unit time_unit;
	char *time, *symbol, *side, *price, *size, *id,
	    *notional;	    /* column names; "": the feed has none */
	char *fixed_symbol; /* "": read the symbol column */
	bool follow;
};

/* Feeds over a network. A base_url has passed url_check_base(), the url url_parse(), if
 * the feed is the one in use. */

struct config_http {
	char *url;
	int64_t interval_ns;	 /* > 0 */
	struct config_file file; /* of what is at the URL; no path, and followed */
};

struct config_alpaca_data {
	char *base_url;
	char **symbols;		 /* NULL-terminated; at least one */
	int64_t interval_ns;	 /* > 0 */
	int64_t feed_max_age_ns; /* > 0 */
};

struct config_flow_alerts {
	char *base_url;
	char *token_file;	 /* NULL: the environment */
	int64_t interval_ns;	 /* > 0 */
	uint32_t limit;		 /* alerts an answer; 1 to 200 */
	char **tickers;		 /* NULL-terminated; NULL: all */
	int64_t feed_max_age_ns; /* > 0 */
};

struct config_orders {
	int64_t order_notional; /* > 0 */
	int64_t lot;		/* > 0 */
	bool long_only;
	int64_t max_position_notional; /* 0: none */
	uint32_t max_orders_per_day;   /* 0: none */
};

struct config_paper {
	int64_t cash;	      /* >= 0 */
	int64_t fee_bps;      /* decimal; >= 0 */
	int64_t slippage_bps; /* decimal; 0 <= x < 10000 */
};

struct config_risk {
	int64_t max_order_notional; /* 0: none, as of all of these */
	uint32_t max_orders_per_cycle;
	uint32_t max_orders_per_minute;
	int64_t max_daily_loss;
	int64_t price_collar; /* percent, a decimal */
	char *kill_file;      /* NULL: none */
	enum session_kind session;
};

struct config_alpaca {
	char *base_url;			     /* url_check_base() has passed it */
	char *key_id_file, *secret_key_file; /* NULL: the environment */
	int64_t timeout_ns;		     /* of a request; > 0 */
	int64_t settle_ns;		     /* >= 0 */
	int64_t max_age_ns;		     /* > 0 */
	uint32_t rate;			     /* requests in 60 s at the most; >= 1 */
};

/** struct config_param - one `key = value` of a strategy's section, as text. */
struct config_param {
	char *key, *value;
};

struct config_trading {
	int64_t cycle_ns; /* 0: as fast as it goes */
	uint32_t batch;	  /* >= 1 */
	enum feed_kind feed;
	struct config_synthetic synthetic;
	struct config_file file;
	struct config_http http;
	struct config_alpaca_data alpaca_data;
	struct config_flow_alerts flow_alerts;
	char *strategy; /* a module's name, or a path (with a '/'; resolved against the
			   file's directory) */
	/* The section named after the module, in the file's order. For flow_cluster the
	 * values are checked and all keys are there, defaults too; a module of one's
	 * own gets what was written. */
	struct config_param *params;
	size_t n_params;
	struct config_orders orders;
	enum broker_kind broker;
	struct config_paper paper;
	struct config_risk risk;
	struct config_alpaca alpaca;
	char *registry; /* path, or NULL: the built-in one */
	uint32_t hash;	/* crc32 over the values that decide orders: strategy, params,
			   orders, broker, paper, and risk where a limit is set */
};

/** config_risk_is_limited() - whether any of its limits is set. */
bool config_risk_is_limited(const struct config_risk *risk);

/** config_trading_free() - Return: NULL. */
struct config_trading *config_trading_free(struct config_trading *trading);
