/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting events. A label that is cut is cut before a character: Prometheus takes
 * nothing but UTF-8.
 */
#include "worker/web/tally.h"

#include <string.h>

static void
copy_label(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size);

	if (length == size)
		for (length--; length > 0 && (text[length] & 0xc0) == 0x80; length--)
			;
	memcpy(out, text, length);
	out[length] = '\0';
}

static struct tally_entry *
find(struct tally *tally, const struct tally_entry *wanted)
{
	for (size_t i = 0; i < tally->n; i++) {
		struct tally_entry *entry = &tally->entries[i];

		if (entry->kind == wanted->kind &&
		    strcmp(entry->label, wanted->label) == 0 &&
		    strcmp(entry->worker, wanted->worker) == 0)
			return entry;
	}
	return NULL;
}

static void
count(struct tally *tally, enum tally_kind kind, const char *worker, const char *label)
{
	struct tally_entry wanted = { .kind = kind }, *entry;

	copy_label(wanted.worker, sizeof(wanted.worker), worker);
	copy_label(wanted.label, sizeof(wanted.label), label);
	entry = find(tally, &wanted);
	if (!entry && tally->n >= TALLY_MAX) {
		wanted = (struct tally_entry){ .kind = kind, .label = TALLY_OTHER };
		entry = find(tally, &wanted);
	}
	if (!entry) {
		entry = &tally->entries[tally->n++];
		*entry = wanted;
	}
	entry->n++;
}

void
tally_event(struct tally *tally, const struct record *event)
{
	const char *worker = record_get(event, "worker");
	const char *rule = record_get(event, "rule");
	const char *about = worker ? worker : "";

	count(tally, TALLY_EVENT, about, event->event);
	if (strcmp(event->event, "order.refused") == 0)
		count(tally, TALLY_REFUSAL, about, rule ? rule : "");
}
