/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals by name, as kill(1) takes them.
 */
#pragma once

#include <stddef.h>

#define SIGNALS_TEXT_MAX 16

/**
 * signals_parse() - "TERM", "SIGTERM", "term", "15", "RTMIN+2", "RTMAX-1"
 *
 * 0, which would only ask whether there is a process, is none. Return: 0; -EINVAL.
 */
int signals_parse(const char *text, int *ret_number);

/** signals_name() - "TERM", "RTMIN+2"; the number where it has no name. Return: @out.
 */
const char *signals_name(int number, char out[SIGNALS_TEXT_MAX]);
