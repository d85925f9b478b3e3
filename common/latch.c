/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latches as files. The names alone decide, so that a check needs no file's content and
 * a file that is cut short stops as a whole one does. What a latch stops, and who may
 * clear it, is for the callers.
 */
#include "common/latch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/record.h"
#include "common/statefile.h"
#include "common/text.h"
#include "common/timestamp.h"

#define LINE_MAX_BYTES 2048

static bool
is_rule(const char *rule)
{
	size_t length = strspn(rule, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && length < LATCH_RULE_MAX && rule[length] == '\0';
}

/* NULL: errno says why. */
static DIR *
open_directory(const char *state_dir)
{
	_cleanup_free_ char *path = path_join(state_dir, LATCH_DIRECTORY);

	if (!path) {
		errno = ENOMEM;
		return NULL;
	}
	return opendir(path);
}

static void
closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* Worker, rule and name; where the rule is none, LATCH_UNREADABLE, and where the worker
 * is none, for all of them. */
static void
parse_name(const char *name, struct latch *ret)
{
	const char *at = strchr(name, '@');
	size_t length = at ? (size_t)(at - name) : 0;

	*ret = (struct latch){ .uid = -1 };
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	if (length > 0 && length < sizeof(ret->worker)) {
		memcpy(ret->worker, name, length);
		if (!path_is_safe_name(ret->worker)) {
			ret->worker[0] = '\0';
			at = NULL;
		}
	}
	if (!at || length >= sizeof(ret->worker) || !is_rule(at + 1)) {
		snprintf(ret->rule, sizeof(ret->rule), LATCH_UNREADABLE);
		snprintf(ret->reason, sizeof(ret->reason),
		    "a file of unknown meaning in " LATCH_DIRECTORY ": %s", name);
		return;
	}
	snprintf(ret->rule, sizeof(ret->rule), "%s", at + 1);
}

static bool
concerns(const struct latch *latch, const char *worker)
{
	return !worker || latch->worker[0] == '\0' ||
	       strcmp(latch->worker, worker) == 0;
}

/* The next file that counts, *@ret_name NULL at the end. Those that begin with a dot
 * are ours on their way, or what a killed writer left. Return: 0, -errno. */
static int
next_name(DIR *directory, const char **ret_name)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(directory);
	} while (entry && entry->d_name[0] == '.');
	*ret_name = entry ? entry->d_name : NULL;
	return -errno;
}

static int
latch_path(const char *state_dir, const char *name, char **ret_path)
{
	if (asprintf(ret_path, "%s/" LATCH_DIRECTORY "/%s", state_dir, name) < 0) {
		*ret_path = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* On the disk as well, or a power cut takes the first latch with its directory. */
static int
make_directory(const char *state_dir, const char *directory)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (access(directory, F_OK) == 0)
		return 0;
	r = path_mkdirs(directory, 0700);
	if (r < 0)
		return r;
	fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static size_t
format_line(const struct latch *latch, char *out, size_t size)
{
	char time[TIMESTAMP_TEXT_MAX];
	struct record record;
	size_t length;

	timestamp_format(latch->time_ns, time);
	record_init(&record, "latch");
	record_text(&record, "worker", latch->worker[0] ? latch->worker : NULL);
	record_text(&record, "rule", latch->rule);
	record_text(&record, "time", time);
	record_int(&record, "uid", latch->uid);
	record_text(&record, "reason", latch->reason);
	length = record_logfmt(&record, out, size - 1);
	out[length++] = '\n';
	return length;
}

int
latch_set(const char *state_dir, const struct latch *latch)
{
	_cleanup_free_ char *directory = path_join(state_dir, LATCH_DIRECTORY);
	_cleanup_free_ char *path = NULL, *temporary = NULL;
	char name[LATCH_WORKER_MAX + LATCH_RULE_MAX + 32];
	char line[LINE_MAX_BYTES];
	int r;

	if (!is_rule(latch->rule) ||
	    (latch->worker[0] && !path_is_safe_name(latch->worker)))
		return -EINVAL;
	if (!directory)
		return -ENOMEM;
	r = make_directory(state_dir, directory);
	if (r < 0)
		return r;
	snprintf(
	    name, sizeof(name), ".%s@%s.%d", latch->worker, latch->rule, (int)getpid());
	r = latch_path(state_dir, name, &temporary);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%s@%s", latch->worker, latch->rule);
	r = latch_path(state_dir, name, &path);
	if (r < 0)
		return r;
	/* The first reason is the one that a person needs. */
	if (access(path, F_OK) == 0)
		return LATCH_E_SET;
	return statefile_write_by(
	    path, temporary, line, format_line(latch, line, sizeof(line)), true);
}

static int64_t
parse_uid(const char *text)
{
	char *end;
	long long uid;

	if (!text || !*text)
		return -1;
	errno = 0;
	uid = strtoll(text, &end, 10);
	return errno || *end || uid < 0 || uid > UINT32_MAX ? -1 : uid;
}

/* Reason, time and uid, as far as the line has them. */
static void
read_line(struct latch *latch, char *line)
{
	struct record record;
	const char *text;

	if (record_parse(line, &record) < 0 || !record.event ||
	    strcmp(record.event, "latch") != 0) {
		snprintf(latch->reason, sizeof(latch->reason), "its file is damaged");
		return;
	}
	text = record_get(&record, "reason");
	snprintf(latch->reason, sizeof(latch->reason), "%s", text ? text : "");
	latch->uid = parse_uid(record_get(&record, "uid"));
	text = record_get(&record, "time");
	if (!text ||
	    timestamp_parse(text, strlen(text), TIME_UNIT_RFC3339, &latch->time_ns) < 0)
		latch->time_ns = 0;
}

static int
read_content(const char *state_dir, struct latch *latch)
{
	_cleanup_free_ char *path = NULL, *line = NULL;
	size_t length;
	int r;

	if (latch->reason[0])
		return 0;
	r = latch_path(state_dir, latch->name, &path);
	if (r < 0)
		return r;
	r = statefile_read(path, &line, &length);
	if (r == 0)
		read_line(latch, line);
	else if (r != -ENOMEM)
		snprintf(latch->reason, sizeof(latch->reason),
		    "its file cannot be read: %s", strerror(-r));
	return r == -ENOMEM ? r : 0;
}

static int
append(struct latches *latches, const struct latch *latch)
{
	struct latch *grown;

	grown = reallocarray(latches->items, latches->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	latches->items = grown;
	grown[latches->n++] = *latch;
	return 0;
}

static int
append_unreadable(struct latches *latches, int code)
{
	struct latch latch = { .rule = LATCH_UNREADABLE, .uid = -1 };

	snprintf(latch.reason, sizeof(latch.reason), LATCH_DIRECTORY ": %s",
	    strerror(-code));
	return append(latches, &latch);
}

static int
by_name(const void *a, const void *b)
{
	const struct latch *x = a, *y = b;

	/* '@' sorts before no letter: all workers' have to be put first. */
	if ((x->worker[0] == '\0') != (y->worker[0] == '\0'))
		return x->worker[0] == '\0' ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
latch_list(const char *state_dir, const char *worker, struct latches *ret_latches)
{
	_cleanup_(closedirp) DIR *directory = open_directory(state_dir);
	_cleanup_(latches_deinit) struct latches latches = { 0 };
	const char *name = NULL;
	int r;

	r = directory ? next_name(directory, &name) : -errno;
	while (r == 0 && name) {
		struct latch latch;

		parse_name(name, &latch);
		if (concerns(&latch, worker)) {
			r = read_content(state_dir, &latch);
			if (r == 0)
				r = append(&latches, &latch);
			if (r < 0)
				return r;
		}
		r = next_name(directory, &name);
	}
	if (r < 0 && r != -ENOENT && append_unreadable(&latches, r) < 0)
		return -ENOMEM;
	if (latches.n > 0)
		qsort(latches.items, latches.n, sizeof(*latches.items), by_name);
	*ret_latches = latches;
	latches = (struct latches){ 0 };
	return 0;
}

void
latches_deinit(struct latches *latches)
{
	free(latches->items);
	*latches = (struct latches){ 0 };
}

#define SHOWN_MAX 3

size_t
latches_text(const struct latches *latches, char *out, size_t size)
{
	struct text_out text;

	text_init(&text, out, size);
	for (size_t i = 0; i < latches->n; i++) {
		const struct latch *latch = &latches->items[i];

		if (i == SHOWN_MAX) {
			text_putf(&text, "; %zu more", latches->n - i);
			break;
		}
		if (i > 0)
			text_put(&text, "; ", 2);
		text_putf(&text, "%s: %s",
		    latch->worker[0] ? latch->worker : "all workers", latch->rule);
		if (latch->reason[0] && text_put(&text, ": ", 2))
			text_put(&text, latch->reason, strlen(latch->reason));
	}
	return text.used;
}

void
latch_record(
    const struct latch *latch, const char *event, char *time, struct record *ret_record)
{
	record_init(ret_record, event);
	record_text(ret_record, "worker", latch->worker[0] ? latch->worker : NULL);
	record_text(ret_record, "rule", latch->rule);
	record_text(ret_record, "reason", latch->reason);
	if (latch->time_ns > 0) {
		timestamp_format(latch->time_ns, time);
		record_text(ret_record, "time", time);
	}
	if (latch->uid >= 0)
		record_int(ret_record, "uid", latch->uid);
}

/* @rule is set, too: the one that stops more is named. */
static void
tighten(struct latch_check *check, const char *rule)
{
	bool is_partial = strcmp(rule, LATCH_MODULE_FALLBACK) == 0;

	if (check->stops_all && (is_partial || strcmp(check->rule, rule) <= 0))
		return;
	check->stops_opening = true;
	check->stops_all = !is_partial;
	snprintf(check->rule, sizeof(check->rule), "%s", rule);
}

void
latch_check(const char *state_dir, const char *worker, struct latch_check *ret_check)
{
	_cleanup_(closedirp) DIR *directory = open_directory(state_dir);
	struct latch_check check = { 0 };
	const char *name = NULL;
	int r;

	r = directory ? next_name(directory, &name) : -errno;
	while (r == 0 && name) {
		struct latch latch;

		parse_name(name, &latch);
		if (concerns(&latch, worker))
			tighten(&check, latch.rule);
		r = next_name(directory, &name);
	}
	if (r < 0 && r != -ENOENT)
		tighten(&check, LATCH_UNREADABLE);
	*ret_check = check;
}

bool
latch_is_set(const char *state_dir, const char *worker, const char *rule)
{
	char name[LATCH_WORKER_MAX + LATCH_RULE_MAX + 2];
	_cleanup_free_ char *path = NULL;

	snprintf(name, sizeof(name), "%s@%s", worker, rule);
	return latch_path(state_dir, name, &path) < 0 || access(path, F_OK) == 0 ||
	       errno != ENOENT;
}

static size_t
format_cleared(
    const struct latch *latch, const struct latch *by, char *out, size_t size)
{
	char time[TIMESTAMP_TEXT_MAX], set_time[TIMESTAMP_TEXT_MAX];
	struct record record;
	size_t length;

	timestamp_format(by->time_ns, time);
	timestamp_format(latch->time_ns, set_time);
	record_init(&record, "cleared");
	record_text(&record, "time", time);
	record_text(&record, "worker", latch->worker[0] ? latch->worker : NULL);
	record_text(&record, "rule", latch->rule);
	record_int(&record, "uid", by->uid);
	record_text(&record, "reason", by->reason);
	record_text(&record, "set_time", set_time);
	record_int(&record, "set_uid", latch->uid);
	record_text(&record, "set_reason", latch->reason);
	length = record_logfmt(&record, out, size - 1);
	out[length++] = '\n';
	return length;
}

/* A line in one piece, so that two who write at once do not mix. */
static int
note_cleared(const char *state_dir, const struct latch *latch, const struct latch *by)
{
	_cleanup_free_ char *path = path_join(state_dir, LATCH_LOG);
	_cleanup_close_ int fd = -1;
	char line[LINE_MAX_BYTES];
	size_t length = format_cleared(latch, by, line, sizeof(line));
	ssize_t n;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, line, length);
	if (n < 0 || fsync(fd) < 0)
		return -errno;
	return (size_t)n == length ? 0 : -ENOSPC;
}

static int
clear_one(const char *state_dir, const struct latch *latch, const struct latch *by)
{
	_cleanup_free_ char *path = NULL;
	int r;

	/* The directory itself is at fault. */
	if (!latch->name[0])
		return -EIO;
	r = latch_path(state_dir, latch->name, &path);
	if (r == 0)
		r = note_cleared(state_dir, latch, by);
	if (r < 0)
		return r;
	/* Somebody else may have cleared it. */
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int
sync_directory(const char *state_dir)
{
	_cleanup_(closedirp) DIR *directory = open_directory(state_dir);

	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dirfd(directory)) < 0 ? -errno : 0;
}

int
latch_clear(const char *state_dir, const char *worker, const struct latch *by,
    struct latches *ret_cleared)
{
	_cleanup_(latches_deinit) struct latches latches = { 0 };
	int r, failed = 0;

	*ret_cleared = (struct latches){ 0 };
	r = latch_list(state_dir, worker, &latches);
	if (r < 0)
		return r;
	for (size_t i = 0; i < latches.n; i++) {
		if (worker && latches.items[i].worker[0] == '\0')
			continue;
		r = clear_one(state_dir, &latches.items[i], by);
		if (r == 0)
			r = append(ret_cleared, &latches.items[i]);
		if (r < 0)
			failed = r;
	}
	r = sync_directory(state_dir);
	return failed < 0 ? failed : r;
}

int
latch_clear_rule(const char *state_dir, const char *worker, const char *rule)
{
	_cleanup_free_ char *directory = path_join(state_dir, LATCH_DIRECTORY);
	char name[LATCH_WORKER_MAX + LATCH_RULE_MAX + 2];
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	snprintf(name, sizeof(name), "%s@%s", worker, rule);
	r = latch_path(state_dir, name, &path);
	if (r < 0 || !directory)
		return -ENOMEM;
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}
