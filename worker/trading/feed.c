/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the kind of feed that the config names, and hands calls on to it. Each kind has
 * a file of its own; what all of them need of a position's text is here.
 */
#include "worker/trading/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "worker/trading/feed_ops.h"

#define SEAL " check="
#define SEAL_LENGTH (sizeof(SEAL) - 1 + 8)

static const struct feed_ops *const kinds[] = {
	[FEED_SYNTHETIC] = &feed_synthetic_ops,
	[FEED_FILE] = &feed_file_ops,
	[FEED_HTTP] = &feed_http_ops,
	[FEED_ALPACA] = &feed_alpaca_ops,
	[FEED_FLOW_ALERTS] = &feed_flow_alerts_ops,
};

bool
feed_place_is_wanted(const struct feed_place *place)
{
	return !place->alive || place->alive(place->data);
}

int
feed_open(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	const struct feed_ops *ops = kinds[trading->feed];

	if (ops->needs_place && !place)
		return error_set(
		    error, -EINVAL, "feed: it goes over a network, and there is none");
	return ops->open(trading, place, position, error, ret_feed);
}

int
feed_check(const struct config_trading *trading, struct error *error)
{
	_cleanup_(feed_freep) struct feed *feed = NULL;

	if (kinds[trading->feed]->check)
		return kinds[trading->feed]->check(trading, error);
	return feed_open(trading, NULL, "", error, &feed);
}

int
feed_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	return feed->ops->next(feed, ret_record, error);
}

void
feed_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	feed->ops->position(feed, ret_position);
}

bool
feed_is_late(const struct feed *feed)
{
	return feed->ops->is_late && feed->ops->is_late(feed);
}

void
feed_trim(struct feed *feed, const char *position)
{
	if (feed->ops->trim)
		feed->ops->trim(feed, position);
}

bool
feed_is_kept(enum feed_kind kind)
{
	return kinds[kind]->trim != NULL;
}

struct feed *
feed_free(struct feed *feed)
{
	if (feed)
		feed->ops->free(feed);
	return NULL;
}

void
feed_freep(struct feed **feed)
{
	feed_free(*feed);
}

static uint32_t
checksum(const char *text, size_t length)
{
	return (uint32_t)crc32(0, (const Bytef *)text, (uInt)length);
}

void
feed_position_seal(char position[FEED_POSITION_MAX])
{
	size_t length = strlen(position);

	snprintf(position + length, FEED_POSITION_MAX - length, SEAL "%08" PRIx32,
	    checksum(position, length));
}

int
feed_position_unseal(const char *position, char ret_text[FEED_POSITION_MAX])
{
	char again[FEED_POSITION_MAX];
	size_t length = strlen(position);

	if (length < SEAL_LENGTH || length >= FEED_POSITION_MAX)
		return -EINVAL;
	memcpy(again, position, length - SEAL_LENGTH);
	again[length - SEAL_LENGTH] = '\0';
	feed_position_seal(again);
	if (strcmp(again, position) != 0)
		return -EINVAL;
	memcpy(ret_text, again, length - SEAL_LENGTH);
	ret_text[length - SEAL_LENGTH] = '\0';
	return 0;
}
