/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a file feed. Any bytes are read or refused without harm; what comes out
 * keeps its bounds; and the rest of the records is the same from a position in the
 * middle. The first byte chooses format, unit and where the position is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "worker/trading/feed.h"
#include "worker/trading/normalize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
check_record(const struct feed_record *record)
{
	if (record->broken) {
		check(record->broken[0] != '\0');
		return;
	}
	check(strlen(record->symbol) > 0 && strlen(record->symbol) <= FEED_SYMBOL_MAX);
	check(strlen(record->id) <= FEED_ID_MAX);
}

static bool
is_same(const struct feed_record *a, const struct feed_record *b)
{
	if (a->broken || b->broken)
		return a->broken && b->broken && strcmp(a->broken, b->broken) == 0;
	return a->time_ns == b->time_ns && strcmp(a->symbol, b->symbol) == 0 &&
	       a->side == b->side && a->price == b->price && a->size == b->size &&
	       a->has_notional == b->has_notional &&
	       (!a->has_notional || a->notional == b->notional) &&
	       strcmp(a->id, b->id) == 0;
}

/* Both feeds stand at the same place; a normalizer looks on. */
static void
compare(struct feed *feed, struct feed *resumed)
{
	_cleanup_(normalizer_freep) struct normalizer *normalizer = normalizer_new();
	struct feed_record one, other;
	struct tradesup_event event;
	struct error error;
	const char *why;
	int r;

	check(normalizer != NULL);
	do {
		r = feed_next(feed, &one, &error);
		check(feed_next(resumed, &other, &error) == r);
		if (r != 0)
			break;
		check_record(&one);
		check(is_same(&one, &other));
		r = normalize(normalizer, &one, &event, &why);
		check(r == 0 || r == NORMALIZE_E_DROP);
	} while (r >= 0);
}

static void
read_feed(const struct config_trading *trading, unsigned skip)
{
	_cleanup_(feed_freep) struct feed *feed = NULL, *resumed = NULL;
	char position[FEED_POSITION_MAX];
	struct feed_record record;
	struct error error;

	if (feed_open(trading, NULL, "", &error, &feed) != 0)
		return;
	for (unsigned i = 0; i < skip; i++) {
		if (feed_next(feed, &record, &error) != 0)
			break;
		check_record(&record);
	}
	feed_position(feed, position);
	if (feed_open(trading, NULL, position, &error, &resumed) == 0)
		compare(feed, resumed);
	else
		check(error.text[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char time[] = "time", symbol[] = "symbol", side[] = "side",
		    price[] = "price", bytes[] = "size", id[] = "id",
		    notional[] = "notional", none[] = "";
	uint8_t choice = size > 0 ? data[0] : 0;
	_cleanup_close_ int fd = memfd_create("feed", MFD_CLOEXEC);
	struct config_trading trading = {
		.feed = FEED_FILE,
		.file = {
			.format = (enum feed_format)(choice % 3),
			.time_unit = (enum time_unit)(choice / 3 % 5),
			.time = time,
			.symbol = symbol,
			.side = side,
			.price = price,
			.size = bytes,
			.id = id,
			.notional = choice & 0x80 ? notional : none,
			.fixed_symbol = none,
		},
	};
	char path[32];

	if (size == 0 || fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	trading.file.path = path;
	read_feed(&trading, choice / 15 % 8);
	return 0;
}
