/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The copy's two files: their order on the disk, what is cut off and what is given
 * back.
 */
#include "worker/trading/feed_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/cleanup.h"
#include "common/statefile.h"
#include "worker/trading/feed_ops.h"

#define END_FORMAT "http/2 size=%" PRIu64 " base=%" PRIu64 " crc32=%08" PRIx32
#define END_FORMAT_1 "http/1 size=%" PRIu64 /* of a copy without holes */
#define PART 65536

void
feed_copy_deinit(struct feed_copy *copy)
{
	closep(&copy->fd);
	copy->fd = -1;
	free(copy->end_path);
	free(copy->path);
	copy->end_path = copy->path = NULL;
}

static int
fail(const char *path, int r, struct error *error)
{
	return error_set(error, r, "%s: %s", path, strerror(-r));
}

/* Return: 0; -errno. */
static int
write_end(const struct feed_copy *copy, uint64_t size, uint64_t base, uint32_t crc)
{
	char text[FEED_POSITION_MAX];

	snprintf(text, sizeof(text), END_FORMAT, size, base, crc);
	feed_position_seal(text);
	return statefile_write(copy->end_path, text, strlen(text), 1);
}

/* Read leniently, write again, compare. Return: 0; -EBADMSG. */
static int
parse_end(const char *text, struct feed_copy *end)
{
	char plain[FEED_POSITION_MAX], again[FEED_POSITION_MAX];

	if (feed_position_unseal(text, plain) < 0)
		return -EBADMSG;
	end->base = end->crc = 0;
	if (sscanf(plain, "http/2 size=%" SCNu64 " base=%" SCNu64 " crc32=%" SCNx32,
		&end->size, &end->base, &end->crc) == 3)
		snprintf(
		    again, sizeof(again), END_FORMAT, end->size, end->base, end->crc);
	else if (sscanf(plain, "http/1 size=%" SCNu64, &end->size) == 1)
		snprintf(again, sizeof(again), END_FORMAT_1, end->size);
	else
		return -EBADMSG;
	return strcmp(plain, again) == 0 && end->base <= end->size ? 0 : -EBADMSG;
}

/* Return: 0; -ENOENT; -EBADMSG; -errno. */
static int
read_end(const struct feed_copy *copy, struct feed_copy *end)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r;

	r = statefile_read(copy->end_path, &text, &length);
	if (r < 0)
		return r;
	if (length >= FEED_POSITION_MAX || strlen(text) != length)
		return -EBADMSG;
	return parse_end(text, end);
}

/* Without the file beside it nobody knows what was in the hole. */
static bool
has_hole(const struct feed_copy *copy, uint64_t length)
{
	off_t data = length > COPY_HEAD ? lseek(copy->fd, COPY_HEAD, SEEK_DATA) : 0;

	return data > COPY_HEAD || (data < 0 && errno == ENXIO);
}

static int
damaged(const char *path, const char *what, struct error *error)
{
	return error_set(error, FEED_COPY_E_DATA, "%s: %s", path, what);
}

/* Cut off what is behind the end that is known. */
static int
find_end(struct feed_copy *copy, uint64_t length, struct error *error)
{
	struct feed_copy end = { .size = 0 };
	int r = read_end(copy, &end);

	if (r == -EBADMSG)
		return damaged(copy->end_path,
		    "is damaged; it says how much of the copy beside it counts", error);
	if (r == -ENOENT && has_hole(copy, length))
		return damaged(copy->end_path,
		    "is not there, and the copy beside it was trimmed", error);
	if (r == 0 && end.base > length)
		return damaged(
		    copy->path, "is shorter than where it was trimmed", error);
	/* A copy of an older version has none. */
	if (r == -ENOENT || (r == 0 && end.size > length)) {
		end.size = length;
		r = write_end(copy, end.size, end.base, end.crc);
	} else if (r == 0 && end.size < length &&
		   ftruncate(copy->fd, (off_t)end.size) < 0) {
		r = -errno;
	}
	if (r < 0)
		return fail(copy->end_path, r, error);
	copy->size = end.size;
	copy->base = end.base;
	copy->crc = end.crc;
	return 0;
}

int
feed_copy_open(struct feed_copy *copy, const char *directory, struct error *error)
{
	struct stat st;

	*copy = (struct feed_copy){ .fd = -1 };
	if (asprintf(&copy->end_path, "%s/feed-http.end", directory) < 0) {
		copy->end_path = NULL;
		return error_set(error, -ENOMEM, "out of memory");
	}
	if (asprintf(&copy->path, "%s/feed-http.copy", directory) < 0) {
		copy->path = NULL;
		return error_set(error, -ENOMEM, "out of memory");
	}
	copy->fd = open(copy->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (copy->fd < 0 || fstat(copy->fd, &st) < 0)
		return fail(copy->path, -errno, error);
	return find_end(copy, (uint64_t)st.st_size, error);
}

int
feed_copy_append(
    struct feed_copy *copy, const char *bytes, size_t length, struct error *error)
{
	size_t done = 0;
	int r = 0;

	while (done < length) {
		ssize_t n = pwrite(
		    copy->fd, bytes + done, length - done, (off_t)(copy->size + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done < length || fdatasync(copy->fd) < 0)
		r = -errno;
	else if (length > 0)
		r = write_end(copy, copy->size + length, copy->base, copy->crc);
	if (r < 0) {
		(void)ftruncate(copy->fd, (off_t)copy->size);
		return fail(copy->path, r, error);
	}
	copy->size += length;
	return 0;
}

/* At most @wanted bytes, at least one. Return: 0; -errno. */
static int
read_part(const struct feed_copy *copy, uint64_t at, uint64_t wanted, char part[PART],
    size_t *ret_length)
{
	ssize_t n =
	    pread(copy->fd, part, wanted < PART ? (size_t)wanted : PART, (off_t)at);

	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	*ret_length = (size_t)n;
	return 0;
}

static uint32_t
add_to_crc(uint32_t crc, const char *bytes, uint64_t length)
{
	while (length > 0) {
		uInt piece = length > PART ? PART : (uInt)length;

		crc = (uint32_t)crc32(crc, (const Bytef *)bytes, piece);
		bytes += piece;
		length -= piece;
	}
	return crc;
}

static int
changed(const struct feed_copy *copy, const char *what, struct error *error)
{
	return error_set(error, FEED_COPY_E_CHANGED,
	    "http: what lies at the URL %s: it is not what %s was copied from", what,
	    copy->path);
}

int
feed_copy_compare(
    const struct feed_copy *copy, const char *bytes, size_t length, struct error *error)
{
	char part[PART];
	size_t n = 0;

	if (length < copy->size)
		return changed(copy, "is shorter than what was read of it", error);
	if (add_to_crc(0, bytes, copy->base) != copy->crc)
		return changed(copy, "begins otherwise", error);
	for (uint64_t at = copy->base; at < copy->size; at += n) {
		int r = read_part(copy, at, copy->size - at, part, &n);

		if (r < 0)
			return fail(copy->path, r, error);
		if (memcmp(part, bytes + at, n) != 0)
			return changed(copy, "begins otherwise", error);
	}
	return 0;
}

bool
feed_copy_has(const struct feed_copy *copy, uint64_t offset)
{
	return copy->base == 0 || offset > copy->base;
}

/* Return: 0; -errno. */
static int
checksum(const struct feed_copy *copy, uint64_t to, uint32_t *ret_crc)
{
	uint32_t crc = copy->crc;
	char part[PART];
	size_t n = 0;

	for (uint64_t at = copy->base; at < to; at += n) {
		int r = read_part(copy, at, to - at, part, &n);

		if (r < 0)
			return r;
		crc = add_to_crc(crc, part, n);
	}
	*ret_crc = crc;
	return 0;
}

static bool
is_gzip(const struct feed_copy *copy)
{
	unsigned char magic[2] = { 0 };

	return pread(copy->fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	       (magic[0] == 0x1f && magic[1] == 0x8b);
}

/* What it says is on the disk before the hole is made: without it nobody could tell a
 * hole from zeros. */
int
feed_copy_trim(struct feed_copy *copy, uint64_t offset)
{
	uint64_t base = offset > 0 ? offset - 1 : 0;
	uint32_t crc;
	int r;

	if (base <= COPY_HEAD || base <= copy->base || base > copy->size ||
	    is_gzip(copy))
		return 0;
	r = checksum(copy, base, &crc);
	if (r == 0)
		r = write_end(copy, copy->size, base, crc);
	if (r < 0)
		return r;
	if (fallocate(copy->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, COPY_HEAD,
		(off_t)(base - COPY_HEAD)) < 0) {
		r = -errno;
		(void)write_end(copy, copy->size, copy->base, copy->crc);
		return r;
	}
	copy->base = base;
	copy->crc = crc;
	return 0;
}
