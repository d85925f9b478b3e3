/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of hashes (FNV-1a, 64 bits). It knows nothing of events.
 */
#include "worker/notify/seen.h"

static uint64_t
hash_of(const char *line)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const unsigned char *p = (const unsigned char *)line; *p; p++)
		hash = (hash ^ *p) * UINT64_C(1099511628211);
	return hash;
}

void
seen_connect(struct seen *seen)
{
	seen->connection++;
}

void
seen_add(struct seen *seen, uint64_t hash)
{
	seen->hashes[seen->next] = hash;
	seen->excused[seen->next] = seen->connection;
	seen->next = (seen->next + 1) % SEEN_MAX;
	if (seen->n < SEEN_MAX)
		seen->n++;
}

bool
seen_is_repeat(struct seen *seen, const char *line)
{
	uint64_t hash = hash_of(line);

	for (size_t i = 0; i < seen->n; i++) {
		if (seen->hashes[i] == hash && seen->excused[i] != seen->connection) {
			seen->excused[i] = seen->connection;
			return true;
		}
	}
	seen_add(seen, hash);
	return false;
}

uint64_t
seen_hash(const struct seen *seen, size_t i)
{
	return seen->hashes[(seen->next + SEEN_MAX - seen->n + i) % SEEN_MAX];
}
