/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules and the list of seen events must not forget when the program ends, as
 * a text: lines of logfmt. Names stand in it, no indices, so a text can be read under
 * another configuration; what that does not know is left out.
 */
#pragma once

#include "worker/notify/rules.h"
#include "worker/notify/seen.h"

#define MEMORY_MAX (1 << 20)

/** memory_write() - Return: length of @out, NUL-terminated. MEMORY_MAX bytes are
 * enough. */
size_t memory_write(
    const struct rules *rules, const struct seen *seen, char *out, size_t size);

/**
 * memory_read() - into what rules_init() made; @text is modified
 *
 * Return: 0; -EBADMSG for what memory_write() has not made; then both may hold a part.
 */
int memory_read(char *text, struct rules *rules, struct seen *seen);
