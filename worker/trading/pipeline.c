/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the feed's bytes to the module's clusters, and back to any place in between.
 * What is done with the clusters is the caller's business: a replay does nothing with
 * them.
 */
#include "worker/trading/pipeline.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

int
pipeline_load_module(const struct config_trading *trading,
    struct trader_failure *ret_failure, struct module **ret_module)
{
	struct trader_failure failure = { .kind = FAULT_INTERNAL };
	int r;

	r = module_load(trading, &failure.error, ret_module);
	if (r == 0)
		return 0;
	if (r == MODULE_E_IMPORT)
		failure.kind = FAULT_IMPORT;
	else if (r == MODULE_E_ATTRIBUTE)
		failure.kind = FAULT_ATTRIBUTE;
	else if (r == -EINVAL)
		failure.kind = FAULT_DATA;
	*ret_failure = failure;
	return -1;
}

static int
fail(struct trader_failure *ret_failure, enum fault_kind kind, const char *what, int r)
{
	ret_failure->kind = kind;
	error_set(&ret_failure->error, r, "%s: %s", what, strerror(-r));
	return -1;
}

static int
open_feed(
    struct pipeline *pipeline, const char *position, struct trader_failure *ret_failure)
{
	int r;

	r = feed_open(pipeline->source.trading, pipeline->source.place, position,
	    &ret_failure->error, &pipeline->feed);
	if (r == 0)
		return 0;
	ret_failure->kind = r == FEED_E_DATA ? FAULT_DATA : FAULT_IO;
	return -1;
}

static int
restore(struct pipeline *pipeline, const struct journal_snapshot *snapshot)
{
	int r;

	r = normalizer_load(
	    pipeline->normalizer, snapshot->normalizer, snapshot->normalizer_length);
	if (r < 0)
		return r;
	pipeline->events = snapshot->events;
	pipeline->dropped = snapshot->dropped;
	if (snapshot->is_without_module)
		return 0;
	return module_restore(
	    pipeline->module, snapshot->module, snapshot->module_length);
}

int
pipeline_new(const struct pipeline_source *source, struct module *module,
    const struct journal_snapshot *snapshot, struct trader_failure *ret_failure,
    struct pipeline **ret_pipeline)
{
	_cleanup_(pipeline_freep) struct pipeline *pipeline = NULL;
	int r;

	pipeline = calloc(1, sizeof(*pipeline));
	if (!pipeline) {
		module_free(module);
		return fail(ret_failure, FAULT_INTERNAL, "strategy module", -ENOMEM);
	}
	pipeline->source = *source;
	pipeline->module = module;
	pipeline->normalizer = normalizer_new();
	if (!pipeline->normalizer)
		return fail(ret_failure, FAULT_INTERNAL, "feed", -ENOMEM);
	if (snapshot && restore(pipeline, snapshot) != 0)
		return PIPELINE_E_SNAPSHOT;
	r = open_feed(pipeline, snapshot ? snapshot->position : "", ret_failure);
	if (r < 0)
		return r;
	*ret_pipeline = steal(&pipeline);
	return 0;
}

int
pipeline_next(struct pipeline *pipeline, struct tradesup_event *ret_event,
    struct trader_failure *ret_failure)
{
	struct feed_record record;
	const char *why;
	int r;

	r = feed_next(pipeline->feed, &record, &ret_failure->error);
	if (r == FEED_E_END)
		return PIPELINE_E_END;
	if (r == FEED_E_WAIT)
		return PIPELINE_E_WAIT;
	if (r != 0) {
		ret_failure->kind = r == FEED_E_DATA ? FAULT_DATA : FAULT_IO;
		return -1;
	}
	r = normalize(pipeline->normalizer, &record, ret_event, &why);
	if (r < 0)
		return fail(ret_failure, FAULT_INTERNAL, "feed", r);
	if (r == NORMALIZE_E_DROP) {
		pipeline->dropped++;
		return PIPELINE_E_DROPPED;
	}
	pipeline->events++;
	return 0;
}

/* struct emission - what emit() needs, during one event */
struct emission {
	struct normalizer *normalizer;
	const struct tradesup_event *event;
	pipeline_on_cluster on_cluster;
	void *data;
	bool failed; /* in on_cluster, whatever the module makes of it */
};

static int
on_emit(const struct tradesup_host *host, const struct tradesup_cluster *cluster)
{
	struct emission *emission = host->data;
	char id[CLUSTER_ID_MAX];
	int r;

	if (cluster->side != TRADESUP_BUY && cluster->side != TRADESUP_SELL)
		return -EINVAL;
	if (cluster->trades > INT64_MAX)
		return -ERANGE;
	do {
		normalizer_cluster_id(
		    emission->normalizer, emission->event, cluster->side, id);
		r = emission->on_cluster ? emission->on_cluster(emission->event,
					       cluster, id, emission->data)
					 : 0;
	} while (r == PIPELINE_E_TAKEN);
	if (r == 0)
		return 0;
	emission->failed = true;
	return -ECANCELED;
}

int
pipeline_event(struct pipeline *pipeline, const struct tradesup_event *event,
    pipeline_on_cluster on_cluster, void *data, struct trader_failure *ret_failure)
{
	struct emission emission = {
		.normalizer = pipeline->normalizer,
		.event = event,
		.on_cluster = on_cluster,
		.data = data,
	};
	struct tradesup_host host = { .data = &emission, .emit = on_emit };
	int r;

	r = module_event(pipeline->module, event, &host);
	if (emission.failed)
		return PIPELINE_E_CLUSTER;
	if (r == 0)
		return 0;
	ret_failure->kind = FAULT_DATA;
	return error_set(&ret_failure->error, -1,
	    "%s: event() failed on %s, id '%s': %s", module_path(pipeline->module),
	    event->symbol, event->id, r < 0 ? strerror(-r) : "a positive number");
}

static int
fail_changed(struct trader_failure *ret_failure, const char *what)
{
	ret_failure->kind = FAULT_DATA;
	return error_set(&ret_failure->error, -1,
	    "feed: %s: it is not the one that the journal was written from", what);
}

static int
replay_record(struct pipeline *pipeline, struct trader_failure *ret_failure)
{
	struct tradesup_event event;
	int r;

	r = pipeline_next(pipeline, &event, ret_failure);
	if (r == PIPELINE_E_DROPPED)
		return 0;
	if (r == PIPELINE_E_END || r == PIPELINE_E_WAIT)
		return fail_changed(ret_failure, "ends before the cursor");
	if (r < 0)
		return r;
	return pipeline_event(pipeline, &event, NULL, NULL, ret_failure);
}

int
pipeline_replay(struct pipeline *pipeline, const struct journal_state *until,
    trader_alive alive, void *data, struct trader_failure *ret_failure)
{
	int64_t left =
	    until->events + until->dropped - pipeline->events - pipeline->dropped;
	char position[FEED_POSITION_MAX];
	int r;

	for (; left > 0; left--) {
		r = replay_record(pipeline, ret_failure);
		if (r < 0)
			return r;
		if (alive && left % TRADER_ALIVE_RECORDS == 0)
			(void)alive(data);
	}
	if (pipeline->events != until->events)
		return fail_changed(ret_failure, "other records are good");
	/* A worker that has looked for more may have passed over blank lines; the feed
	 * itself knows whether the journal's position is one of its places. */
	feed_position(pipeline->feed, position);
	if (strcmp(position, until->position) == 0)
		return 0;
	pipeline->feed = feed_free(pipeline->feed);
	return open_feed(pipeline, until->position, ret_failure);
}

/* struct bytes_out - what save() writes to */
struct bytes_out {
	char *bytes;
	size_t length, size;
};

static int
on_write(void *data, const void *bytes, size_t length)
{
	struct bytes_out *out = data;

	if (length > out->size - out->length) {
		size_t size = 2 * out->size + length;
		char *larger = realloc(out->bytes, size);

		if (!larger)
			return -ENOMEM;
		out->bytes = larger;
		out->size = size;
	}
	if (length > 0)
		memcpy(out->bytes + out->length, bytes, length);
	out->length += length;
	return 0;
}

int
pipeline_snapshot(
    const struct pipeline *pipeline, struct journal_snapshot *ret_snapshot)
{
	struct bytes_out normalizer = { 0 }, module = { 0 };
	int r;

	r = normalizer_save(pipeline->normalizer, on_write, &normalizer);
	if (r == 0)
		r = module_save(pipeline->module, on_write, &module);
	if (r != 0) {
		free(normalizer.bytes);
		free(module.bytes);
		return r;
	}
	*ret_snapshot = (struct journal_snapshot){
		.events = pipeline->events,
		.dropped = pipeline->dropped,
		.normalizer = normalizer.bytes,
		.normalizer_length = normalizer.length,
		.module = module.bytes,
		.module_length = module.length,
	};
	feed_position(pipeline->feed, ret_snapshot->position);
	return 0;
}

struct pipeline *
pipeline_free(struct pipeline *pipeline)
{
	if (!pipeline)
		return NULL;
	feed_free(pipeline->feed);
	normalizer_free(pipeline->normalizer);
	module_free(pipeline->module);
	free(pipeline);
	return NULL;
}

void
pipeline_freep(struct pipeline **pipeline)
{
	pipeline_free(*pipeline);
}
