/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns for names: '*' any characters, '?' one of them, all else itself.
 */
#pragma once

#include <stdbool.h>

#define GLOB_MAX 256 /* bytes of a pattern that comes from elsewhere */

/**
 * glob_match() - whether the pattern stands for the whole of @text
 *
 * Takes time in proportion to the product of both lengths at most, however many '*'
 * there are, which fnmatch(3) does not promise.
 */
bool glob_match(const char *pattern, const char *text);
