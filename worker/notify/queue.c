/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue's directory. What a message says is not known here.
 */
#include "worker/notify/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/statefile.h"

#define TRIED ".tried"
#define DIGITS 20 /* of a sequence in a name, so that names sort as numbers do */

static int
by_name(const void *a, const void *b)
{
	const struct queue_item *x = a, *y = b;
	int order = strcmp(x->target, y->target);

	if (order != 0)
		return order;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* Return: whether it is the name of a message. */
static bool
parse_name(const char *name, struct queue_item *ret_item)
{
	size_t length = strlen(name), n;
	bool tried =
	    length > strlen(TRIED) && strcmp(name + length - strlen(TRIED), TRIED) == 0;

	if (tried)
		length -= strlen(TRIED);
	if (length < DIGITS + 2 || name[length - DIGITS - 1] != '.')
		return false;
	n = length - DIGITS - 1;
	if (n >= sizeof(ret_item->target) - 1 ||
	    strspn(name + n + 1, "0123456789") != DIGITS)
		return false;
	*ret_item = (struct queue_item){ .tried = tried };
	memcpy(ret_item->target, name, n);
	if (!path_is_safe_name(ret_item->target))
		return false;
	errno = 0;
	ret_item->sequence = strtoull(name + n + 1, NULL, 10);
	return errno == 0;
}

/* NULL: out of memory. */
static char *
path_of(const struct queue *queue, const struct queue_item *item, bool tried)
{
	char *path;

	if (asprintf(&path, "%s/%s.%0*" PRIu64 "%s", queue->directory, item->target,
		DIGITS, item->sequence, tried ? TRIED : "") < 0)
		return NULL;
	return path;
}

static int
sync_directory(const struct queue *queue)
{
	_cleanup_close_ int fd =
	    open(queue->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int
list(struct queue *queue)
{
	DIR *directory = opendir(queue->directory);
	struct dirent *entry;

	if (!directory)
		return -errno;
	while (queue->n < QUEUE_MAX && (entry = readdir(directory)))
		queue->n += parse_name(entry->d_name, &queue->items[queue->n]);
	closedir(directory);
	qsort(queue->items, queue->n, sizeof(queue->items[0]), by_name);
	return 0;
}

int
queue_list(struct queue *queue, const char *directory)
{
	*queue = (struct queue){ .directory = strdup(directory),
		.items = calloc(QUEUE_MAX, sizeof(struct queue_item)) };
	if (!queue->directory || !queue->items)
		return -ENOMEM;
	return list(queue);
}

int
queue_open(struct queue *queue, const char *directory)
{
	int r = path_mkdirs(directory, 0700);

	*queue = (struct queue){ 0 };
	return r < 0 ? r : queue_list(queue, directory);
}

void
queue_close(struct queue *queue)
{
	free(queue->directory);
	free(queue->items);
	*queue = (struct queue){ 0 };
}

static struct queue_item *
find(const struct queue *queue, const struct queue_item *item)
{
	for (size_t i = 0; i < queue->n; i++)
		if (by_name(&queue->items[i], item) == 0)
			return &queue->items[i];
	return NULL;
}

/* One that was tried before it was noted cannot be; were it so, its mark stays. */
int
queue_put(struct queue *queue, const char *target, uint64_t sequence, const char *text,
    size_t length)
{
	struct queue_item item = { .sequence = sequence }, *old;
	_cleanup_free_ char *path = NULL;
	int r;

	if (!path_is_safe_name(target) || length >= QUEUE_TEXT_MAX)
		return -EINVAL;
	snprintf(item.target, sizeof(item.target), "%s", target);
	old = find(queue, &item);
	if (!old && queue->n == QUEUE_MAX)
		return -ENOSPC;
	path = path_of(queue, &item, old && old->tried);
	if (!path)
		return -ENOMEM;
	r = statefile_write(path, text, length, 1);
	if (r < 0)
		return r;
	if (!old) {
		queue->items[queue->n++] = item;
		qsort(queue->items, queue->n, sizeof(item), by_name);
	}
	return 0;
}

struct queue_item *
queue_first(const struct queue *queue, const char *target)
{
	for (size_t i = 0; i < queue->n; i++)
		if (strcmp(queue->items[i].target, target) == 0)
			return &queue->items[i];
	return NULL;
}

int
queue_read(const struct queue *queue, const struct queue_item *item, char **ret_text)
{
	_cleanup_free_ char *path = path_of(queue, item, item->tried);
	size_t length;

	return path ? statefile_read(path, ret_text, &length) : -ENOMEM;
}

int
queue_mark(struct queue *queue, struct queue_item *item)
{
	_cleanup_free_ char *from = path_of(queue, item, false);
	_cleanup_free_ char *to = path_of(queue, item, true);

	if (item->tried)
		return 0;
	if (!from || !to)
		return -ENOMEM;
	if (rename(from, to) < 0)
		return -errno;
	item->tried = true;
	return sync_directory(queue);
}

int
queue_remove(struct queue *queue, struct queue_item *item)
{
	_cleanup_free_ char *path = path_of(queue, item, item->tried);
	size_t i = (size_t)(item - queue->items);

	if (!path)
		return -ENOMEM;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	queue->n--;
	memmove(item, item + 1, (queue->n - i) * sizeof(*item));
	return sync_directory(queue);
}

uint64_t
queue_last_sequence(const struct queue *queue)
{
	uint64_t last = 0;

	for (size_t i = 0; i < queue->n; i++)
		if (queue->items[i].sequence > last)
			last = queue->items[i].sequence;
	return last;
}
