/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the values of a feed's section must have together. Which keys there are, and
 * their ranges, is config_trading.c's.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/url.h"

#define SYMBOL_MAX 64 /* longest symbol, in bytes */
#define SYMBOLS_MAX 100
/* All of them, as they stand in a URL: a comma becomes three bytes. */
#define SYMBOLS_TEXT_MAX 1024

/** struct section - the section of the feed in use, for messages */
struct section {
	struct config_reader *reader;
	struct config_place place;
	const struct syntax_entry *outer, *entry; /* entry: NULL: it is not there */
};

static unsigned
line_of(const struct section *section, const char *key)
{
	return section->entry ? config_line(section->entry, key)
			      : config_line(section->outer, "feed");
}

static void
check_columns(const struct section *section, const struct config_file *file)
{
	const struct {
		const char *key, *value;
	} needed[] = {
		{ "time", file->time },
		{ "price", file->price },
		{ "size", file->size },
		{ "symbol", file->fixed_symbol[0] ? file->fixed_symbol : file->symbol },
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (needed[i].value[0] == '\0')
			config_report(section->reader, &section->place,
			    line_of(section, needed[i].key), needed[i].key,
			    "is empty, and feed = %s needs it", section->place.name);
	}
	if (strlen(file->fixed_symbol) > SYMBOL_MAX)
		config_report(section->reader, &section->place,
		    line_of(section, "fixed_symbol"), "fixed_symbol",
		    "is longer than %d bytes", SYMBOL_MAX);
}

static void
check_file(const struct section *section, const struct config_file *file)
{
	if (file->path[0] == '\0')
		config_report(section->reader, &section->place,
		    line_of(section, "path"), "path",
		    "is empty, and feed = file needs it");
	check_columns(section, file);
}

static void
check_url(const struct section *section, const char *key, const char *wrong)
{
	if (wrong)
		config_report(section->reader, &section->place, line_of(section, key),
		    key, "%s", wrong);
}

/* A symbol stands in a URL, in a list with commas. */
static bool
is_symbol(const char *text)
{
	static const char others[] = ".-/_^";

	for (const char *c = text; *c; c++) {
		bool is_plain = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
				(*c >= '0' && *c <= '9') || strchr(others, *c);

		if (!is_plain)
			return false;
	}
	return *text && strlen(text) <= SYMBOL_MAX;
}

static void
check_symbols(const struct section *section, const char *key, char *const *symbols)
{
	size_t n = 0, length = 0;

	for (; symbols && symbols[n]; n++) {
		length += 3 * strlen(symbols[n]) + 3;
		if (!is_symbol(symbols[n]))
			config_report(section->reader, &section->place,
			    line_of(section, key), key, "'%.64s' is no symbol",
			    symbols[n]);
	}
	if (n > SYMBOLS_MAX || length > SYMBOLS_TEXT_MAX)
		config_report(section->reader, &section->place, line_of(section, key),
		    key, "names too many to ask for at once");
}

static void
check_alpaca_data(const struct section *section, struct config_alpaca_data *data)
{
	static const char *const by_default[] = { "AAPL" };
	bool is_given = section->entry && config_entry(section->entry, "symbols");

	check_url(section, "base_url", url_check_base(data->base_url));
	if (data->symbols)
		check_symbols(section, "symbols", data->symbols);
	else if (is_given)
		config_report(section->reader, &section->place,
		    line_of(section, "symbols"), "symbols", "is empty");
	else if (!(data->symbols = config_command(by_default, 1)))
		section->reader->errors.out_of_memory = true;
}

void
config_feeds_check(struct config_reader *reader, const struct config_place *outer,
    const struct syntax_entry *entry, struct config_trading *trading)
{
	static const char *const names[] = {
		[FEED_SYNTHETIC] = "synthetic",
		[FEED_FILE] = "file",
		[FEED_HTTP] = "http",
		[FEED_ALPACA] = "alpaca_data",
		[FEED_FLOW_ALERTS] = "flow_alerts",
	};
	const char *name = names[trading->feed];
	struct section section = { reader, { outer, name, NULL }, entry,
		config_entry(entry, name) };
	struct url url;

	switch (trading->feed) {
	case FEED_SYNTHETIC:
		break;
	case FEED_FILE:
		check_file(&section, &trading->file);
		break;
	case FEED_HTTP:
		check_url(&section, "url", url_parse(trading->http.url, &url));
		check_columns(&section, &trading->http.file);
		break;
	case FEED_ALPACA:
		check_alpaca_data(&section, &trading->alpaca_data);
		break;
	case FEED_FLOW_ALERTS:
		check_url(&section, "base_url",
		    url_check_base(trading->flow_alerts.base_url));
		check_symbols(&section, "tickers", trading->flow_alerts.tickers);
		break;
	}
}
