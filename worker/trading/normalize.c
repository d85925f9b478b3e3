/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes events of records, and remembers for each symbol what the rules need: the time
 * and price before, which way the price last moved, and how many clusters had the last
 * cluster's time. Pure: it neither reads the feed nor knows what events are for.
 */
#include "worker/trading/normalize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/decimal.h"
#include "worker/trading/bytes.h"
#include "worker/trading/symbols.h"

/*
 * The form of the saved bytes. When it changes, old bytes are refused, and the feed is
 * replayed.
 */
#define SAVED_FORM "normalize 1"

/**
 * struct last_cluster - of one symbol and side; @count clusters have had this time so
 * far
 */
struct last_cluster {
	int64_t time_ns;
	uint64_t count;
};

struct track {
	bool has_event;
	int64_t time_ns, price;	     /* of the last valid event, if there was one */
	enum tradesup_side tick;     /* which way the price last moved */
	struct last_cluster last[2]; /* by enum tradesup_side */
};

struct normalizer {
	struct symbols symbols;
	struct track *tracks; /* by the index in symbols */
	uint32_t n_tracks;    /* as many as there is room for */
};

struct normalizer *
normalizer_new(void)
{
	struct normalizer *normalizer = calloc(1, sizeof(*normalizer));

	if (normalizer)
		symbols_init(&normalizer->symbols);
	return normalizer;
}

struct normalizer *
normalizer_free(struct normalizer *normalizer)
{
	if (!normalizer)
		return NULL;
	symbols_deinit(&normalizer->symbols);
	free(normalizer->tracks);
	free(normalizer);
	return NULL;
}

void
normalizer_freep(struct normalizer **normalizer)
{
	normalizer_free(*normalizer);
}

static int
make_tracks(struct normalizer *normalizer, uint32_t n)
{
	struct track *tracks;

	if (n <= normalizer->n_tracks)
		return 0;
	if (n < normalizer->n_tracks * 2)
		n = normalizer->n_tracks * 2;
	tracks = reallocarray(normalizer->tracks, n, sizeof(*tracks));
	if (!tracks)
		return -ENOMEM;
	for (uint32_t i = normalizer->n_tracks; i < n; i++)
		tracks[i] = (struct track){ .tick = TRADESUP_BUY };
	normalizer->tracks = tracks;
	normalizer->n_tracks = n;
	return 0;
}

static int
find_symbol(
    struct normalizer *normalizer, const char *name, size_t length, uint32_t *ret_index)
{
	uint32_t index;
	int r;

	r = symbols_add(&normalizer->symbols, name, length, &index);
	if (r < 0)
		return r;
	r = make_tracks(normalizer, index + 1);
	if (r < 0)
		return r;
	*ret_index = index;
	return 0;
}

/* NULL: the record alone is fine. */
static const char *
refuse(const struct feed_record *record)
{
	if (record->broken)
		return record->broken;
	if (record->price <= 0)
		return "price: not above 0";
	if (record->size <= 0)
		return "size: not above 0";
	if (record->has_notional && record->notional <= 0)
		return "notional: not above 0";
	return NULL;
}

/*
 * The tick rule. It moves with every event, so that a feed which gives a side now and
 * then has the right one for the others.
 */
static enum tradesup_side
move_tick(struct track *track, int64_t price)
{
	if (track->has_event && price != track->price)
		track->tick = price > track->price ? TRADESUP_BUY : TRADESUP_SELL;
	track->price = price;
	return track->tick;
}

static enum tradesup_side
side_of(const struct feed_record *record, enum tradesup_side tick)
{
	switch (record->side) {
	case FEED_SIDE_BUY:
		return TRADESUP_BUY;
	case FEED_SIDE_SELL:
		return TRADESUP_SELL;
	case FEED_SIDE_NONE:
		break;
	}
	return tick;
}

int
normalize(struct normalizer *normalizer, const struct feed_record *record,
    struct tradesup_event *ret_event, const char **ret_why)
{
	struct track *track;
	uint32_t index;
	const char *why;
	int r;

	why = refuse(record);
	if (why) {
		*ret_why = why;
		return NORMALIZE_E_DROP;
	}
	r = find_symbol(normalizer, record->symbol, strlen(record->symbol), &index);
	if (r == -ENOSPC) {
		*ret_why = "symbol: too many different ones";
		return NORMALIZE_E_DROP;
	}
	if (r < 0)
		return r;

	track = &normalizer->tracks[index];
	if (track->has_event && record->time_ns < track->time_ns) {
		*ret_why = "time: before the symbol's last event";
		return NORMALIZE_E_DROP;
	}
	*ret_event = (struct tradesup_event){
		.time_ns = record->time_ns,
		.symbol = symbols_name(&normalizer->symbols, index),
		.symbol_index = index,
		.side = side_of(record, move_tick(track, record->price)),
		.price = record->price,
		.size = record->size,
		.notional = record->has_notional
				? record->notional
				: decimal_mul(record->price, record->size),
		.id = record->id,
	};
	track->has_event = true;
	track->time_ns = record->time_ns;
	return 0;
}

void
normalizer_cluster_id(struct normalizer *normalizer, const struct tradesup_event *event,
    enum tradesup_side side, char ret_id[CLUSTER_ID_MAX])
{
	struct last_cluster *last = &normalizer->tracks[event->symbol_index].last[side];

	if (last->time_ns != event->time_ns) {
		last->time_ns = event->time_ns;
		last->count = 0;
	}
	snprintf(ret_id, CLUSTER_ID_MAX, "%s-%s-%" PRId64 "-%" PRIu64, event->symbol,
	    side == TRADESUP_BUY ? "buy" : "sell", event->time_ns, last->count);
	last->count++;
}

const char *
normalizer_symbol(const struct normalizer *normalizer, uint32_t index)
{
	return symbols_name(&normalizer->symbols, index);
}

uint32_t
normalizer_symbols(const struct normalizer *normalizer)
{
	return normalizer->symbols.count;
}

static void
save_track(struct bytes_writer *writer, const struct track *track)
{
	bytes_put_u64(writer, track->has_event);
	bytes_put_u64(writer, (uint64_t)track->time_ns);
	bytes_put_u64(writer, (uint64_t)track->price);
	bytes_put_u64(writer, track->tick);
	for (size_t i = 0; i < ARRAY_SIZE(track->last); i++) {
		bytes_put_u64(writer, (uint64_t)track->last[i].time_ns);
		bytes_put_u64(writer, track->last[i].count);
	}
}

int
normalizer_save(const struct normalizer *normalizer, tradesup_write write, void *data)
{
	struct bytes_writer writer;

	bytes_writer_init(&writer, write, data);
	bytes_put_text(&writer, SAVED_FORM);
	bytes_put_u64(&writer, normalizer->symbols.count);
	for (uint32_t i = 0; i < normalizer->symbols.count; i++) {
		bytes_put_text(&writer, symbols_name(&normalizer->symbols, i));
		save_track(&writer, &normalizer->tracks[i]);
	}
	return bytes_writer_finish(&writer);
}

static int
load_track(struct bytes_reader *reader, struct track *track)
{
	uint64_t has_event = bytes_get_u64(reader);
	int64_t time_ns = (int64_t)bytes_get_u64(reader);
	int64_t price = (int64_t)bytes_get_u64(reader);
	uint64_t tick = bytes_get_u64(reader);

	if (has_event > 1 || tick > TRADESUP_SELL)
		return -EINVAL;
	*track = (struct track){
		.has_event = has_event,
		.time_ns = time_ns,
		.price = price,
		.tick = (enum tradesup_side)tick,
	};
	for (size_t i = 0; i < ARRAY_SIZE(track->last); i++) {
		track->last[i].time_ns = (int64_t)bytes_get_u64(reader);
		track->last[i].count = bytes_get_u64(reader);
	}
	return reader->broken ? -EINVAL : 0;
}

static int
load_symbol(struct normalizer *normalizer, struct bytes_reader *reader)
{
	uint32_t before = normalizer->symbols.count, index;
	const char *name;
	size_t length;
	int r;

	name = bytes_get_text(reader, &length);
	if (length == 0 || length > FEED_SYMBOL_MAX || memchr(name, '\0', length))
		return -EINVAL;
	r = find_symbol(normalizer, name, length, &index);
	if (r < 0)
		return r == -ENOSPC ? -EINVAL : r;
	/* Twice the same name would give two symbols one index. */
	if (index != before)
		return -EINVAL;
	return load_track(reader, &normalizer->tracks[index]);
}

int
normalizer_load(struct normalizer *normalizer, const void *bytes, size_t length)
{
	struct bytes_reader reader;
	uint64_t n;
	int r;

	bytes_reader_init(&reader, bytes, length);
	if (normalizer->symbols.count > 0 || !bytes_get_magic(&reader, SAVED_FORM))
		return -EINVAL;
	n = bytes_get_u64(&reader);
	for (uint64_t i = 0; i < n; i++) {
		r = load_symbol(normalizer, &reader);
		if (r < 0)
			return r;
	}
	return bytes_is_done(&reader) ? 0 : -EINVAL;
}
