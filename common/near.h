/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The near one: which known word a mistyped one may have meant.
 */
#pragma once

#include <stddef.h>

#define NEAR_WORD_MAX 32 /* a longer word is near to nothing */

/**
 * near_distance() - edits that turn @a into @b: a letter inserted, deleted or replaced,
 * or two neighbours exchanged, count one each
 *
 * Return: the number; NEAR_WORD_MAX + 1 if one of them is longer than NEAR_WORD_MAX.
 */
size_t near_distance(const char *a, const char *b);

/**
 * near_find() - the nearest of @words, the first one of equals
 *
 * Near is what @word is the beginning of (three letters or more), then what at most one
 * edit in three letters away from it, but one always. Return: borrowed from @words;
 * NULL if none is near.
 */
const char *near_find(const char *word, const char *const words[], size_t n_words);
