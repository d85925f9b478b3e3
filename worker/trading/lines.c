/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a file into lines, in one buffer that is read far ahead; nothing is copied but
 * the rest of a line at a buffer's end. It knows nothing of what a line means. A line
 * that is too long is passed over in bounded memory, and the place where the next line
 * begins moves only when a line is whole.
 */
#include "worker/trading/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "worker/trading/source.h"

#define BUFFER_SIZE (256 * 1024)

struct lines {
	struct source *source;
	size_t start, end; /* of what is in the buffer and not given yet */
	size_t scanned;	   /* so many bytes after start have no newline */
	size_t given;	   /* bytes of the last line, with its newline */
	uint64_t passed; /* bytes of a line that is too long, no longer in the buffer */
	uint64_t offset, row; /* of the next line */
	uint64_t read_to;     /* where the source stands */
	size_t prefix_length;
	uint32_t prefix_crc; /* of the whole prefix */
	unsigned char prefix[LINES_PREFIX_MAX];
	char buffer[BUFFER_SIZE + 1]; /* the last line may need a byte behind it */
};

struct lines *
lines_free(struct lines *lines)
{
	if (!lines)
		return NULL;
	source_free(lines->source);
	free(lines);
	return NULL;
}

void
lines_freep(struct lines **lines)
{
	lines_free(*lines);
}

static int
translate(int r)
{
	switch (r) {
	case SOURCE_E_END:
		return LINES_E_END;
	case SOURCE_E_WAIT:
		return LINES_E_WAIT;
	case SOURCE_E_DATA:
		return LINES_E_DATA;
	default:
		return r;
	}
}

int
lines_open(const char *path, bool follow, struct error *error, struct lines **ret_lines)
{
	_cleanup_(lines_freep) struct lines *lines = malloc(sizeof(*lines));
	int r;

	if (!lines)
		return error_set(error, -ENOMEM, "out of memory");
	memset(lines, 0, offsetof(struct lines, buffer));
	r = source_open(path, follow, error, &lines->source);
	if (r != 0)
		return translate(r);
	*ret_lines = steal(&lines);
	return 0;
}

/* Take into the prefix what @length bytes at read_to add to it. */
static void
keep_prefix(struct lines *lines, const char *bytes, size_t length)
{
	size_t known;

	if (lines->read_to > lines->prefix_length ||
	    lines->prefix_length == LINES_PREFIX_MAX)
		return;
	known = lines->prefix_length - (size_t)lines->read_to;
	if (known >= length)
		return;
	bytes += known;
	length -= known;
	if (length > LINES_PREFIX_MAX - lines->prefix_length)
		length = LINES_PREFIX_MAX - lines->prefix_length;
	memcpy(lines->prefix + lines->prefix_length, bytes, length);
	lines->prefix_length += length;
	lines->prefix_crc =
	    (uint32_t)crc32(lines->prefix_crc, (const Bytef *)bytes, (uInt)length);
}

static int
fill(struct lines *lines, struct error *error)
{
	size_t length;
	int r;

	if (lines->start > 0) {
		memmove(lines->buffer, lines->buffer + lines->start,
		    lines->end - lines->start);
		lines->end -= lines->start;
		lines->start = 0;
	}
	r = source_read(lines->source, lines->buffer + lines->end,
	    BUFFER_SIZE - lines->end, &length, error);
	if (r != 0)
		return translate(r);
	keep_prefix(lines, lines->buffer + lines->end, length);
	lines->read_to += length;
	lines->end += length;
	return 0;
}

/* Hand out @length bytes and a newline of @newline bytes. */
static int
give(struct lines *lines, size_t length, size_t newline, char **ret_text,
    size_t *ret_length)
{
	char *text = lines->buffer + lines->start;
	uint64_t passed = lines->passed;
	bool is_first = lines->offset == 0;

	lines->given = length + newline;
	lines->start += lines->given;
	lines->offset += passed + lines->given;
	lines->row++;
	lines->scanned = 0;
	lines->passed = 0;
	if (length > 0 && text[length - 1] == '\r')
		length--;
	if (passed > 0 || length > LINES_LENGTH_MAX)
		return LINES_E_LONG;
	if (is_first && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	*ret_text = text;
	*ret_length = length;
	return 0;
}

int
lines_next(
    struct lines *lines, char **ret_text, size_t *ret_length, struct error *error)
{
	for (;;) {
		const char *from = lines->buffer + lines->start;
		size_t length = lines->end - lines->start;
		const char *newline =
		    memchr(from + lines->scanned, '\n', length - lines->scanned);
		int r;

		if (newline)
			return give(
			    lines, (size_t)(newline - from), 1, ret_text, ret_length);
		lines->scanned = length;
		/* One more byte than a line may have, for the CR of a CRLF. */
		if (length > LINES_LENGTH_MAX + 1) {
			lines->passed += length;
			lines->start = lines->end = lines->scanned = 0;
		}
		r = fill(lines, error);
		if (r == LINES_E_END && lines->passed + lines->scanned > 0)
			return give(lines, lines->scanned, 0, ret_text, ret_length);
		if (r != 0)
			return r;
	}
}

void
lines_unread(struct lines *lines)
{
	lines->start -= lines->given;
	lines->offset -= lines->given;
	lines->row--;
	lines->given = 0;
}

static uint32_t
prefix_crc(const struct lines *lines, uint64_t offset)
{
	if (offset >= lines->prefix_length)
		return lines->prefix_crc;
	return (uint32_t)crc32(0, lines->prefix, (uInt)offset);
}

void
lines_mark(const struct lines *lines, struct lines_mark *ret_mark)
{
	ret_mark->offset = lines->offset;
	ret_mark->row = lines->row;
	ret_mark->prefix_crc = prefix_crc(lines, lines->offset);
}

/* Whether the file begins as the mark's did. */
static int
check_prefix(struct lines *lines, const struct lines_mark *mark, struct error *error)
{
	size_t wanted =
	    mark->offset < LINES_PREFIX_MAX ? (size_t)mark->offset : LINES_PREFIX_MAX;
	int r = 0;

	while (r == 0 && lines->prefix_length < wanted)
		r = fill(lines, error);
	if (r != 0 && r != LINES_E_END && r != LINES_E_WAIT)
		return r;
	if (lines->prefix_length < wanted ||
	    prefix_crc(lines, wanted) != mark->prefix_crc)
		return error_set(error, LINES_E_DATA,
		    "%s: is not the file that the cursor was made with",
		    source_path(lines->source));
	return 0;
}

/*
 * Whether a line begins behind the first byte of the buffer: it is a newline, or the
 * last line's end, to which one may have been added.
 */
static bool
is_line_start(const struct lines *lines)
{
	const char *at = lines->buffer;

	return at[0] == '\n' || lines->end == 1 || at[1] == '\n' ||
	       (lines->end > 2 && at[1] == '\r' && at[2] == '\n');
}

int
lines_seek(struct lines *lines, const struct lines_mark *mark, struct error *error)
{
	int r;

	if (mark->offset == 0)
		return 0;
	r = check_prefix(lines, mark, error);
	if (r != 0)
		return r;
	r = source_seek(lines->source, mark->offset - 1, error);
	if (r != 0)
		return translate(r);
	lines->start = lines->end = lines->scanned = 0;
	lines->read_to = mark->offset - 1;
	r = fill(lines, error);
	if (r == LINES_E_END || r == LINES_E_WAIT)
		return error_set(error, LINES_E_DATA,
		    "%s: is shorter than when the cursor was made",
		    source_path(lines->source));
	if (r != 0)
		return r;
	if (!is_line_start(lines))
		return error_set(error, LINES_E_DATA,
		    "%s: no line begins where the cursor stands",
		    source_path(lines->source));
	lines->start = 1;
	lines->given = 0;
	lines->passed = 0;
	lines->offset = mark->offset;
	lines->row = mark->row;
	return 0;
}
