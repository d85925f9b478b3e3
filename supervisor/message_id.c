/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An id for each event without a table to keep in step with the events.
 */
#include "supervisor/message_id.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t
fnv1a(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
	return hash;
}

void
message_id(const char *event, char ret_text[MESSAGE_ID_TEXT_MAX])
{
	uint64_t high = fnv1a(FNV_OFFSET, event);
	uint64_t low = fnv1a(fnv1a(FNV_OFFSET, "tradesup"), event);

	high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x8000);
	low = (low >> 2) | UINT64_C(1) << 63;
	snprintf(ret_text, MESSAGE_ID_TEXT_MAX, "%016" PRIx64 "%016" PRIx64, high, low);
}
