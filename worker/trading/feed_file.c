/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed that is a file: CSV or NDJSON, plain or gzip, read to its end or followed.
 * Lines come from lines.c, their parts from csv.c and ndjson.c, the record from
 * fields.c; here is what is between them: which form it is, what plays the part of the
 * header, and the position.
 *
 *	UNSTARTED ── there is a header, or NDJSON ──> READING ── the end ──> ENDED
 *
 * A followed file may stay in UNSTARTED until somebody writes to it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "worker/trading/csv.h"
#include "worker/trading/feed_ops.h"
#include "worker/trading/lines.h"
#include "worker/trading/ndjson.h"

/* The version is that of the text's form; a text of another version is refused. */
#define POSITION_FORMAT                                                                \
	"file/1 offset=%" PRIu64 " row=%" PRIu64 " crc32=%08" PRIx32                   \
	" format=%s known=%d side=%d id=%d"

enum state { STATE_UNSTARTED, STATE_READING, STATE_ENDED };

static const char *const format_names[] = {
	[FEED_FORMAT_AUTO] = "auto",
	[FEED_FORMAT_CSV] = "csv",
	[FEED_FORMAT_NDJSON] = "ndjson",
};

struct position {
	struct lines_mark mark;
	enum feed_format format;
	bool knows_fields; /* NDJSON: the first object has been read */
	bool has_side, has_id;
};

struct feed_file {
	struct feed base;
	char *path;
	struct lines *lines;
	struct fields fields;
	struct csv csv;
	enum state state;
	enum feed_format format; /* auto until the first byte that is not blank */
	bool knows_fields;
	struct position resume; /* where to go once started; offset 0: nowhere */
};

static struct feed_file *
file_of(struct feed *feed)
{
	return (struct feed_file *)feed;
}

static void
file_free(struct feed *feed)
{
	struct feed_file *file = file_of(feed);

	lines_free(file->lines);
	csv_deinit(&file->csv);
	free(file->path);
	free(file);
}

static void
write_position(const struct position *position, char ret_text[FEED_POSITION_MAX])
{
	snprintf(ret_text, FEED_POSITION_MAX, POSITION_FORMAT, position->mark.offset,
	    position->mark.row, position->mark.prefix_crc,
	    format_names[position->format], position->knows_fields, position->has_side,
	    position->has_id);
}

static int
find_format(const char *name, enum feed_format *ret_format)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++) {
		if (strcmp(format_names[i], name) == 0) {
			*ret_format = (enum feed_format)i;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Read leniently, write again, compare: what is not exactly what we write is refused.
 *
 */
static int
read_position(const char *text, struct position *ret_position)
{
	struct position position = { 0 };
	char name[8], plain[FEED_POSITION_MAX], again[FEED_POSITION_MAX];
	int knows_fields, has_side, has_id;

	if (feed_position_unseal(text, plain) < 0)
		return -EINVAL;
	if (sscanf(plain,
		"file/1 offset=%" SCNu64 " row=%" SCNu64 " crc32=%" SCNx32
		" format=%7s known=%d side=%d id=%d",
		&position.mark.offset, &position.mark.row, &position.mark.prefix_crc,
		name, &knows_fields, &has_side, &has_id) != 7)
		return -EINVAL;
	if (find_format(name, &position.format) < 0)
		return -EINVAL;
	position.knows_fields = knows_fields;
	position.has_side = has_side;
	position.has_id = has_id;
	write_position(&position, again);
	if (strcmp(again, plain) != 0)
		return -EINVAL;
	*ret_position = position;
	return 0;
}

static int
translate(int r)
{
	switch (r) {
	case LINES_E_END:
		return FEED_E_END;
	case LINES_E_WAIT:
		return FEED_E_WAIT;
	case LINES_E_DATA:
		return FEED_E_DATA;
	default:
		return r;
	}
}

static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (!strchr(" \t\r", text[i]) || text[i] == '\0')
			return false;
	}
	return true;
}

static int
no_header(const struct feed_file *file, struct error *error)
{
	return error_set(error, FEED_E_DATA, "%s: there is no header line", file->path);
}

static int
read_header(struct feed_file *file, char *line, size_t length, struct error *error)
{
	struct error why;
	int r;

	r = csv_header(&file->csv, &file->fields, line, length, &why);
	if (r < 0)
		return error_set(error, r == -EINVAL ? FEED_E_DATA : r, "%s: %s",
		    file->path, why.text);
	return 0;
}

/* The first line that is not blank says what the file is; in CSV it is the header. */
static int
read_first_line(struct feed_file *file, struct error *error)
{
	char *line;
	size_t length;
	int r;

	do
		r = lines_next(file->lines, &line, &length, error);
	while (r == 0 && is_blank(line, length));
	if (r == LINES_E_END || r == LINES_E_LONG)
		return no_header(file, error);
	if (r != 0)
		return translate(r);

	if (file->format == FEED_FORMAT_AUTO)
		file->format = line[strspn(line, " \t")] == '{' ? FEED_FORMAT_NDJSON
								: FEED_FORMAT_CSV;
	if (file->format == FEED_FORMAT_CSV)
		return read_header(file, line, length, error);
	lines_unread(file->lines);
	return 0;
}

static int
go_to_position(struct feed_file *file, struct error *error)
{
	const struct position *resume = &file->resume;
	int r;

	if (resume->format != file->format)
		return error_set(error, FEED_E_DATA,
		    "%s: the cursor was made with format %s, the file is %s",
		    file->path, format_names[resume->format],
		    format_names[file->format]);
	r = lines_seek(file->lines, &resume->mark, error);
	if (r != 0)
		return translate(r);
	if (file->format == FEED_FORMAT_NDJSON) {
		file->knows_fields = resume->knows_fields;
		file->fields.has[FIELD_SIDE] = resume->has_side;
		file->fields.has[FIELD_ID] = resume->has_id;
	}
	return 0;
}

/* Leave UNSTARTED, if the file says enough for that. */
static int
start(struct feed_file *file, struct error *error)
{
	int r = 0;

	if (file->format != FEED_FORMAT_NDJSON)
		r = read_first_line(file, error);
	if (r == FEED_E_WAIT && file->resume.mark.offset > 0)
		return error_set(error, FEED_E_DATA,
		    "%s: is shorter than when the cursor was made", file->path);
	if (r != 0)
		return r;
	if (file->resume.mark.offset > 0)
		r = go_to_position(file, error);
	if (r != 0)
		return r;
	file->state = STATE_READING;
	return 0;
}

static struct feed_file *
file_new(const struct config_file *config)
{
	struct feed_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->base.ops = &feed_file_ops;
	file->format = config->format;
	csv_init(&file->csv);
	fields_init(&file->fields, config);
	file->path = strdup(config->path);
	return file->path ? file : (file_free(&file->base), NULL);
}

static int
file_open(const struct config_trading *trading, struct feed_place *place,
    const char *position, struct error *error, struct feed **ret_feed)
{
	const struct config_file *config = &trading->file;
	_cleanup_(feed_freep) struct feed *feed = NULL;
	struct feed_file *file;
	int r;

	(void)place;
	file = file_new(config);
	if (!file)
		return error_set(error, -ENOMEM, "out of memory");
	feed = &file->base;
	if (position[0] != '\0' && read_position(position, &file->resume) < 0)
		return error_set(error, FEED_E_DATA,
		    "%s: the cursor is damaged, or another feed's: %s", file->path,
		    position);
	if (file->fields.fixed_symbol &&
	    strlen(file->fields.fixed_symbol) > FEED_SYMBOL_MAX)
		return error_set(error, FEED_E_DATA,
		    "%s: fixed_symbol is longer than %d bytes", file->path,
		    FEED_SYMBOL_MAX);

	r = lines_open(file->path, config->follow, error, &file->lines);
	if (r != 0)
		return translate(r);
	r = start(file, error);
	if (r != 0 && r != FEED_E_WAIT)
		return r;
	*ret_feed = steal(&feed);
	return 0;
}

static void
set_broken(struct feed_record *record, const char *why)
{
	*record = (struct feed_record){ .broken = why };
}

static void
read_csv(
    struct feed_file *file, char *line, size_t length, struct feed_record *ret_record)
{
	const char *why = csv_row(&file->csv, line, length);

	if (why)
		set_broken(ret_record, why);
	else
		fields_read(&file->fields, file->csv.texts, ret_record);
}

static void
read_ndjson(
    struct feed_file *file, char *line, size_t length, struct feed_record *ret_record)
{
	struct field_text found[FIELD_COUNT];
	field_texts texts;
	const char *why;

	why = ndjson_record(&file->fields, line, length, found);
	if (why) {
		set_broken(ret_record, why);
		return;
	}
	if (!file->knows_fields) {
		file->fields.has[FIELD_SIDE] = found[FIELD_SIDE].text != NULL;
		file->fields.has[FIELD_ID] = found[FIELD_ID].text != NULL;
		file->knows_fields = true;
	}
	for (int i = 0; i < FIELD_COUNT; i++)
		texts[i] = &found[i];
	fields_read(&file->fields, texts, ret_record);
}

static int
file_next(struct feed *feed, struct feed_record *ret_record, struct error *error)
{
	struct feed_file *file = file_of(feed);
	bool is_csv;
	char *line;
	size_t length;
	int r;

	if (file->state == STATE_ENDED)
		return FEED_E_END;
	if (file->state == STATE_UNSTARTED) {
		r = start(file, error);
		if (r != 0)
			return r;
	}

	is_csv = file->format == FEED_FORMAT_CSV;
	do
		r = lines_next(file->lines, &line, &length, error);
	while (r == 0 && (is_csv ? length == 0 : is_blank(line, length)));
	if (r == LINES_E_LONG) {
		set_broken(ret_record, "longer than 64 KiB");
		return 0;
	}
	if (r == LINES_E_END)
		file->state = STATE_ENDED;
	if (r != 0)
		return translate(r);

	if (is_csv)
		read_csv(file, line, length, ret_record);
	else
		read_ndjson(file, line, length, ret_record);
	return 0;
}

static void
file_position(const struct feed *feed, char ret_position[FEED_POSITION_MAX])
{
	const struct feed_file *file = (const struct feed_file *)feed;
	struct position position = {
		.format = file->format,
		.knows_fields = file->knows_fields,
		.has_side = file->fields.has[FIELD_SIDE],
		.has_id = file->fields.has[FIELD_ID],
	};

	if (file->state == STATE_UNSTARTED) {
		ret_position[0] = '\0';
		return;
	}
	lines_mark(file->lines, &position.mark);
	write_position(&position, ret_position);
	feed_position_seal(ret_position);
}

int
feed_file_offset(const char *position, uint64_t *ret_offset)
{
	struct position found;

	if (read_position(position, &found) < 0)
		return -EINVAL;
	*ret_offset = found.mark.offset;
	return 0;
}

const struct feed_ops feed_file_ops = {
	.open = file_open,
	.next = file_next,
	.position = file_position,
	.free = file_free,
};
