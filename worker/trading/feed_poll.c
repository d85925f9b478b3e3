/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds of services that are polled. What comes is put into the spool first, and read
 * from there: a record that the worker has seen is one that a replay will see, at the
 * same place (spool.h). Only when the spool has nothing more, and this batch has had
 * nothing yet, is the network asked: so no batch that has events waits for it.
 *
 * Nothing is skipped: each poll asks from the newest time known, and a little before
 * it, since a record may become visible late. Nothing comes twice: records of that
 * stretch are known by a key, and the keys are found again in the spool after a
 * restart. A poll counts when its last page is there; its records are then sorted by
 * time, and become one page of the spool together with the time that the next one
 * starts from.
 *
 * At the very first the service decides where it begins. What is older than
 * feed_max_age is then marked as too late for a real broker.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/feed_net.h"
#include "worker/trading/feed_poll_internal.h"

static struct feed_poll *
poll_of(const struct feed *feed)
{
	return (struct feed_poll *)(uintptr_t)feed;
}

static void
poll_free(struct feed *feed)
{
	struct feed_poll *poll = poll_of(feed);

	spool_free(poll->spool);
	poll_batch_deinit(&poll->batch);
	free(poll->known);
	free(poll);
}

/* Reading. */

static void
read_record(
    struct feed_poll *poll, char *line, size_t length, struct feed_record *ret_record)
{
	struct field_text found[FIELD_COUNT];
	field_texts texts;
	const char *why = ndjson_record(&poll->fields, line, length, found);

	if (why) {
		*ret_record = (struct feed_record){ .broken = why };
		return;
	}
	for (int i = 0; i < FIELD_COUNT; i++)
		texts[i] = &found[i];
	fields_read(&poll->fields, texts, ret_record);
	if (!ret_record->broken)
		poll->record_ns = ret_record->time_ns;
}

static int
next(struct feed_poll *poll, struct feed_record *ret_record, struct error *error)
{
	size_t length;
	char *line;
	int r;

	r = spool_next(poll->spool, &line, &length, error);
	if (r != 0)
		return r == SPOOL_E_WAIT   ? FEED_E_WAIT
		       : r == SPOOL_E_DATA ? FEED_E_DATA
					   : r;
	poll->has_given = true;
	read_record(poll, line, length, ret_record);
	return 0;
}

static int
poll_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	struct feed_poll *poll = poll_of(feed);
	int r;

	r = next(poll, ret_record, error);
	if (r != FEED_E_WAIT)
		return r;
	if (poll->has_given) {
		poll->has_given = false;
		return FEED_E_WAIT;
	}
	r = feed_poll_fetch(poll, poll->place->patience_ns, error);
	return r < 0 ? r : next(poll, ret_record, error);
}

static void
poll_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	const struct feed_poll *poll = poll_of(feed);
	uint64_t page, at;

	ret_position[0] = '\0';
	if (!spool_page(poll->spool))
		return;
	spool_tell(poll->spool, &page, &at);
	snprintf(ret_position, FEED_POSITION_MAX,
	    "spool/1 page=%" PRIu64 " at=%" PRIu64, page, at);
	feed_position_seal(ret_position);
}

static int
read_position(const char *position, uint64_t *ret_page, uint64_t *ret_at)
{
	char plain[FEED_POSITION_MAX];

	if (feed_position_unseal(position, plain) < 0 ||
	    sscanf(plain, "spool/1 page=%" SCNu64 " at=%" SCNu64, ret_page, ret_at) !=
		2)
		return -EINVAL;
	return 0;
}

static bool
poll_is_late(const struct feed *feed)
{
	const struct feed_poll *poll = poll_of(feed);
	const struct spool_page *page = spool_page(poll->spool);

	return page && poll->record_ns < page->late_before_ns;
}

static void
poll_trim(struct feed *feed, const char *position)
{
	struct feed_poll *poll = poll_of(feed);
	uint64_t page, at;
	int r;

	if (read_position(position, &page, &at) < 0)
		return;
	r = spool_trim(poll->spool, page);
	if (r < 0 && r != -EOPNOTSUPP)
		feed_net_warn(
		    poll->net, "the spool cannot be made shorter: %s", strerror(-r));
}

/* Opening. */

static void
init_fields(struct feed_poll *poll)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		poll->fields.names[i] = field_name((enum field)i);
		poll->fields.name_lengths[i] = strlen(field_name((enum field)i));
		poll->fields.has[i] = true;
	}
	poll->fields.time_unit = TIME_UNIT_RFC3339;
	if (!poll->ops->has_side) {
		poll->fields.names[FIELD_SIDE] = NULL;
		poll->fields.has[FIELD_SIDE] = false;
	}
	if (!poll->ops->has_notional) {
		poll->fields.names[FIELD_NOTIONAL] = NULL;
		poll->fields.has[FIELD_NOTIONAL] = false;
	}
}

static int
go_to(struct feed_poll *poll, const char *position, struct error *error)
{
	uint64_t page, at;
	int r;

	if (position[0] == '\0' && spool_is_trimmed(poll->spool))
		return error_set(error, FEED_E_DATA,
		    "%s: what the feed received first is no longer kept",
		    poll->ops->name);
	if (position[0] == '\0')
		return 0;
	if (read_position(position, &page, &at) < 0)
		return error_set(error, FEED_E_DATA,
		    "%s: the cursor is damaged, or another feed's: %s", poll->ops->name,
		    position);
	r = spool_seek(poll->spool, page, at, error);
	return r == SPOOL_E_DATA ? FEED_E_DATA : r;
}

static int
open_spool(struct feed_poll *poll, const struct feed_place *place, struct error *error)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/feed-%s.spool", place->state_dir, poll->ops->name) < 0)
		return error_set(error, -ENOMEM, "out of memory");
	r = spool_open(path, poll->ops->name, error, &poll->spool);
	return r == SPOOL_E_DATA ? FEED_E_DATA : r;
}

static int
open_poll(const struct config_trading *trading, struct feed_place *place,
    const struct poll_ops *service, const char *position, struct error *error,
    struct feed **ret_feed)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct feed_poll *poll = calloc(1, sizeof(*poll));
	struct feed_net_setup setup;
	int r;

	if (!poll)
		return error_set(error, -ENOMEM, "out of memory");
	feed = &poll->base;
	feed->ops = service == &poll_alpaca ? &feed_alpaca_ops : &feed_flow_alerts_ops;
	poll->place = place;
	poll->trading = trading;
	poll->ops = service;
	poll->newest_ns = POLL_NONE;
	init_fields(poll);
	service->setup(trading, &setup);
	if (!place->net) {
		r = feed_net_new(place, &setup, error, &place->net);
		if (r < 0)
			return r;
	}
	poll->net = place->net;
	r = open_spool(poll, place, error);
	if (r == 0)
		r = feed_poll_remember(poll, error);
	if (r == 0)
		r = go_to(poll, position, error);
	if (r != 0)
		return r;
	*ret_feed = steal(&feed);
	return 0;
}

static int
open_alpaca(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	return open_poll(trading, place, &poll_alpaca, position, error, ret_feed);
}

static int
open_flow_alerts(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	return open_poll(trading, place, &poll_flow_alerts, position, error, ret_feed);
}

static int
check_alpaca(const struct config_trading *trading, struct error *error)
{
	struct feed_net_setup setup;

	poll_alpaca.setup(trading, &setup);
	return feed_net_check(&setup, error);
}

static int
check_flow_alerts(const struct config_trading *trading, struct error *error)
{
	struct feed_net_setup setup;

	poll_flow_alerts.setup(trading, &setup);
	return feed_net_check(&setup, error);
}

const struct feed_ops feed_alpaca_ops = {
	.needs_place = true,
	.open = open_alpaca,
	.check = check_alpaca,
	.next = poll_next,
	.position = poll_position,
	.is_late = poll_is_late,
	.trim = poll_trim,
	.free = poll_free,
};

const struct feed_ops feed_flow_alerts_ops = {
	.needs_place = true,
	.open = open_flow_alerts,
	.check = check_flow_alerts,
	.next = poll_next,
	.position = poll_position,
	.is_late = poll_is_late,
	.trim = poll_trim,
	.free = poll_free,
};
