/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NDJSON: one JSON object a line.
 */
#pragma once

#include "worker/trading/fields.h"

/**
 * ndjson_record() - take the fields out of a line
 * @fields: whose names are the keys
 * @line: modified up to line[length], which may be written to
 *
 * A key that is there twice counts the last time; null is as if the key were not there.
 * Return: NULL; or what is wrong: it is no well-formed object.
 */
const char *ndjson_record(const struct fields *fields, char *line, size_t length,
    struct field_text ret_texts[FIELD_COUNT]);
