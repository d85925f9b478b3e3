/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as journal entries. Fields go over as they are: an entry is a list of sized
 * fields, which no content can break out of, and journalctl(1) escapes what it shows.
 */
#include "supervisor/journald.h"

#ifdef HAVE_SYSTEMD

#include <ctype.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/decimal.h"
#include "supervisor/message_id.h"

#define FIELD_PREFIX "TRADESUP_"
#define OWN_FIELDS 5

/* Part of the log's state: a sink is a function and nothing else. */
static int (*sendv)(const struct iovec *fields, int n);

/** struct entry - the fields of one entry, and the text they point into */
struct entry {
	struct iovec fields[OWN_FIELDS + RECORD_FIELDS_MAX];
	int n;
	size_t used;
	char text[16384];
};

/* Adds "NAME=value", the name in the journal's letters; what does not fit is cut. */
static void
add_field(struct entry *entry, const char *prefix, const char *name, const char *value)
{
	char *field = entry->text + entry->used;
	const size_t room = sizeof(entry->text) - entry->used;
	const int length = snprintf(field, room, "%s%s=%s", prefix, name, value);
	const size_t name_end = strlen(prefix) + strlen(name);

	if (length < 0 || name_end >= room)
		return;
	for (size_t i = strlen(prefix); i < name_end; i++)
		field[i] = isalnum((unsigned char)field[i])
			       ? (char)toupper((unsigned char)field[i])
			       : '_';
	entry->fields[entry->n].iov_base = field;
	entry->fields[entry->n].iov_len =
	    (size_t)length < room ? (size_t)length : room - 1;
	entry->used += entry->fields[entry->n++].iov_len;
}

static void
add_record_field(struct entry *entry, const struct record_field *field)
{
	char number[DECIMAL_TEXT_MAX];

	switch (field->type) {
	case RECORD_TEXT:
		add_field(entry, FIELD_PREFIX, field->key, field->text);
		return;
	case RECORD_BOOL:
		add_field(
		    entry, FIELD_PREFIX, field->key, field->number ? "yes" : "no");
		return;
	case RECORD_INT:
		snprintf(number, sizeof(number), "%" PRId64, field->number);
		break;
	case RECORD_DECIMAL:
		decimal_format(field->number, number);
		break;
	}
	add_field(entry, FIELD_PREFIX, field->key, number);
}

static bool
send_record(enum log_level level, const struct record *record)
{
	struct entry entry;
	char text[8192];

	entry.n = 0;
	entry.used = 0;
	snprintf(text, sizeof(text), "%d", (int)level);
	add_field(&entry, "", "PRIORITY", text);
	add_field(&entry, "", "SYSLOG_IDENTIFIER", "tradesup");
	if (record->event) {
		char id[MESSAGE_ID_TEXT_MAX];

		add_field(&entry, FIELD_PREFIX, "EVENT", record->event);
		message_id(record->event, id);
		add_field(&entry, "", "MESSAGE_ID", id);
	}
	record_logfmt(record, text, sizeof(text));
	add_field(&entry, "", "MESSAGE", text);
	for (size_t i = 0; i < record->n_fields; i++)
		add_record_field(&entry, &record->fields[i]);
	return sendv(entry.fields, entry.n) >= 0;
}

/* JOURNAL_STREAM is kept in the environment of services whose output goes elsewhere by
 * now, so it counts only when it names the very stream that we have. */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream &&
	       sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

log_sink
journald_sink(void)
{
	void *library, *function;

	if (!is_journal(STDERR_FILENO))
		return NULL;
	library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return NULL;
	function = dlsym(library, "sd_journal_sendv");
	if (!function) {
		dlclose(library);
		return NULL;
	}
	/* ISO C has no conversion from an object to a function; POSIX promises this. */
	memcpy(&sendv, &function, sizeof(sendv));
	return send_record;
}

#else

log_sink
journald_sink(void)
{
	return NULL;
}

#endif
