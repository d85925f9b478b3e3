/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations ("500ms", "2s", "5m", "1h30m", "0") and sizes ("64K", "256M", "1G") as
 * text.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DURATION_TEXT_MAX 32

/**
 * duration_parse() - read a duration: whole or decimal numbers with a unit each
 *
 * Units: ns us ms s m h d. A bare number other than 0 is refused: its unit would be a
 * guess. Return: 0; -EINVAL; -ERANGE if it is negative or does not fit.
 */
int duration_parse(const char *text, int64_t *ret_ns);

/**
 * duration_format() - the shortest exact form, "1.5s", "250ms", "2m"; for people.
 * Return: length.
 */
size_t duration_format(int64_t ns, char out[DURATION_TEXT_MAX]);

/**
 * size_parse() - read a size in bytes; K, M, G, T are powers of 1024 (systemd's
 * convention)
 *
 * Return: 0; -EINVAL; -ERANGE.
 */
int size_parse(const char *text, int64_t *ret_bytes);

/** size_format() - "64.0M", for people. Return: length. */
size_t size_format(int64_t bytes, char out[DURATION_TEXT_MAX]);
