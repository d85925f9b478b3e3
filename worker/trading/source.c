/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a file as it is or through zlib, and notices when a followed one was cut or
 * replaced. Lines are made elsewhere. Members of gzip that follow each other are one
 * stream, as gzip(1) has it, and zeros behind a member are padding. What is wrong with
 * the data is told after the last good byte.
 */
#include "worker/trading/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/cleanup.h"

#define INPUT_SIZE (64 * 1024)
#define GZIP_WINDOW_BITS (15 + 16) /* + 16: a gzip header, and nothing else */

enum source_form { SOURCE_UNKNOWN, SOURCE_PLAIN, SOURCE_GZIP };

struct source {
	const char *path; /* borrowed */
	int fd;
	bool follow;
	enum source_form form; /* unknown until two bytes are there */
	uint64_t offset;       /* decompressed bytes given so far */
	/* gzip only */
	z_stream stream;
	bool has_stream;
	bool in_member; /* between a member's first byte and its checksum */
	bool damaged;
	unsigned char input[INPUT_SIZE];
};

const char *
source_path(const struct source *source)
{
	return source->path;
}

struct source *
source_free(struct source *source)
{
	if (!source)
		return NULL;
	if (source->has_stream)
		inflateEnd(&source->stream);
	closep(&source->fd);
	free(source);
	return NULL;
}

void
source_freep(struct source **source)
{
	source_free(*source);
}

/*
 * A name that leads nowhere is the data's fault; a want of descriptors or memory is
 * not.
 */
static bool
is_about_path(int code)
{
	return code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP ||
	       code == ENAMETOOLONG;
}

static int
open_file(struct source *source, struct error *error)
{
	struct stat info;

	/* A FIFO without a writer must not hold us up: it is refused below. */
	source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0) {
		int code = errno;

		return error_set(error, is_about_path(code) ? SOURCE_E_DATA : -code,
		    "%s: %s", source->path, strerror(code));
	}
	if (fstat(source->fd, &info) < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return error_set(
		    error, SOURCE_E_DATA, "%s: not a regular file", source->path);
	return 0;
}

int
source_open(
    const char *path, bool follow, struct error *error, struct source **ret_source)
{
	_cleanup_(source_freep) struct source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return error_set(error, -ENOMEM, "out of memory");
	source->path = path;
	source->fd = -1;
	source->follow = follow;
	r = open_file(source, error);
	if (r != 0)
		return r;
	*ret_source = steal(&source);
	return 0;
}

static int
read_file(struct source *source, void *buffer, size_t size, size_t *ret_length,
    struct error *error)
{
	ssize_t n;

	do
		n = read(source->fd, buffer, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	*ret_length = (size_t)n;
	return 0;
}

/* At the end of a followed file: is it still the one, and as long as it was? */
static int
check_followed(const struct source *source, struct error *error)
{
	struct stat ours, theirs;
	off_t at = lseek(source->fd, 0, SEEK_CUR);

	if (at < 0 || fstat(source->fd, &ours) < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	if (ours.st_size < at)
		return error_set(error, SOURCE_E_DATA,
		    "%s: became shorter while it was followed", source->path);
	/* A name that is gone may be on its way back, in the middle of a rotation. */
	if (stat(source->path, &theirs) == 0 &&
	    (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino))
		return error_set(error, SOURCE_E_DATA,
		    "%s: was replaced while it was followed", source->path);
	return SOURCE_E_WAIT;
}

static int
at_end(const struct source *source, struct error *error)
{
	if (source->follow)
		return check_followed(source, error);
	if (source->in_member)
		return error_set(error, SOURCE_E_DATA, "%s: the gzip data is truncated",
		    source->path);
	return SOURCE_E_END;
}

/* Look at the first two bytes, without moving. */
static int
find_form(struct source *source, struct error *error)
{
	unsigned char magic[2];
	ssize_t n = pread(source->fd, magic, sizeof(magic), 0);

	if (n < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	if (n < (ssize_t)sizeof(magic) && source->follow)
		return check_followed(source, error);
	if (n < (ssize_t)sizeof(magic) || magic[0] != 0x1f || magic[1] != 0x8b) {
		source->form = SOURCE_PLAIN;
		return 0;
	}
	if (inflateInit2(&source->stream, GZIP_WINDOW_BITS) != Z_OK)
		return error_set(error, -ENOMEM, "out of memory");
	source->has_stream = true;
	source->in_member = true;
	source->form = SOURCE_GZIP;
	return 0;
}

static int
fill_input(struct source *source, struct error *error)
{
	size_t length = 0;
	int r;

	r = read_file(source, source->input, sizeof(source->input), &length, error);
	if (r < 0)
		return r;
	if (length == 0)
		return at_end(source, error);
	source->stream.next_in = source->input;
	source->stream.avail_in = (uInt)length;
	return 0;
}

/* Between two members: pass the padding, and begin the next one if there is any. */
static void
begin_member(struct source *source)
{
	z_stream *stream = &source->stream;

	while (stream->avail_in > 0 && *stream->next_in == 0) {
		stream->next_in++;
		stream->avail_in--;
	}
	if (stream->avail_in > 0) {
		inflateReset(stream);
		source->in_member = true;
	}
}

static int
inflate_some(struct source *source, struct error *error)
{
	int r;

	r = inflate(&source->stream, Z_NO_FLUSH);
	if (r == Z_STREAM_END) {
		source->in_member = false;
		return 0;
	}
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 0;
	if (r == Z_MEM_ERROR)
		return error_set(error, -ENOMEM, "out of memory");
	source->damaged = true;
	return 0;
}

static int
read_gzip(struct source *source, void *buffer, size_t size, size_t *ret_length,
    struct error *error)
{
	z_stream *stream = &source->stream;
	int r;

	stream->next_out = buffer;
	stream->avail_out = (uInt)size;
	while (stream->avail_out == size && !source->damaged) {
		if (stream->avail_in == 0) {
			r = fill_input(source, error);
			if (r != 0)
				return r;
		}
		if (!source->in_member)
			begin_member(source);
		if (source->in_member) {
			r = inflate_some(source, error);
			if (r < 0)
				return r;
		}
	}
	*ret_length = size - stream->avail_out;
	if (*ret_length == 0)
		return error_set(
		    error, SOURCE_E_DATA, "%s: the gzip data is damaged", source->path);
	return 0;
}

int
source_read(struct source *source, void *buffer, size_t size, size_t *ret_length,
    struct error *error)
{
	size_t length = 0;
	int r = 0;

	if (source->form == SOURCE_UNKNOWN)
		r = find_form(source, error);
	if (r != 0)
		return r;

	if (source->form == SOURCE_GZIP) {
		r = read_gzip(source, buffer, size, &length, error);
	} else {
		r = read_file(source, buffer, size, &length, error);
		if (r == 0 && length == 0)
			r = at_end(source, error);
	}
	if (r != 0)
		return r;
	source->offset += length;
	*ret_length = length;
	return 0;
}

static int
rewind_gzip(struct source *source, struct error *error)
{
	if (lseek(source->fd, 0, SEEK_SET) < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	inflateReset(&source->stream);
	source->stream.avail_in = 0;
	source->in_member = true;
	source->damaged = false;
	source->offset = 0;
	return 0;
}

static int
is_too_short(const struct source *source, struct error *error)
{
	return error_set(error, SOURCE_E_DATA,
	    "%s: is shorter than when the cursor was made", source->path);
}

static int
seek_gzip(struct source *source, uint64_t offset, struct error *error)
{
	char passed[4096];
	size_t length;
	int r;

	r = rewind_gzip(source, error);
	while (r == 0 && source->offset < offset) {
		uint64_t left = offset - source->offset;

		r = source_read(source, passed,
		    left < sizeof(passed) ? (size_t)left : sizeof(passed), &length,
		    error);
	}
	if (r == SOURCE_E_END || r == SOURCE_E_WAIT)
		return is_too_short(source, error);
	return r;
}

static int
seek_plain(struct source *source, uint64_t offset, struct error *error)
{
	struct stat info;

	if (fstat(source->fd, &info) < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	if ((uint64_t)info.st_size < offset)
		return is_too_short(source, error);
	if (lseek(source->fd, (off_t)offset, SEEK_SET) < 0)
		return error_set(
		    error, -errno, "%s: %s", source->path, strerror(errno));
	source->offset = offset;
	return 0;
}

int
source_seek(struct source *source, uint64_t offset, struct error *error)
{
	int r = 0;

	if (source->form == SOURCE_UNKNOWN)
		r = find_form(source, error);
	if (r == SOURCE_E_WAIT)
		return offset > 0 ? is_too_short(source, error) : 0;
	if (r != 0)
		return r;
	return source->form == SOURCE_GZIP ? seek_gzip(source, offset, error)
					   : seek_plain(source, offset, error);
}
