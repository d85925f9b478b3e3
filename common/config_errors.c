/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the errors of a configuration file and words where they are. At most
 * ERRORS_KEPT_MAX are kept; the others are counted.
 */
#include "common/config_errors.h"

#include <stdarg.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/record.h"
#include "common/text.h"

#define ERRORS_KEPT_MAX 100
#define MESSAGE_MAX 512

struct config_error {
	unsigned line;
	unsigned order; /* of two in one line */
	char *text;
};

static void
keep_error(struct config_errors *errors, unsigned line, const char *text)
{
	struct config_error *kept = errors->list;

	if (!kept)
		kept = errors->list = calloc(ERRORS_KEPT_MAX, sizeof(*kept));
	if (errors->n == ERRORS_KEPT_MAX) {
		errors->n_not_kept++;
		return;
	}
	if (!kept) {
		errors->out_of_memory = true;
		return;
	}
	kept[errors->n] =
	    (struct config_error){ line, (unsigned)errors->n, strdup(text) };
	if (kept[errors->n].text)
		errors->n++;
	else
		errors->out_of_memory = true;
}

static void
put_place(struct text_out *out, const struct config_place *place)
{
	char title[80];

	if (!place)
		return;
	put_place(out, place->outer);
	if (!place->title) {
		text_putf(out, "%.64s: ", place->name);
		return;
	}
	json_escape(place->title, strnlen(place->title, 64), title, sizeof(title));
	text_putf(out, "%.32s %s: ", place->name, title);
}

/* What comes from the file must not reach a terminal as anything but text. */
static void
make_harmless(char *text)
{
	size_t left = strlen(text), length;

	for (; left > 0; text += length, left -= length) {
		if (!text_is_harmless(text_next(text, left, &length)))
			memset(text, '?', length);
	}
}

void
config_report(struct config_reader *reader, const struct config_place *place,
    unsigned line, const char *key, const char *format, ...)
{
	char text[MESSAGE_MAX], what[MESSAGE_MAX / 2], name[80];
	struct text_out out;
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);

	text_init(&out, text, sizeof(text));
	put_place(&out, place);
	if (key) {
		json_escape(key, strnlen(key, 64), name, sizeof(name));
		text_putf(&out, "%s: ", name);
	}
	text_put(&out, what, strlen(what));
	make_harmless(text);
	keep_error(&reader->errors, line, text);
}

static int
by_line(const void *a, const void *b)
{
	const struct config_error *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void
config_errors_tell(struct config_errors *errors, config_on_error on_error, void *data)
{
	if (errors->n > 0)
		qsort(errors->list, errors->n, sizeof(*errors->list), by_line);
	for (size_t i = 0; i < errors->n; i++) {
		_cleanup_free_ char *message = NULL;

		if (asprintf(&message, "%s:%u: %s", errors->path, errors->list[i].line,
			errors->list[i].text) >= 0)
			on_error(message, data);
		else
			message = NULL;
		free(errors->list[i].text);
	}
	if (errors->n_not_kept > 0) {
		_cleanup_free_ char *message = NULL;

		if (asprintf(&message, "%s: and %zu more errors", errors->path,
			errors->n_not_kept) >= 0)
			on_error(message, data);
		else
			message = NULL;
	}
	free(errors->list);
	errors->list = NULL;
	errors->n = errors->n_not_kept = 0;
}
