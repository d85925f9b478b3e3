/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's identity and times, taken and compared. It reads no contents and keeps no
 * list; who watches a file keeps its stamp.
 */
#include "worker/trading/stamp.h"

#include <sys/stat.h>

#include "common/clock.h"

/* The kernel's tick is 10 ms at the most; file systems that count in 2 s are not for
 * state. */
#define SETTLED_AFTER_NS (50 * NS_PER_MS)

static int64_t
timespec_ns(struct timespec time)
{
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

struct stamp
stamp_take(const char *path)
{
	struct stamp stamp = { .settled = true };
	struct stat st;

	if (stat(path, &st) < 0)
		return stamp;
	stamp.there = true;
	stamp.is_directory = S_ISDIR(st.st_mode);
	stamp.device = st.st_dev;
	stamp.inode = st.st_ino;
	stamp.size = st.st_size;
	stamp.mtime_ns = timespec_ns(st.st_mtim);
	stamp.ctime_ns = timespec_ns(st.st_ctim);
	stamp.settled = clock_realtime_ns() - stamp.ctime_ns > SETTLED_AFTER_NS;
	return stamp;
}

bool
stamp_same(const struct stamp *then, const struct stamp *now)
{
	return then->settled && then->there == now->there &&
	       then->device == now->device && then->inode == now->inode &&
	       then->size == now->size && then->mtime_ns == now->mtime_ns &&
	       then->ctime_ns == now->ctime_ns;
}
