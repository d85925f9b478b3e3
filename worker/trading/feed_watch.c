/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inotify on the file of a followed feed. The file itself is watched and not its
 * directory, where others may write without end.
 */
#include "worker/trading/feed_watch.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/cleanup.h"

#define EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define READS_MAX 16 /* so that a writer that never stops does not hold us */

void
feed_watch_init(struct feed_watch *watch, const struct config_trading *trading)
{
	bool is_followed = trading->feed == FEED_FILE && trading->file.follow;

	*watch = (struct feed_watch){ .fd = -1, .mark = -1 };
	if (!is_followed || !trading->file.path)
		return;
	watch->path = trading->file.path;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

/* The path may lead to another file than before, or to none. */
static void
mark_file(struct feed_watch *watch)
{
	int mark = inotify_add_watch(watch->fd, watch->path, EVENTS);

	/* The one before may be gone by itself, with its file. */
	if (watch->mark >= 0 && mark != watch->mark)
		(void)inotify_rm_watch(watch->fd, watch->mark);
	watch->mark = mark;
}

bool
feed_watch_take(struct feed_watch *watch)
{
	char events[4096];
	bool has_said = false;

	if (watch->fd < 0)
		return false;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(watch->fd, events, sizeof(events));

		if (n <= 0 && errno != EINTR)
			break;
		has_said |= n > 0;
	}
	mark_file(watch);
	return has_said;
}

void
feed_watch_deinit(struct feed_watch *watch)
{
	closep(&watch->fd);
	watch->fd = watch->mark = -1;
}
