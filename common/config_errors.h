/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration file: noted where it is found, with the section
 * and the line, and told at the end in the order of lines.
 */
#pragma once

#include "common/config.h"

/**
 * struct config_errors - what is wrong with a file, until it is told in the order of
 * lines
 */
struct config_errors {
	const char *path;
	struct config_error *list;
	size_t n, n_not_kept;
	bool out_of_memory;
};

/** struct config_place - the sections around a key, for messages; lives on the stack */
struct config_place {
	const struct config_place *outer;
	const char *name, *title; /* title: NULL: none */
};

/** struct config_reader - what the reading of one file needs everywhere */
struct config_reader {
	config_on_error on_error;
	void *data; /* its */
	struct config_errors errors;
	const char *directory; /* of the file, "" for the working directory */
	struct config *config; /* being filled */
	/* A fragment's sections will be in a group that is not in the file. */
	bool is_fragment;
	enum auto_shutdown around;
};

/** config_report() - note an error of a key (NULL: of the section itself). */
void config_report(struct config_reader *reader, const struct config_place *place,
    unsigned line, const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** config_errors_tell() - report the errors in the order of lines and forget them. */
void config_errors_tell(
    struct config_errors *errors, config_on_error on_error, void *data);
