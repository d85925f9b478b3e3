/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes, lists and prunes crash reports. It does not know what a crash is, nor reads a
 * report again: `tradesup crashes` shows the files as they are.
 */
#include "supervisor/crash.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/statefile.h"
#include "common/timestamp.h"

#define SUFFIX ".txt"
#define STAMP_LENGTH 20 /* of "20261124T200346.123Z" */
#define SAME_NAME_MAX 1000
#define HEADER_MAX 4096
#define LINE_MAX_BYTES (4 * CAPTURE_LINE_MAX + 64) /* every byte as \xHH */

/* RFC 3339 without what shells and other file systems stumble over. */
static void
format_stamp(int64_t time_ns, char out[TIMESTAMP_TEXT_MAX])
{
	char text[TIMESTAMP_TEXT_MAX];
	size_t n = 0;

	timestamp_format_ms(time_ns, text);
	for (const char *p = text; *p; p++)
		if (*p != '-' && *p != ':')
			out[n++] = *p;
	out[n] = '\0';
}

static bool
is_report_name(const char *name)
{
	static const char shape[] = "00000000T000000.000Z-";
	const size_t length = strlen(name);

	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '0' ? !isdigit((unsigned char)name[i])
				    : name[i] != shape[i])
			return false;
	return length > STAMP_LENGTH + strlen(SUFFIX) &&
	       strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static void
write_header(FILE *file, const struct crash *crash)
{
	char text[HEADER_MAX], time[TIMESTAMP_TEXT_MAX];
	const struct exit_reason *reason = &crash->reason;
	struct record record;

	timestamp_format_ms(crash->time_ns, time);
	record_init(&record, "crash");
	record_text(&record, "worker", crash->worker);
	record_int(&record, "pid", crash->pid);
	record_text(&record, "time", time);
	record_int(&record, "up_ms", crash->up_ns / 1000000);
	if (reason->signal == 0)
		record_int(&record, "status", reason->status);
	else if (sigabbrev_np(reason->signal))
		record_text(&record, "signal", sigabbrev_np(reason->signal));
	else
		record_int(&record, "signal", reason->signal);
	if (reason->core)
		record_bool(&record, "core", true);
	if (reason->cpu_us >= 0)
		record_int(&record, "cpu_ms", reason->cpu_us / 1000);
	if (reason->rss_max_kib >= 0)
		record_int(&record, "rss_max_kib", reason->rss_max_kib);
	record_text(&record, "why", crash->why);
	record_text(&record, "action", crash->action);
	if (crash->phase && *crash->phase)
		record_text(&record, "phase", crash->phase);
	if (crash->cycle >= 0)
		record_int(&record, "cycle", crash->cycle);
	if (crash->last_error && *crash->last_error)
		record_text(&record, "error", crash->last_error);
	record_logfmt(&record, text, sizeof(text));
	fprintf(file, "%s\n", text);
}

static void
write_restarts(FILE *file, const struct crash *crash)
{
	char time[TIMESTAMP_TEXT_MAX];

	fputs("restarts:\n", file);
	for (size_t i = 0; i < crash->n_restarts; i++) {
		timestamp_format_ms(crash->restarts_ns[i], time);
		fprintf(file, "  %s\n", time);
	}
}

static void
write_line(const char *line, size_t length, void *data)
{
	FILE *file = data;
	char text[CAPTURE_LINE_MAX + 1], escaped[LINE_MAX_BYTES];
	struct record record;

	/* A NUL would end the text early: it is shown as a blank. */
	for (size_t i = 0; i < length; i++)
		text[i] = line[i] ? line[i] : ' ';
	text[length] = '\0';
	record_init(&record, NULL);
	record_text(&record, "line", text);
	record_logfmt(&record, escaped, sizeof(escaped));
	fprintf(file, "  %s\n", escaped);
}

/* Allocates the whole report. */
static int
format_report(const struct crash *crash, char **ret_text, size_t *ret_length)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	size_t length;
	bool failed;

	file = open_memstream(&text, &length);
	if (!file)
		return -ENOMEM;
	write_header(file, crash);
	write_restarts(file, crash);
	fputs("output:\n", file);
	if (crash->output)
		capture_tail(crash->output, write_line, file);
	failed = ferror(file);
	if (fclose(steal(&file)) != 0 || failed)
		return -ENOMEM;
	*ret_text = steal(&text);
	*ret_length = length;
	return 0;
}

/* Not the one just written: where the clock was set back its name is not the last. */
static void
prune(const char *directory, const char *newest)
{
	char **names;
	size_t n = 0;

	if (crash_names(directory, &names) < 0)
		return;
	while (names[n])
		n++;
	for (size_t i = 0; i + CRASH_KEEP < n; i++) {
		_cleanup_free_ char *path = NULL;

		if (strcmp(names[i], newest) == 0)
			continue;
		path = path_join(directory, names[i]);
		if (path)
			(void)unlink(path);
	}
	crash_names_free(names);
}

/* Finds a name that is free. '_' sorts after '.', so the first of a name comes first.
 */
static int
choose_name(
    const char *directory, const struct crash *crash, char **ret_name, char **ret_path)
{
	char stamp[TIMESTAMP_TEXT_MAX];

	format_stamp(crash->time_ns, stamp);
	for (int i = 1; i < SAME_NAME_MAX; i++) {
		_cleanup_free_ char *name = NULL;
		_cleanup_free_ char *path = NULL;
		char number[8] = "";

		if (i > 1)
			snprintf(number, sizeof(number), "_%03d", i);
		if (asprintf(&name, "%s-%s-%d%s" SUFFIX, stamp, crash->worker,
			(int)crash->pid, number) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		path = path_join(directory, name);
		if (!path)
			return -ENOMEM;
		if (access(path, F_OK) < 0) {
			*ret_name = steal(&name);
			*ret_path = steal(&path);
			return 0;
		}
	}
	return -EEXIST;
}

int
crash_write(const char *directory, const struct crash *crash, char **ret_name)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *name = NULL;
	_cleanup_free_ char *path = NULL;
	size_t length;
	int r;

	r = path_mkdirs(directory, 0700);
	if (r < 0)
		return r;
	r = choose_name(directory, crash, &name, &path);
	if (r < 0)
		return r;
	r = format_report(crash, &text, &length);
	if (r < 0)
		return r;
	r = statefile_write(path, text, length, false);
	if (r < 0)
		return r;
	prune(directory, name);
	if (ret_name)
		*ret_name = steal(&name);
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

static void
names_freep(char ***names)
{
	crash_names_free(*names);
}

int
crash_names(const char *directory, char ***ret_names)
{
	_cleanup_(closedirp) DIR *stream = opendir(directory);
	_cleanup_(names_freep) char **names = calloc(1, sizeof(*names));
	size_t n = 0;

	if (!names)
		return -ENOMEM;
	if (!stream && errno != ENOENT)
		return -errno;
	while (stream) {
		struct dirent *entry;
		char **grown;

		errno = 0;
		entry = readdir(stream);
		if (!entry && errno != 0)
			return -errno;
		if (!entry)
			break;
		if (!is_report_name(entry->d_name))
			continue;
		grown = reallocarray(names, n + 2, sizeof(*names));
		if (!grown)
			return -ENOMEM;
		names = grown;
		names[n + 1] = NULL;
		names[n] = strdup(entry->d_name);
		if (!names[n])
			return -ENOMEM;
		n++;
	}
	qsort(names, n, sizeof(*names), compare_names);
	*ret_names = steal(&names);
	return 0;
}

char **
crash_names_free(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
	return NULL;
}
