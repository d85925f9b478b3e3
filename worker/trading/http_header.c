/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few headers of an answer that mean something to us. A value that is not what it
 * should be is as if the header were not there.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "worker/trading/http.h"

/* Digits alone. Return: HTTP_NONE if it is no such number. */
static int64_t
read_number(const char *text)
{
	int64_t value = 0;

	if (*text == '\0')
		return HTTP_NONE;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > INT64_MAX / 10 - 1)
			return HTTP_NONE;
		value = value * 10 + (*text - '0');
	}
	return value;
}

/* RFC 9110, 5.6.7, the preferred form: "Sun, 06 Nov 1994 08:49:37 GMT". */
static int64_t
read_date(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };
	char month[4] = "", end;
	const char *found;

	if (strlen(text) != 29 ||
	    sscanf(text, "%*3c, %2d %3c %4d %2d:%2d:%2d GM%c", &tm.tm_mday, month,
		&tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 7)
		return HTTP_NONE;
	found = strstr(months, month);
	if (!found || (found - months) % 3 != 0 || end != 'T')
		return HTTP_NONE;
	tm.tm_mon = (int)(found - months) / 3;
	tm.tm_year -= 1900;
	return (int64_t)timegm(&tm);
}

/* Seconds, or a date. */
static int64_t
read_retry_after(const char *text)
{
	int64_t value = read_number(text), now_s;

	if (value != HTTP_NONE)
		return value;
	value = read_date(text);
	if (value == HTTP_NONE)
		return HTTP_NONE;
	now_s = clock_realtime_ns() / NS_PER_S;
	return value > now_s ? value - now_s : 0;
}

/* "bytes 200-1000/67589", where the last may be an asterisk; also "bytes (asterisk)/N".
 */
static void
read_range(const char *text, struct http_answer *answer)
{
	const char *slash = strchr(text, '/');
	char first[24];
	size_t length;

	if (strncasecmp(text, "bytes ", 6) != 0 || !slash)
		return;
	text += 6;
	answer->range_total = read_number(slash + 1);
	length = strcspn(text, "-/");
	if (text[length] != '-' || length >= sizeof(first))
		return;
	memcpy(first, text, length);
	first[length] = '\0';
	answer->range_first = read_number(first);
}

static void
reset(struct http_answer *answer)
{
	answer->rate_limit = answer->rate_remaining = answer->rate_reset_s = HTTP_NONE;
	answer->retry_after_s = answer->date_s = HTTP_NONE;
	answer->range_first = answer->range_total = HTTP_NONE;
	answer->etag[0] = answer->last_modified[0] = answer->content_type[0] = '\0';
}

static void
take(struct http_answer *answer, const char *name, const char *value)
{
	const struct {
		const char *name;
		int64_t *number; /* or */
		char *text;
	} known[] = {
		{ "X-RateLimit-Limit", &answer->rate_limit, NULL },
		{ "X-RateLimit-Remaining", &answer->rate_remaining, NULL },
		{ "X-RateLimit-Reset", &answer->rate_reset_s, NULL },
		{ "ETag", NULL, answer->etag },
		{ "Last-Modified", NULL, answer->last_modified },
		{ "Content-Type", NULL, answer->content_type },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(name, known[i].name) != 0)
			continue;
		if (known[i].number)
			*known[i].number = read_number(value);
		else
			memcpy(known[i].text, value, strlen(value) + 1);
	}
	if (strcasecmp(name, "Retry-After") == 0)
		answer->retry_after_s = read_retry_after(value);
	else if (strcasecmp(name, "Date") == 0)
		answer->date_s = read_date(value);
	else if (strcasecmp(name, "Content-Range") == 0)
		read_range(value, answer);
}

void
http_answer_header(struct http_answer *answer, const char *line, size_t length)
{
	char text[HTTP_TEXT_MAX];
	char *value;

	if (length >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
		reset(answer);
		return;
	}
	if (length >= sizeof(text) || memchr(line, '\0', length))
		return;
	memcpy(text, line, length);
	text[length] = '\0';
	value = strchr(text, ':');
	if (!value)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	take(answer, text, value);
}
