/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that one supervisor leaves to the next, which takes its place in the same
 * process (upgrade.h): how it is written and read. msgpack:
 *
 *	["tradesup-state", version, {the supervisor}]
 *
 * and everything below is a map by names. What a reader does not know is skipped, what
 * it does not find is as in a supervisor that has just been started. The version grows
 * where that would be wrong. A supervisor writes its own version and the one before, so
 * that a step back is possible, too, and reads both. When it grows:
 *
 *	1	the first
 *	2	workers that are being ended are handed over as such (doom, deadlines);
 *		before, an upgrade waited until there was none
 *
 * A reader trusts nothing: types, ranges, lengths and depths are checked, and what does
 * not fit is an error, not half a state.
 */
#pragma once

#include <msgpack.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

struct supervisor;

#ifndef TRADESUP_STATE_VERSION
#define TRADESUP_STATE_VERSION 2 /* tests build others */
#endif

#define HANDOVER_MAX (256u << 20) /* bytes */

/** struct handover_writer - a state that is being written */
struct handover_writer {
	const struct supervisor *supervisor;
	unsigned version;
	char *bytes; /* owned */
	size_t used, room;
	int *fds; /* owned: the descriptors that it names, for the exec */
	size_t n_fds, fds_room;
	bool failed; /* out of memory, or too much; then nothing counts */
	msgpack_packer packer;
};

/** struct handover_attempt - how a state is read, and what came of it */
struct handover_attempt {
	bool
	    is_trial; /* only to see whether it can be done: no descriptor is touched */
	int *fds;     /* owned: the descriptors that were in it; still inheritable */
	size_t n_fds, fds_room;
	char why[160]; /* the first thing that was wrong; "" */
};

/** struct handover_reader - a state that is being read */
struct handover_reader {
	struct supervisor *supervisor;
	struct handover_attempt *attempt; /* NULL: as in a trial */
	struct wire wire;
	unsigned version;
	char why[160]; /* the first thing that was wrong; "" */
};

/** handover_writer_init(), handover_writer_deinit() - @version: the one to write. */
void handover_writer_init(struct handover_writer *writer, unsigned version);
void handover_writer_deinit(struct handover_writer *writer);

/* Writing; failures are kept in the writer. NULL text is nil. */
void handover_array(struct handover_writer *writer, size_t n);
void handover_map(struct handover_writer *writer, size_t n);
void handover_int(struct handover_writer *writer, int64_t value);
void handover_text(struct handover_writer *writer, const char *text);
void handover_bytes(struct handover_writer *writer, const char *bytes, size_t length);
/** handover_text_of() - all of a file. */
void handover_text_of(struct handover_writer *writer, int fd);
/** handover_fd() - a descriptor, or -1; noted as one that must live. */
void handover_fd(struct handover_writer *writer, int fd);

/* Reading. Return: false, and the reader says why. */
bool handover_read_array(struct handover_reader *reader, uint64_t *ret_n);
bool handover_read_map(struct handover_reader *reader, uint64_t *ret_n);
bool handover_read_int(
    struct handover_reader *reader, int64_t min, int64_t max, int64_t *ret_value);
/** handover_read_bytes() - borrowed; NULL for nil. */
bool handover_read_bytes(
    struct handover_reader *reader, const char **ret_bytes, size_t *ret_length);
/** handover_read_text() - as a string of its own; NULL for nil. Caller frees. */
bool handover_read_text(struct handover_reader *reader, char **ret_text);
/** handover_is_trial() - whether descriptors are left alone. */
bool handover_is_trial(const struct handover_reader *reader);
/** handover_read_fd() - one of this process, or -1; in a trial always -1. */
bool handover_read_fd(struct handover_reader *reader, int *ret_fd);
bool handover_skip(struct handover_reader *reader);

/** handover_wrong() - note what is wrong, unless something was before. Return: false.
 */
bool handover_wrong(struct handover_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum handover_type {
	HANDOVER_INT64,
	HANDOVER_UINT64,
	HANDOVER_UINT32,
	HANDOVER_SIZE,
	HANDOVER_INT, /* and every enum */
	HANDOVER_BOOL,
	HANDOVER_TEXT,	 /* char[max]; longer: cut */
	HANDOVER_STRING, /* char *, owned; replaced */
	HANDOVER_FD,
	HANDOVER_OTHER /* by functions */
};

/** struct handover_field - one name of a map, and the member of a struct behind it */
struct handover_field {
	const char *key;
	enum handover_type type;
	size_t offset;
	int64_t min, max; /* of a number; max: size of a text */
	unsigned since;	  /* version; 0: always */
	void (*write)(struct handover_writer *writer, const void *object);
	bool (*read)(struct handover_reader *reader, void *object);
};

/** struct handover_table - several of them, as one map */
struct handover_table {
	const struct handover_field *fields;
	size_t n;
};

/** handover_write_fields() - the names and values of a map whose length the caller
 * has written; handover_count_fields() says it. */
size_t handover_count_fields(
    const struct handover_writer *writer, const struct handover_table *table);
void handover_write_fields(struct handover_writer *writer,
    const struct handover_table *table, const void *object);

/** handover_read_fields() - a whole map into @object; unknown names are skipped. */
bool handover_read_fields(
    struct handover_reader *reader, const struct handover_table *table, void *object);

/** handover_read_pairs() - the same for a map whose length has been read, and of which
 * @n pairs are left. */
bool handover_read_pairs(struct handover_reader *reader,
    const struct handover_table *table, uint64_t n, void *object);

/* The state itself. */

/** struct handover_head - what must be known before there is a supervisor */
struct handover_head {
	unsigned version;
	char *program_version; /* of who wrote it; owned, as the others */
	char *config_path;
	const char *config_text; /* borrowed; NULL: none (run -- COMMAND) */
	size_t config_length;
};

#define HANDOVER_E_VERSION 1

/**
 * handover_read_head() - look into a state
 *
 * Return: 0; HANDOVER_E_VERSION: it is none that we read; -EBADMSG; both with @why.
 */
int handover_read_head(const char *bytes, size_t length, struct handover_head *ret_head,
    char *why, size_t why_size);
void handover_head_deinit(struct handover_head *head);

/** handover_version() - what we write; handover_oldest() - the oldest version that we
 * read and can write, too. */
unsigned handover_version(void);
unsigned handover_oldest(void);

/** handover_write() - all of it; the writer is initialised. Return: 0, -ENOMEM,
 * -EFBIG. */
int handover_write(const struct supervisor *supervisor, struct handover_writer *writer);

/**
 * handover_read() - into a supervisor that has its loop, its tree (down) and its
 * aftermath, and nothing else
 *
 * Nothing is watched yet. Return: 0; -EBADMSG with @attempt->why.
 */
int handover_read(struct supervisor *supervisor, const char *bytes, size_t length,
    struct handover_attempt *attempt);

/** handover_attempt_deinit() - it can be used again. */
void handover_attempt_deinit(struct handover_attempt *attempt);
