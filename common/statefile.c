/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files that are replaced as a whole. What is in them, and whether it is corrupt,
 * is the caller's business.
 */
#include "common/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define SET_ASIDE_TRIES 1000

static int
write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

/* So that the rename itself survives a power cut. */
static int
sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = NULL;
	_cleanup_close_ int fd = -1;

	directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!directory)
		return -ENOMEM;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

static int
write_new(const char *path, const void *data, size_t length, int durable)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, length);
	if (r < 0)
		return r;
	if (durable && fsync(fd) < 0)
		return -errno;
	/* NFS and quotas may keep their error for close(2). */
	return close(steal_fd(&fd)) < 0 ? -errno : 0;
}

int
statefile_write_by(const char *path, const char *temporary, const void *data,
    size_t length, int durable)
{
	int r;

	/* Of a writer that was killed. */
	if (unlink(temporary) < 0 && errno != ENOENT)
		return -errno;

	r = write_new(temporary, data, length, durable);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	return durable ? sync_directory_of(path) : 0;
}

int
statefile_write(const char *path, const void *data, size_t length, int durable)
{
	_cleanup_free_ char *temporary = NULL;

	/* Always the same name, so that what killed writers leave cannot pile up. */
	if (asprintf(&temporary, "%s.tmp", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	return statefile_write_by(path, temporary, data, length, durable);
}

static int
read_all(int fd, char *data, size_t size, size_t *ret_length)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, data + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	*ret_length = length;
	return 0;
}

int
statefile_read(const char *path, char **ret_data, size_t *ret_length)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t length = 0;
	struct stat st;
	int r;

	/* Non-blocking, so that a FIFO in its place cannot hold us. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > STATEFILE_MAX)
		return -EFBIG;

	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	r = read_all(fd, data, (size_t)st.st_size, &length);
	if (r < 0)
		return r;
	data[length] = '\0';
	*ret_data = steal(&data);
	*ret_length = length;
	return 0;
}

int
statefile_set_aside(const char *path, char **ret_name)
{
	int64_t seconds = clock_realtime_ns() / NS_PER_S;
	struct stat st;

	for (unsigned i = 0; i < SET_ASIDE_TRIES; i++) {
		_cleanup_free_ char *name = NULL;
		char suffix[16] = "";

		if (i > 0)
			snprintf(suffix, sizeof(suffix), "-%u", i);
		if (asprintf(&name, "%s.corrupt-%" PRId64 "%s", path, seconds, suffix) <
		    0) {
			name = NULL;
			return -ENOMEM;
		}
		if (lstat(name, &st) == 0)
			continue;
		if (rename(path, name) < 0)
			return -errno;
		if (ret_name)
			*ret_name = steal(&name);
		return 0;
	}
	return -EEXIST;
}

static int
take_lines(char *text, size_t length, int (*take)(char *line, void *data), void *data)
{
	char *line;
	int r;

	if (memchr(text, '\0', length))
		return -EBADMSG;
	while ((line = strsep(&text, "\n"))) {
		r = *line ? take(line, data) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int
statefile_read_lines(const char *path, int (*take)(char *line, void *data), void *data)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r, aside;

	r = statefile_read(path, &text, &length);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = take_lines(text, length, take, data);
	else if (r == -EFBIG)
		r = -EBADMSG;
	if (r != -EBADMSG)
		return r;
	aside = statefile_set_aside(path, NULL);
	return aside < 0 ? aside : r;
}
