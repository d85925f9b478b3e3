/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed that needs no data: trades that look like a market's, the same for the same
 * seed, symbols and rate, on every machine (integers only).
 *
 * Every event is a function of the seed and its number, never of the event before it,
 * so that a position is a number and a resume costs nothing. A price that wanders
 * without a memory is a sum of waves: hash values at the ends of intervals of 1 s, 4 s,
 * 16 s, … 18 h, with a straight line between them, and an interval four times as long
 * swings twice as far, as in a random walk. Each symbol's time is cut into phases of
 * three minutes; in half of them the flow is balanced, in a quarter nearly all buy, in
 * a quarter nearly all sell, and in larger size: these make the clusters.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/decimal.h"
#include "worker/trading/feed_ops.h"

#define EPOCH_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define SECONDS_MAX (INT64_MAX / NS_PER_S - EPOCH_S - 1)

#define PHASE_S 180
#define BURST_PERCENT 95 /* of a one-sided phase's events are on its side */
#define BURST_SIZE 3

#define WAVES 9	       /* the longest interval is 4^8 s */
#define WAVE_PPM 100   /* how far the shortest one swings, in millionths of the price */
#define SPREAD_PPM 100 /* half of it: what a buyer pays above the middle */

/* Sizes are whole multiples of 0.0001. */
#define SIZE_STEP (DECIMAL_ONE / 10000)

#define POSITION_FORMAT                                                                \
	"synthetic/1 next=%" PRIu64 " seed=%" PRIu64 " rate=%" PRIu64                  \
	" symbols=%" PRIu32

/* What a hash is for; so that no two uses share one. */
enum purpose {
	FOR_SYMBOL,
	FOR_TIME,
	FOR_BASE,
	FOR_PHASE,
	FOR_SIDE,
	FOR_SIZE,
	FOR_WAVE
};

enum phase { PHASE_BUY, PHASE_SELL, PHASE_BALANCED };

struct synthetic {
	struct feed base;
	struct config_synthetic config;
	uint64_t next; /* number of the next event */
	char symbol[16], id[24];
};

/** struct moment - an event's time, and in which second it is */
struct moment {
	int64_t second; /* since EPOCH_S */
	int64_t ns;	/* within the second */
};

/* The finaliser of SplitMix64 over all that the value depends on. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t
hash(const struct synthetic *synthetic, enum purpose purpose, uint64_t a, uint64_t b)
{
	return mix(mix(mix(synthetic->config.seed + (uint64_t)purpose) ^ a) + b);
}

/* False: past the end of time, which an int64_t has in 2262. */
static bool
moment_of(const struct synthetic *synthetic, uint64_t n, struct moment *ret_moment)
{
	uint64_t rate = synthetic->config.rate;
	uint64_t second = n / rate;
	int64_t gap = (int64_t)((uint64_t)NS_PER_S / rate);
	__int128 ns = (__int128)(n % rate) * NS_PER_S / rate;

	if (second > (uint64_t)SECONDS_MAX)
		return false;
	if (gap > 1)
		ns += (int64_t)(hash(synthetic, FOR_TIME, n, 0) % (uint64_t)gap);
	ret_moment->second = (int64_t)second;
	ret_moment->ns = (int64_t)ns;
	return true;
}

/* A value from -WAVE_PPM to WAVE_PPM times 2^@wave, for one interval's end. */
static int64_t
wave_end(
    const struct synthetic *synthetic, uint32_t symbol, unsigned wave, int64_t interval)
{
	uint64_t place = (uint64_t)interval << 4 | wave;
	int64_t swing = WAVE_PPM * 1000 * (INT64_C(1) << wave);

	return (int64_t)(hash(synthetic, FOR_WAVE, symbol, place) %
			 (uint64_t)(2 * swing + 1)) -
	       swing;
}

/* How far the price is from the symbol's base, in thousandths of a millionth. */
static int64_t
deviation(
    const struct synthetic *synthetic, uint32_t symbol, const struct moment *moment)
{
	int64_t now_ms = moment->second * 1000 + moment->ns / 1000000;
	int64_t sum = 0;

	for (unsigned wave = 0; wave < WAVES; wave++) {
		int64_t length_ms = INT64_C(1000) << (2 * wave);
		int64_t interval = now_ms / length_ms, into = now_ms % length_ms;
		int64_t from = wave_end(synthetic, symbol, wave, interval);
		int64_t to = wave_end(synthetic, symbol, wave, interval + 1);

		sum += from + (to - from) * into / length_ms;
	}
	return sum;
}

/* From 100 to 50000, as many symbols in each doubling. */
static int64_t
base_price(const struct synthetic *synthetic, uint32_t symbol)
{
	uint64_t value = hash(synthetic, FOR_BASE, symbol, 0);
	int64_t octave = DECIMAL_ONE * 100 << (value % 9);

	return octave + octave / 1000 * (int64_t)((value >> 32) % 950);
}

/* The price's last digit that moves: five of them count. */
static int64_t
tick_of(int64_t price)
{
	int64_t tick = 1;

	while (price / tick >= 100000)
		tick *= 10;
	return tick;
}

static enum phase
phase_of(const struct synthetic *synthetic, uint32_t symbol, int64_t second)
{
	/* The symbols do not change phase at the same time. */
	int64_t shift = (int64_t)(hash(synthetic, FOR_PHASE, symbol, 0) % PHASE_S);
	uint64_t draw = hash(synthetic, FOR_PHASE, symbol,
			    1 + (uint64_t)((second + shift) / PHASE_S)) %
			4;

	return draw == 0 ? PHASE_BUY : draw == 1 ? PHASE_SELL : PHASE_BALANCED;
}

static enum feed_side
side_of(const struct synthetic *synthetic, uint64_t n, enum phase phase)
{
	uint64_t percent = hash(synthetic, FOR_SIDE, n, 0) % 100;
	uint64_t buys = 50;

	if (phase == PHASE_BUY)
		buys = BURST_PERCENT;
	else if (phase == PHASE_SELL)
		buys = 100 - BURST_PERCENT;
	return percent < buys ? FEED_SIDE_BUY : FEED_SIDE_SELL;
}

/*
 * Most trades are worth 200 to 2000, one in 16 five times as much, and all of them more
 * in a one-sided phase.
 */
static int64_t
size_of(const struct synthetic *synthetic, uint64_t n, enum phase phase, int64_t price)
{
	uint64_t draw = hash(synthetic, FOR_SIZE, n, 0);
	int64_t worth = 200 + (int64_t)(draw % 1800);
	__int128 size;

	if ((draw >> 32) % 16 == 0)
		worth *= 5;
	if (phase != PHASE_BALANCED)
		worth *= BURST_SIZE;
	size = (__int128)worth * DECIMAL_ONE * DECIMAL_ONE / price;
	return (int64_t)(size / SIZE_STEP) * SIZE_STEP;
}

static int64_t
price_of(const struct synthetic *synthetic, uint32_t symbol,
    const struct moment *moment, enum feed_side side)
{
	int64_t base = base_price(synthetic, symbol), price;
	int64_t billionths = deviation(synthetic, symbol, moment) +
			     (side == FEED_SIDE_BUY ? SPREAD_PPM : -SPREAD_PPM) * 1000;

	price = base + (int64_t)((__int128)base * billionths / 1000000000);
	return price - price % tick_of(price);
}

static int
synthetic_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	struct synthetic *synthetic = (struct synthetic *)feed;
	uint64_t n = synthetic->next;
	struct moment moment;
	enum phase phase;
	uint32_t symbol;

	(void)error;
	if (synthetic->config.events > 0 && n >= synthetic->config.events)
		return FEED_E_END;
	if (!moment_of(synthetic, n, &moment))
		return FEED_E_END;

	symbol =
	    (uint32_t)(hash(synthetic, FOR_SYMBOL, n, 0) % synthetic->config.symbols);
	phase = phase_of(synthetic, symbol, moment.second);
	snprintf(synthetic->symbol, sizeof(synthetic->symbol), "SYN%" PRIu32, symbol);
	snprintf(synthetic->id, sizeof(synthetic->id), "%" PRIu64, n + 1);
	*ret_record = (struct feed_record){
		.time_ns = (EPOCH_S + moment.second) * NS_PER_S + moment.ns,
		.symbol = synthetic->symbol,
		.side = side_of(synthetic, n, phase),
		.id = synthetic->id,
	};
	ret_record->price = price_of(synthetic, symbol, &moment, ret_record->side);
	ret_record->size = size_of(synthetic, n, phase, ret_record->price);
	synthetic->next++;
	return 0;
}

static void
synthetic_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	const struct synthetic *synthetic = (const struct synthetic *)feed;
	const struct config_synthetic *config = &synthetic->config;

	snprintf(ret_position, FEED_POSITION_MAX, POSITION_FORMAT, synthetic->next,
	    config->seed, config->rate, config->symbols);
	feed_position_seal(ret_position);
}

/*
 * Everything but the number must be what the config says, or the events would be
 * others.
 */
static int
resume(struct synthetic *synthetic, const char *position, struct error *error)
{
	char plain[FEED_POSITION_MAX], ours[FEED_POSITION_MAX];

	if (feed_position_unseal(position, plain) < 0 ||
	    sscanf(plain, "synthetic/1 next=%" SCNu64, &synthetic->next) != 1)
		return error_set(error, FEED_E_DATA,
		    "synthetic: the cursor is damaged, or another feed's: %s",
		    position);
	synthetic_position(&synthetic->base, ours);
	if (strcmp(ours, position) != 0)
		return error_set(error, FEED_E_DATA,
		    "synthetic: the cursor was made with other parameters: %s", plain);
	return 0;
}

static int
synthetic_open(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	_cleanup_free_ struct synthetic *synthetic = calloc(1, sizeof(*synthetic));
	int r;

	(void)place;
	if (!synthetic)
		return error_set(error, -ENOMEM, "out of memory");
	synthetic->base.ops = &feed_synthetic_ops;
	synthetic->config = trading->synthetic;
	if (synthetic->config.rate == 0 || synthetic->config.symbols == 0)
		return error_set(
		    error, -EINVAL, "synthetic: rate and symbols must be 1 or more");
	if (position[0] != '\0') {
		r = resume(synthetic, position, error);
		if (r != 0)
			return r;
	}
	*ret_feed = &steal(&synthetic)->base;
	return 0;
}

static void
synthetic_free(struct feed *feed)
{
	free(feed);
}

const struct feed_ops feed_synthetic_ops = {
	.open = synthetic_open,
	.next = synthetic_next,
	.position = synthetic_position,
	.free = synthetic_free,
};
