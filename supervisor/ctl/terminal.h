/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal: what came from elsewhere made harmless, measured, cut, and spans
 * of time as a person says them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TERMINAL_SPAN_MAX 24

/**
 * terminal_clean() - a copy without control characters and broken UTF-8: each such byte
 * is
 * '?'
 *
 * What a worker says cannot move the cursor, change colours or end the line.
 * Return: the copy, caller frees; NULL: out of memory.
 */
char *terminal_clean(const char *text);

/** terminal_width() - characters of a clean text; each is taken for one column wide. */
size_t terminal_width(const char *text);

/** terminal_cut() - length in bytes of the first @width characters of a clean text. */
size_t terminal_cut(const char *text, size_t width);

/** terminal_span() - milliseconds in two units at most: "0.4s", "12s", "3m05s",
 * "3h12m", "2d4h". Return: @out. */
const char *terminal_span(int64_t ms, char out[TERMINAL_SPAN_MAX]);
