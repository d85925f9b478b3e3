/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns for names. Only the last '*' is ever tried again: what an earlier one has
 * taken can stay as it is, because the later one can take the rest.
 */
#include "common/glob.h"

#include <stddef.h>

bool
glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			from = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
