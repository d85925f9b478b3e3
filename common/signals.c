/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals by name. Sending them is not for this file.
 */
#include "common/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Up to two digits. Return: the number, -1. */
static int
small_number(const char *text)
{
	int number = 0;
	size_t length = strlen(text);

	if (length == 0 || length > 2 || strspn(text, "0123456789") != length)
		return -1;
	for (; *text; text++)
		number = number * 10 + (*text - '0');
	return number;
}

static int
realtime_number(const char *text)
{
	int base, sign, offset = 0;

	if (strncasecmp(text, "RTMIN", 5) == 0) {
		base = SIGRTMIN;
		sign = '+';
	} else if (strncasecmp(text, "RTMAX", 5) == 0) {
		base = SIGRTMAX;
		sign = '-';
	} else {
		return -1;
	}
	if (text[5] != '\0')
		offset = text[5] == sign ? small_number(text + 6) : -1;
	if (offset < 0 || offset > SIGRTMAX - SIGRTMIN)
		return -1;
	return sign == '+' ? base + offset : base - offset;
}

static int
number_of(const char *name)
{
	for (int number = 1; number < SIGRTMIN; number++) {
		const char *known = sigabbrev_np(number);

		if (known && strcasecmp(known, name) == 0)
			return number;
	}
	return realtime_number(name);
}

int
signals_parse(const char *text, int *ret_number)
{
	int number = small_number(text);

	if (number < 0)
		number = number_of(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text);
	if (number < 1 || number > SIGRTMAX)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

const char *
signals_name(int number, char out[SIGNALS_TEXT_MAX])
{
	const char *known = number > 0 ? sigabbrev_np(number) : NULL;

	if (known)
		snprintf(out, SIGNALS_TEXT_MAX, "%s", known);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(out, SIGNALS_TEXT_MAX, "RTMIN+%d", number - SIGRTMIN);
	else
		snprintf(out, SIGNALS_TEXT_MAX, "%d", number);
	return out;
}
