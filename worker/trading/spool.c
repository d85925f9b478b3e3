/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages in a file: written whole, checked whole when they are read, found from head to
 * head.
 */
#include "worker/trading/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "common/cleanup.h"

#define HEAD_MAX 1024
#define BANNER_MAX 64
#define BANNER "tradesup-spool/1 feed=%s\n"

struct spool {
	char *path;
	int fd;
	uint64_t start; /* behind the banner */
	uint64_t base;	/* of the first page that is there, or where it will be */
	uint64_t end;	/* of the last page */
	bool has_last;
	struct spool_page last;

	/* Reading. */
	bool has_page;
	struct spool_page page;
	size_t head_length; /* of its head */
	char *records;
	size_t at;
};

struct spool *
spool_free(struct spool *spool)
{
	if (!spool)
		return NULL;
	closep(&spool->fd);
	free(spool->records);
	free(spool->path);
	free(spool);
	return NULL;
}

void
spool_freep(struct spool **spool)
{
	spool_free(*spool);
}

static int
fail(const struct spool *spool, int r, struct error *error)
{
	return error_set(error, r, "%s: %s", spool->path, strerror(-r));
}

static int
damaged(const struct spool *spool, uint64_t offset, struct error *error)
{
	return error_set(error, SPOOL_E_DATA, "%s: there is no sound page at %" PRIu64,
	    spool->path, offset);
}

/* All of @length bytes. Return: 0; -ENODATA: the file is shorter; -errno. */
static int
read_at(int fd, void *bytes, size_t length, uint64_t offset)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = pread(
		    fd, (char *)bytes + done, length - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

static int
write_at(int fd, const void *bytes, size_t length, uint64_t offset)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = pwrite(fd, (const char *)bytes + done, length - done,
		    (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Everything of a head but its checksum. */
static size_t
format_head(const struct spool_page *page, char out[HEAD_MAX])
{
	return (size_t)snprintf(out, HEAD_MAX,
	    "#page length=%" PRIu64 " previous=%" PRIu64 " newest=%" PRId64
	    " fetched=%" PRId64 " late=%" PRId64 " cursor=%s",
	    page->length, page->previous, page->newest_ns, page->fetched_ns,
	    page->late_before_ns, page->cursor);
}

static uint32_t
checksum(const char *head, size_t head_length, const char *records, size_t length)
{
	uLong crc = crc32(0, (const Bytef *)head, (uInt)head_length);

	return (uint32_t)crc32(crc, (const Bytef *)records, (uInt)length);
}

/* Read leniently, write again, compare. Return: the head's length; 0: it is none. */
static size_t
parse_head(const char *text, struct spool_page *page, uint32_t *ret_crc)
{
	char again[HEAD_MAX + 32];
	size_t length;

	if (sscanf(text,
		"#page length=%" SCNu64 " previous=%" SCNu64 " newest=%" SCNd64
		" fetched=%" SCNd64 " late=%" SCNd64 " cursor=%511s crc=%" SCNx32,
		&page->length, &page->previous, &page->newest_ns, &page->fetched_ns,
		&page->late_before_ns, page->cursor, ret_crc) != 7)
		return 0;
	length = format_head(page, again);
	length +=
	    (size_t)snprintf(again + length, 32, " crc=%08" PRIx32 "\n", *ret_crc);
	if (strncmp(again, text, length) != 0 || page->length > SPOOL_PAGE_MAX)
		return 0;
	return length;
}

/* Return: 0; SPOOL_E_DATA: there is no head; -errno. */
static int
read_head(const struct spool *spool, uint64_t offset, struct spool_page *page,
    size_t *ret_length, uint32_t *ret_crc)
{
	char text[HEAD_MAX + 32];
	ssize_t n = pread(spool->fd, text, sizeof(text) - 1, (off_t)offset);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	*page = (struct spool_page){ .offset = offset };
	*ret_length = parse_head(text, page, ret_crc);
	return *ret_length > 0 ? 0 : SPOOL_E_DATA;
}

static int
load(const struct spool *spool, uint64_t offset, struct spool_page *ret_page,
    size_t *ret_head_length, char **ret_records)
{
	_cleanup_free_ char *records = NULL;
	char head[HEAD_MAX];
	struct spool_page page;
	size_t head_length;
	uint32_t crc;
	int r;

	r = read_head(spool, offset, &page, &head_length, &crc);
	if (r != 0)
		return r;
	records = malloc(page.length + 1);
	if (!records)
		return -ENOMEM;
	r = read_at(spool->fd, records, page.length, offset + head_length);
	if (r < 0)
		return r == -ENODATA ? SPOOL_E_DATA : r;
	records[page.length] = '\0';
	if (crc != checksum(head, format_head(&page, head), records, page.length) ||
	    (page.length > 0 && records[page.length - 1] != '\n'))
		return SPOOL_E_DATA;
	*ret_page = page;
	*ret_head_length = head_length;
	*ret_records = steal(&records);
	return 0;
}

int
spool_read(const struct spool *spool, uint64_t offset, struct spool_page *ret_page,
    char **ret_records, struct error *error)
{
	size_t head_length;
	int r;

	r = spool_has(spool, offset)
		? load(spool, offset, ret_page, &head_length, ret_records)
		: SPOOL_E_DATA;
	if (r == SPOOL_E_DATA)
		return damaged(spool, offset, error);
	return r < 0 ? fail(spool, r, error) : 0;
}

/* The first byte from @offset on that is not 0: behind the hole. */
static int
skip_hole(const struct spool *spool, uint64_t size, uint64_t *offset)
{
	off_t data = lseek(spool->fd, (off_t)*offset, SEEK_DATA);
	char bytes[4096];

	if (data < 0 && errno == ENXIO)
		*offset = size;
	else if (data < 0)
		return -errno;
	else
		*offset = (uint64_t)data;
	while (*offset < size) {
		ssize_t n = pread(spool->fd, bytes, sizeof(bytes), (off_t)*offset);

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t i = 0; i < n; i++, ++*offset) {
			if (bytes[i] != '\0')
				return 0;
		}
	}
	return 0;
}

/* From head to head to the last page that is whole; what is behind it goes. */
static int
find_last(struct spool *spool, uint64_t size)
{
	uint64_t offset = spool->base;
	struct spool_page page;
	size_t head_length;
	uint32_t crc;
	int r;

	while (offset < size) {
		r = read_head(spool, offset, &page, &head_length, &crc);
		if (r < 0)
			return r;
		if (r != 0 || page.length > size - offset - head_length)
			break;
		spool->last = page;
		spool->has_last = true;
		spool->end = offset = offset + head_length + page.length;
	}
	return 0;
}

/* The last page may have its length, but not all of its bytes. */
static int
check_last(struct spool *spool)
{
	_cleanup_free_ char *records = NULL;
	struct spool_page page;
	size_t head_length;
	int r;

	if (!spool->has_last)
		return 0;
	r = load(spool, spool->last.offset, &page, &head_length, &records);
	if (r != SPOOL_E_DATA)
		return r;
	spool->end = spool->last.offset;
	spool->has_last = spool->last.previous >= spool->base &&
			  spool->last.previous < spool->last.offset;
	if (!spool->has_last)
		return 0;
	free(steal(&records));
	r = load(spool, spool->last.previous, &page, &head_length, &records);
	if (r == 0)
		spool->last = page;
	return r;
}

static int
write_banner(struct spool *spool, const char *banner)
{
	_cleanup_free_ char *directory = strdup(spool->path);
	_cleanup_close_ int fd = -1;
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!directory)
		return -ENOMEM;
	if (ftruncate(spool->fd, 0) < 0)
		return -errno;
	if (write_at(spool->fd, banner, strlen(banner), 0) < 0 || fsync(spool->fd) < 0)
		return -errno;
	if (slash)
		slash[1] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Return: 0; SPOOL_E_DATA; -errno. */
static int
find_pages(struct spool *spool, const char *banner)
{
	char text[BANNER_MAX];
	struct stat st;
	int r;

	if (fstat(spool->fd, &st) < 0)
		return -errno;
	spool->start = spool->base = spool->end = strlen(banner);
	/* No page without a whole banner, which was synced before. */
	if ((uint64_t)st.st_size < spool->start)
		return write_banner(spool, banner);
	r = read_at(spool->fd, text, spool->start, 0);
	if (r < 0)
		return r;
	if (memcmp(text, banner, spool->start) != 0)
		return SPOOL_E_DATA;
	r = skip_hole(spool, (uint64_t)st.st_size, &spool->base);
	spool->end = spool->base;
	if (r == 0)
		r = find_last(spool, (uint64_t)st.st_size);
	if (r == 0)
		r = check_last(spool);
	if (r == 0 && spool->end < (uint64_t)st.st_size &&
	    ftruncate(spool->fd, (off_t)spool->end) < 0)
		r = -errno;
	return r;
}

int
spool_open(
    const char *path, const char *feed, struct error *error, struct spool **ret_spool)
{
	_cleanup_(spool_freep) struct spool *spool = calloc(1, sizeof(*spool));
	char banner[BANNER_MAX];
	int r;

	if (spool) {
		spool->fd = -1;
		spool->path = strdup(path);
	}
	if (!spool || !spool->path)
		return error_set(error, -ENOMEM, "out of memory");
	spool->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (spool->fd < 0)
		return fail(spool, -errno, error);
	snprintf(banner, sizeof(banner), BANNER, feed);
	r = find_pages(spool, banner);
	if (r == SPOOL_E_DATA)
		return error_set(error, r,
		    "%s: is not the spool of the feed %s, or is damaged", path, feed);
	if (r < 0)
		return fail(spool, r, error);
	*ret_spool = steal(&spool);
	return 0;
}

const struct spool_page *
spool_last(const struct spool *spool)
{
	return spool->has_last ? &spool->last : NULL;
}

bool
spool_has(const struct spool *spool, uint64_t offset)
{
	return offset >= spool->base && offset < spool->end;
}

bool
spool_is_trimmed(const struct spool *spool)
{
	return spool->base > spool->start;
}

int
spool_append(struct spool *spool, struct spool_page *page, const char *records,
    size_t length, struct error *error)
{
	char head[HEAD_MAX + 32];
	size_t head_length;
	int r;

	page->offset = spool->end;
	page->length = length;
	page->previous = spool->has_last ? spool->last.offset : 0;
	head_length = format_head(page, head);
	head_length += (size_t)snprintf(head + head_length, 32, " crc=%08" PRIx32 "\n",
	    checksum(head, head_length, records, length));
	r = write_at(spool->fd, head, head_length, spool->end);
	if (r == 0)
		r = write_at(spool->fd, records, length, spool->end + head_length);
	if (r == 0 && fdatasync(spool->fd) < 0)
		r = -errno;
	if (r < 0) {
		/* Else a shorter page would be followed by the rest of this one. */
		(void)ftruncate(spool->fd, (off_t)spool->end);
		return fail(spool, r, error);
	}
	spool->last = *page;
	spool->has_last = true;
	spool->end += head_length + length;
	return 0;
}

/* Return: 0; SPOOL_E_DATA; -errno. */
static int
enter(struct spool *spool, uint64_t offset, struct error *error)
{
	struct spool_page page;
	size_t head_length;
	char *records;
	int r;

	r = load(spool, offset, &page, &head_length, &records);
	if (r == SPOOL_E_DATA)
		return damaged(spool, offset, error);
	if (r < 0)
		return fail(spool, r, error);
	free(spool->records);
	spool->records = records;
	spool->page = page;
	spool->head_length = head_length;
	spool->has_page = true;
	spool->at = 0;
	return 0;
}

int
spool_next(
    struct spool *spool, char **ret_line, size_t *ret_length, struct error *error)
{
	char *line, *end;
	int r;

	while (!spool->has_page || spool->at == spool->page.length) {
		uint64_t next = spool->base;

		if (spool->has_page)
			next = spool->page.offset + spool->head_length +
			       spool->page.length;
		if (next >= spool->end)
			return SPOOL_E_WAIT;
		r = enter(spool, next, error);
		if (r != 0)
			return r;
	}
	line = spool->records + spool->at;
	end = memchr(line, '\n', spool->page.length - spool->at);
	spool->at += (size_t)(end - line) + 1;
	*ret_line = line;
	*ret_length = (size_t)(end - line);
	return 0;
}

const struct spool_page *
spool_page(const struct spool *spool)
{
	return spool->has_page ? &spool->page : NULL;
}

void
spool_tell(const struct spool *spool, uint64_t *ret_page, uint64_t *ret_at)
{
	*ret_page = spool->has_page ? spool->page.offset : 0;
	*ret_at = spool->at;
}

int
spool_seek(struct spool *spool, uint64_t page, uint64_t at, struct error *error)
{
	int r;

	if (!spool_has(spool, page))
		return error_set(error, SPOOL_E_DATA,
		    "%s: does not reach to where the cursor stands", spool->path);
	r = enter(spool, page, error);
	if (r != 0)
		return r;
	if (at > spool->page.length || (at > 0 && spool->records[at - 1] != '\n'))
		return damaged(spool, page, error);
	spool->at = at;
	return 0;
}

int
spool_trim(struct spool *spool, uint64_t offset)
{
	if (offset <= spool->base || offset > spool->end)
		return 0;
	if (fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		(off_t)spool->start, (off_t)(offset - spool->start)) < 0)
		return -errno;
	spool->base = offset;
	return 0;
}
