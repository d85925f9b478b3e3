/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes trades of the synthetic feed as CSV to standard output, as an exchange would:
 * milliseconds, no zeros at the end of a decimal.
 *
 *	make_feed EVENTS [SYMBOLS [RATE [SEED]]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "common/timestamp.h"
#include "worker/trading/feed.h"

static void
format_short(int64_t value, char out[DECIMAL_TEXT_MAX])
{
	size_t length = decimal_format(value, out);

	while (out[length - 1] == '0')
		length--;
	if (out[length - 1] == '.')
		length--;
	out[length] = '\0';
}

static void
print_record(const struct feed_record *record)
{
	char time[TIMESTAMP_TEXT_MAX], price[DECIMAL_TEXT_MAX], size[DECIMAL_TEXT_MAX];

	timestamp_format_ms(record->time_ns, time);
	format_short(record->price, price);
	format_short(record->size, size);
	printf("%s,%s,%s,%s,%s,%s\n", time, record->symbol,
	    record->side == FEED_SIDE_BUY ? "buy" : "sell", price, size, record->id);
}

static uint64_t
number_of(int argc, char **argv, int i, uint64_t by_default)
{
	return i < argc ? strtoull(argv[i], NULL, 10) : by_default;
}

int
main(int argc, char **argv)
{
	struct config_trading trading = {
		.feed = FEED_SYNTHETIC,
		.synthetic = {
			.events = number_of(argc, argv, 1, 0),
			.symbols = (uint32_t)number_of(argc, argv, 2, 8),
			.rate = number_of(argc, argv, 3, 1000),
			.seed = number_of(argc, argv, 4, 1),
		},
	};
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct error error = { 0 };
	struct feed_record record;

	if (trading.synthetic.events == 0) {
		fprintf(stderr, "usage: make_feed EVENTS [SYMBOLS [RATE [SEED]]]\n");
		return EXIT_USAGE;
	}
	if (feed_open(&trading, NULL, "", &error, &feed) != 0) {
		fprintf(stderr, "make_feed: %s\n", error.text);
		return 1;
	}
	puts("time,symbol,side,price,size,id");
	while (feed_next(feed, &record, &error) == 0)
		print_record(&record);
	return fflush(stdout) == 0 ? 0 : 1;
}
