/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms of a message. How it is sent is deliver.c's.
 */
#include "worker/notify/letter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/timestamp.h"

#define WORD_MAX 39   /* bytes in an encoded word, behind "Subject: " */
#define BASE64_MAX 57 /* bytes of text in a line of 76 characters */

static void
copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

void
letter_of(const struct rules_message *message, const char *target, const char *host,
    struct letter *ret_letter)
{
	struct text_out id;

	memset(ret_letter, 0, sizeof(*ret_letter));
	text_init(&id, ret_letter->id, sizeof(ret_letter->id));
	text_putf(&id, "%s.%" PRIu64 "@", target, message->sequence);
	for (size_t i = 0; host[i] && i < 64; i++)
		if (strspn(host + i, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") > 0)
			text_put(&id, host + i, 1);
	if (id.out[id.used - 1] == '@')
		text_putf(&id, "localhost");
	ret_letter->time_ns = message->time_ns;
	ret_letter->urgent = message->urgent;
	copy(ret_letter->state, sizeof(ret_letter->state), message->state);
	copy(ret_letter->title, sizeof(ret_letter->title), message->title);
	copy(ret_letter->text, sizeof(ret_letter->text), message->text);
}

size_t
letter_write(const struct letter *letter, char *out, size_t size)
{
	struct record record;

	record_init(&record, "message");
	record_text(&record, "id", letter->id);
	record_int(&record, "time", letter->time_ns);
	record_bool(&record, "urgent", letter->urgent);
	record_text(&record, "state", letter->state);
	record_text(&record, "title", letter->title);
	record_text(&record, "text", letter->text);
	return record_logfmt(&record, out, size);
}

int
letter_read(char *text, struct letter *ret_letter)
{
	const char *time, *urgent;
	struct record record;

	if (record_parse(text, &record) < 0 || !record.event ||
	    strcmp(record.event, "message") != 0 || !record_get(&record, "id"))
		return -EBADMSG;
	memset(ret_letter, 0, sizeof(*ret_letter));
	time = record_get(&record, "time");
	urgent = record_get(&record, "urgent");
	ret_letter->time_ns = time ? strtoll(time, NULL, 10) : 0;
	ret_letter->urgent = urgent && strcmp(urgent, "yes") == 0;
	letter_ascii(record_get(&record, "id"), ret_letter->id, sizeof(ret_letter->id));
	copy(
	    ret_letter->state, sizeof(ret_letter->state), record_get(&record, "state"));
	copy(
	    ret_letter->title, sizeof(ret_letter->title), record_get(&record, "title"));
	copy(ret_letter->text, sizeof(ret_letter->text), record_get(&record, "text"));
	return 0;
}

/* JSON. */

static const char *
value_of(const struct letter *letter, const char *name, size_t length,
    char buffer[TIMESTAMP_TEXT_MAX])
{
	const struct {
		const char *name, *value;
	} values[] = {
		{ "title", letter->title },
		{ "text", letter->text },
		{ "state", letter->state },
		{ "id", letter->id },
		{ "urgent", letter->urgent ? "true" : "false" },
		{ "repeat", letter->repeat ? "true" : "false" },
	};

	if (length == 4 && memcmp(name, "time", 4) == 0) {
		timestamp_format_ms(letter->time_ns, buffer);
		return buffer;
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strlen(values[i].name) == length &&
		    memcmp(name, values[i].name, length) == 0)
			return values[i].value;
	return NULL;
}

static bool
put_escaped(struct text_out *out, const char *value)
{
	size_t length = strlen(value), size = 6 * length + 1;
	_cleanup_free_ char *escaped = malloc(size);

	if (!escaped)
		return false;
	return text_put(out, escaped, json_escape(value, length, escaped, size));
}

/* Values are put in once; what looks like a place in one is left as it is. */
size_t
letter_json(const struct letter *letter, const char *template, char *out, size_t size)
{
	static const char own[] =
	    "{\"id\":\"{{id}}\",\"time\":\"{{time}}\",\"state\":\"{{state}}\","
	    "\"urgent\":{{urgent}},\"repeat\":{{repeat}},\"title\":\"{{title}}\","
	    "\"text\":\"{{text}}\"}";
	const char *p = template ? template : own;
	char buffer[TIMESTAMP_TEXT_MAX];
	struct text_out text;

	text_init(&text, out, size);
	while (*p) {
		const char *end = strncmp(p, "{{", 2) == 0 ? strstr(p, "}}") : NULL;
		const char *value =
		    end ? value_of(letter, p + 2, (size_t)(end - p - 2), buffer) : NULL;

		if (value ? !put_escaped(&text, value) : !text_put(&text, p, 1))
			return 0;
		p = value ? end + 2 : p + 1;
	}
	return text.used;
}

/* Slack reads <…> and & as markup; what an event says is none. */
static void
put_plain(struct text_out *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			text_putf(out, "&amp;");
		else if (*text == '<')
			text_putf(out, "&lt;");
		else if (*text == '>')
			text_putf(out, "&gt;");
		else
			text_put(out, text, 1);
	}
}

size_t
letter_slack(const struct letter *letter, char *out, size_t size)
{
	size_t plain_size = 5 * (sizeof(letter->title) + sizeof(letter->text));
	_cleanup_free_ char *plain = malloc(plain_size);
	struct text_out text;

	if (!plain)
		return 0;
	text_init(&text, plain, plain_size);
	put_plain(&text, letter->title);
	text_putf(&text, "\n");
	put_plain(&text, letter->text);
	text_init(&text, out, size);
	if (!text_putf(&text, "{\"text\":\"") || !put_escaped(&text, plain) ||
	    !text_putf(&text, "\"}"))
		return 0;
	return text.used;
}

/* Mail. */

void
letter_ascii(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < ' ' || byte == 0x7f)
			out[n++] = ' ';
		else if (byte < 0x7f)
			out[n++] = (char)byte;
		else if ((byte & 0xc0) != 0x80) /* one for each character */
			out[n++] = '?';
	}
	out[n] = '\0';
}

static void
put_base64(struct text_out *out, const char *bytes, size_t length)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		uint32_t group = (uint32_t)(unsigned char)bytes[i] << 16;
		char four[4];

		if (i + 1 < length)
			group |= (uint32_t)(unsigned char)bytes[i + 1] << 8;
		if (i + 2 < length)
			group |= (unsigned char)bytes[i + 2];
		for (int k = 0; k < 4; k++)
			four[k] = digits[group >> (18 - 6 * k) & 63];
		if (i + 2 >= length)
			four[3] = '=';
		if (i + 1 >= length)
			four[2] = '=';
		text_put(out, four, 4);
	}
}

/* How much of @text a word takes: whole characters. */
static size_t
word_length(const char *text, size_t length)
{
	size_t n = 0, next;

	while (n < length) {
		text_next(text + n, length - n, &next);
		if (n + next > WORD_MAX)
			break;
		n += next;
	}
	return n;
}

/* RFC 2047: always encoded words, so that no text is too long or has what a header
 * cannot have. Plain ASCII that is short stays as it is, for those who read sources. */
static void
put_subject(struct text_out *out, const char *title)
{
	char ascii[RULES_TITLE_MAX];
	size_t length = strlen(title);

	letter_ascii(title, ascii, sizeof(ascii));
	text_putf(out, "Subject: ");
	if (strcmp(ascii, title) == 0 && length <= 60 && !strstr(title, "=?")) {
		text_put(out, title, length);
		text_putf(out, "\r\n");
		return;
	}
	while (length > 0) {
		size_t n = word_length(title, length);

		text_putf(out, "=?utf-8?B?");
		put_base64(out, title, n);
		text_putf(out, "?=\r\n");
		title += n;
		length -= n;
		if (length > 0)
			text_putf(out, " ");
	}
}

static void
put_headers(struct text_out *out, const struct letter *letter,
    const struct config_target *target)
{
	time_t seconds = (time_t)(letter->time_ns / NS_PER_S);
	struct tm tm;
	char date[64];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	text_putf(out, "Date: %s\r\nFrom: tradesup <", date);
	text_put(out, target->from, strlen(target->from));
	text_putf(out, ">\r\nTo: ");
	for (char **to = target->to; *to; to++) {
		text_put(out, *to, strlen(*to));
		text_putf(out, to[1] ? ",\r\n " : "\r\n");
	}
	put_subject(out, letter->title);
	text_putf(out, "Message-ID: <");
	text_put(out, letter->id, strlen(letter->id));
	text_putf(out, ">\r\n");
	text_putf(out, "Auto-Submitted: auto-generated\r\n");
	text_putf(out, "X-Tradesup-State: %.15s\r\n", letter->state);
	if (letter->repeat)
		text_putf(out, "X-Tradesup-Repeat: yes\r\n");
	if (letter->urgent)
		text_putf(out, "Importance: high\r\n");
	text_putf(out, "MIME-Version: 1.0\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n");
	text_putf(out, "Content-Transfer-Encoding: base64\r\n\r\n");
}

size_t
letter_mail(const struct letter *letter, const struct config_target *target, char *out,
    size_t size)
{
	size_t length = strlen(letter->text);
	struct text_out text;

	text_init(&text, out, size);
	put_headers(&text, letter, target);
	for (size_t i = 0; i < length; i += BASE64_MAX) {
		put_base64(&text, letter->text + i,
		    length - i < BASE64_MAX ? length - i : BASE64_MAX);
		if (!text_putf(&text, "\r\n"))
			return 0;
	}
	return text.used;
}
