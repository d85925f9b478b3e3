/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds clusters. Pure: no clock, no input or output, nothing but libc. Each symbol has
 * two flows, one for each side: a ring of the events that are in the window, oldest
 * first, and the sum of their notional. So the oldest event of a side, its count and
 * both sums are at hand when an event comes, and no event is looked at more than twice.
 * What becomes of a cluster is not known here.
 */
#include "worker/trading/cluster.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "worker/trading/bytes.h"
#include "worker/trading/symbols.h"

/*
 * The form of the saved bytes. When it changes, old bytes are refused, and the feed is
 * replayed.
 */
#define SAVED_FORM "cluster 1"

#define RING_FIRST 16

/* Packed, since a window holds many: 24 bytes instead of 32. */
struct entry {
	__int128 notional;
	int64_t time_ns;
} __attribute__((packed, aligned(8)));

struct flow {
	struct entry *ring;
	size_t capacity; /* a power of two, or 0 */
	size_t head, count;
	__int128 sum; /* of the notional of all entries */
	bool fired;
	int64_t fired_ns; /* the last cluster's time, if fired */
};

struct pair {
	struct flow flows[2]; /* by enum tradesup_side */
};

struct cluster_finder {
	struct cluster_params params;
	struct symbols symbols;
	struct pair *pairs; /* by the index in symbols */
	uint32_t n_pairs;   /* as many as there is room for */
	/* An event's symbol_index to the index in symbols, + 1; 0: not seen yet. */
	uint32_t *slots;
	uint32_t n_slots;
};

struct cluster_finder *
cluster_finder_new(const struct cluster_params *params)
{
	struct cluster_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return NULL;
	finder->params = *params;
	symbols_init(&finder->symbols);
	return finder;
}

struct cluster_finder *
cluster_finder_free(struct cluster_finder *finder)
{
	if (!finder)
		return NULL;
	for (uint32_t i = 0; i < finder->n_pairs; i++) {
		free(finder->pairs[i].flows[TRADESUP_BUY].ring);
		free(finder->pairs[i].flows[TRADESUP_SELL].ring);
	}
	free(finder->pairs);
	free(finder->slots);
	symbols_deinit(&finder->symbols);
	free(finder);
	return NULL;
}

/*
 * Whether @time_ns is @span_ns or more before @now_ns (>= @time_ns). Times span more
 * than an int64_t, differences of 64 bits do not.
 */
static bool
is_past(int64_t time_ns, int64_t now_ns, int64_t span_ns)
{
	return (uint64_t)now_ns - (uint64_t)time_ns >= (uint64_t)span_ns;
}

static int
flow_grow(struct flow *flow)
{
	size_t capacity = flow->capacity ? flow->capacity * 2 : RING_FIRST;
	struct entry *ring = reallocarray(NULL, capacity, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < flow->count; i++)
		ring[i] = flow->ring[(flow->head + i) & (flow->capacity - 1)];
	free(flow->ring);
	flow->ring = ring;
	flow->capacity = capacity;
	flow->head = 0;
	return 0;
}

static int
flow_push(struct flow *flow, int64_t time_ns, __int128 notional)
{
	__int128 sum;
	int r;

	if (__builtin_add_overflow(flow->sum, notional, &sum))
		return -ERANGE;
	if (flow->count == flow->capacity) {
		r = flow_grow(flow);
		if (r < 0)
			return r;
	}
	flow->ring[(flow->head + flow->count) & (flow->capacity - 1)] =
	    (struct entry){ .notional = notional, .time_ns = time_ns };
	flow->count++;
	flow->sum = sum;
	return 0;
}

static void
flow_expire(struct flow *flow, int64_t now_ns, int64_t window_ns)
{
	while (flow->count > 0 &&
	       is_past(flow->ring[flow->head].time_ns, now_ns, window_ns)) {
		flow->sum -= flow->ring[flow->head].notional;
		flow->head = (flow->head + 1) & (flow->capacity - 1);
		flow->count--;
	}
}

static int
make_pairs(struct cluster_finder *finder, uint32_t n)
{
	struct pair *pairs;

	if (n <= finder->n_pairs)
		return 0;
	if (n < finder->n_pairs * 2)
		n = finder->n_pairs * 2;
	pairs = reallocarray(finder->pairs, n, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	for (uint32_t i = finder->n_pairs; i < n; i++)
		pairs[i] = (struct pair){ 0 };
	finder->pairs = pairs;
	finder->n_pairs = n;
	return 0;
}

static int
add_pair(
    struct cluster_finder *finder, const char *name, size_t length, uint32_t *ret_index)
{
	uint32_t index;
	int r;

	r = symbols_add(&finder->symbols, name, length, &index);
	if (r < 0)
		return r == -ENOSPC ? -EINVAL : r;
	r = make_pairs(finder, index + 1);
	if (r < 0)
		return r;
	*ret_index = index;
	return 0;
}

static int
make_slots(struct cluster_finder *finder, uint32_t n)
{
	uint32_t *slots;

	if (n < finder->n_slots * 2)
		n = finder->n_slots * 2;
	slots = reallocarray(finder->slots, n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = finder->n_slots; i < n; i++)
		slots[i] = 0;
	finder->slots = slots;
	finder->n_slots = n;
	return 0;
}

/*
 * The pair of an event. The name counts, since indexes are others after a load; it is
 * looked up once for each.
 */
static int
find_pair(struct cluster_finder *finder, const struct tradesup_event *event,
    struct pair **ret_pair)
{
	uint32_t slot = event->symbol_index, index;
	int r;

	if (slot >= SYMBOLS_MAX)
		return -EINVAL;
	if (slot >= finder->n_slots) {
		r = make_slots(finder, slot + 1);
		if (r < 0)
			return r;
	}
	if (finder->slots[slot] == 0) {
		r = add_pair(finder, event->symbol, strlen(event->symbol), &index);
		if (r < 0)
			return r;
		finder->slots[slot] = index + 1;
	}
	*ret_pair = &finder->pairs[finder->slots[slot] - 1];
	return 0;
}

/* a × b as 192 bits */
struct wide {
	unsigned __int128 high;
	uint64_t low;
};

static struct wide
multiply(unsigned __int128 a, uint64_t b)
{
	unsigned __int128 low = (unsigned __int128)(uint64_t)a * b;
	unsigned __int128 high = (unsigned __int128)(uint64_t)(a >> 64) * b;

	return (
	    struct wide){ .high = high + (uint64_t)(low >> 64), .low = (uint64_t)low };
}

/*
 * N × 100 ≥ dominance × M, exactly: dominance is a decimal, so the left side is times
 * 1e8, too.
 */
static bool
dominates(unsigned __int128 ours, unsigned __int128 all, int64_t dominance)
{
	struct wide a = multiply(ours, UINT64_C(100) * TRADESUP_ONE);
	struct wide b = multiply(all, (uint64_t)dominance);

	return a.high != b.high ? a.high > b.high : a.low >= b.low;
}

static bool
fires(const struct cluster_params *params, const struct flow *ours,
    const struct flow *others, int64_t now_ns)
{
	unsigned __int128 sum = (unsigned __int128)ours->sum;

	if (ours->count < params->min_trades || ours->sum < params->min_notional)
		return false;
	if (ours->fired && !is_past(ours->fired_ns, now_ns, params->cooldown_ns))
		return false;
	return dominates(sum, sum + (unsigned __int128)others->sum, params->dominance);
}

int
cluster_finder_event(struct cluster_finder *finder, const struct tradesup_event *event,
    struct tradesup_cluster *ret_cluster)
{
	const struct cluster_params *params = &finder->params;
	struct flow *ours, *others;
	struct pair *pair;
	int r;

	if (event->notional < params->min_event_notional)
		return 0;
	r = find_pair(finder, event, &pair);
	if (r < 0)
		return r;

	ours = &pair->flows[event->side];
	others =
	    &pair->flows[event->side == TRADESUP_BUY ? TRADESUP_SELL : TRADESUP_BUY];
	flow_expire(ours, event->time_ns, params->window_ns);
	flow_expire(others, event->time_ns, params->window_ns);
	r = flow_push(ours, event->time_ns, event->notional);
	if (r < 0)
		return r;
	if (!fires(params, ours, others, event->time_ns))
		return 0;

	ours->fired = true;
	ours->fired_ns = event->time_ns;
	*ret_cluster = (struct tradesup_cluster){
		.side = event->side,
		.first_ns = ours->ring[ours->head].time_ns,
		.trades = ours->count,
		.notional = ours->sum,
	};
	return CLUSTER_E_FIRED;
}

static void
save_flow(struct bytes_writer *writer, const struct flow *flow)
{
	bytes_put_u64(writer, flow->fired);
	bytes_put_u64(writer, (uint64_t)flow->fired_ns);
	bytes_put_u64(writer, flow->count);
	for (size_t i = 0; i < flow->count; i++) {
		const struct entry *entry =
		    &flow->ring[(flow->head + i) & (flow->capacity - 1)];

		bytes_put_u64(writer, (uint64_t)entry->time_ns);
		bytes_put_i128(writer, entry->notional);
	}
}

/*
 * The parameters are saved along: a window that was kept for others does not hold what
 * these need.
 */
static void
save_params(struct bytes_writer *writer, const struct cluster_params *params)
{
	bytes_put_u64(writer, (uint64_t)params->window_ns);
	bytes_put_u64(writer, params->min_trades);
	bytes_put_u64(writer, (uint64_t)params->min_notional);
	bytes_put_u64(writer, (uint64_t)params->min_event_notional);
	bytes_put_u64(writer, (uint64_t)params->dominance);
	bytes_put_u64(writer, (uint64_t)params->cooldown_ns);
}

int
cluster_finder_save(
    const struct cluster_finder *finder, tradesup_write write, void *data)
{
	struct bytes_writer writer;

	bytes_writer_init(&writer, write, data);
	bytes_put_text(&writer, SAVED_FORM);
	save_params(&writer, &finder->params);
	bytes_put_u64(&writer, finder->symbols.count);
	for (uint32_t i = 0; i < finder->symbols.count; i++) {
		bytes_put_text(&writer, symbols_name(&finder->symbols, i));
		save_flow(&writer, &finder->pairs[i].flows[TRADESUP_BUY]);
		save_flow(&writer, &finder->pairs[i].flows[TRADESUP_SELL]);
	}
	return bytes_writer_finish(&writer);
}

static bool
load_params(struct bytes_reader *reader, const struct cluster_params *params)
{
	return bytes_get_u64(reader) == (uint64_t)params->window_ns &&
	       bytes_get_u64(reader) == params->min_trades &&
	       bytes_get_u64(reader) == (uint64_t)params->min_notional &&
	       bytes_get_u64(reader) == (uint64_t)params->min_event_notional &&
	       bytes_get_u64(reader) == (uint64_t)params->dominance &&
	       bytes_get_u64(reader) == (uint64_t)params->cooldown_ns;
}

static int
load_flow(struct bytes_reader *reader, struct flow *flow)
{
	uint64_t fired = bytes_get_u64(reader);
	int64_t fired_ns = (int64_t)bytes_get_u64(reader);
	uint64_t count = bytes_get_u64(reader);
	int r;

	if (fired > 1)
		return -EINVAL;
	flow->fired = fired;
	flow->fired_ns = fired_ns;
	for (uint64_t i = 0; i < count && !reader->broken; i++) {
		int64_t time_ns = (int64_t)bytes_get_u64(reader);
		__int128 notional = bytes_get_i128(reader);

		if (notional < 0)
			return -EINVAL;
		r = flow_push(flow, time_ns, notional);
		if (r < 0)
			return r == -ERANGE ? -EINVAL : r;
	}
	return reader->broken ? -EINVAL : 0;
}

static int
load_pair(struct cluster_finder *finder, struct bytes_reader *reader)
{
	uint32_t before = finder->symbols.count, index;
	const char *name;
	size_t length;
	int r;

	name = bytes_get_text(reader, &length);
	if (reader->broken)
		return -EINVAL;
	r = add_pair(finder, name, length, &index);
	if (r < 0)
		return r;
	if (index != before)
		return -EINVAL;
	r = load_flow(reader, &finder->pairs[index].flows[TRADESUP_BUY]);
	if (r == 0)
		r = load_flow(reader, &finder->pairs[index].flows[TRADESUP_SELL]);
	return r;
}

int
cluster_finder_load(struct cluster_finder *finder, const void *bytes, size_t length)
{
	struct bytes_reader reader;
	uint64_t n_pairs;
	int r;

	if (finder->symbols.count > 0)
		return -EINVAL;
	bytes_reader_init(&reader, bytes, length);
	if (!bytes_get_magic(&reader, SAVED_FORM) ||
	    !load_params(&reader, &finder->params))
		return -EINVAL;
	n_pairs = bytes_get_u64(&reader);
	for (uint64_t i = 0; i < n_pairs; i++) {
		r = load_pair(finder, &reader);
		if (r < 0)
			return r;
	}
	return bytes_is_done(&reader) ? 0 : -EINVAL;
}
