/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edit distance between words, and the choice of the nearest (optimal string alignment:
 * no substring is edited twice, which is exact enough for slips of the fingers). Pure.
 * It does not know what the words stand for.
 */
#include "common/near.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

size_t
near_distance(const char *a, const char *b)
{
	size_t rows[3][NEAR_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t length_a = strnlen(a, NEAR_WORD_MAX + 1);
	size_t length_b = strnlen(b, NEAR_WORD_MAX + 1);

	if (length_a > NEAR_WORD_MAX || length_b > NEAR_WORD_MAX)
		return NEAR_WORD_MAX + 1;

	memset(rows, 0, sizeof(rows));
	for (size_t j = 0; j <= length_b; j++)
		last[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			size_t replace = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = min3(row[j], before[j - 2] + 1, SIZE_MAX);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[length_b];
}

const char *
near_find(const char *word, const char *const words[], size_t n_words)
{
	size_t length = strlen(word);
	size_t allowed = length < 6 ? 1 : length / 3;
	size_t best_cost = SIZE_MAX;
	const char *best = NULL;

	for (size_t i = 0; i < n_words; i++) {
		bool is_beginning = length >= 3 && strncmp(word, words[i], length) == 0;
		size_t distance = near_distance(word, words[i]);
		size_t cost = is_beginning ? 1 : 2 * distance;

		if ((is_beginning || distance <= allowed) && cost < best_cost) {
			best_cost = cost;
			best = words[i];
		}
	}
	return best;
}
