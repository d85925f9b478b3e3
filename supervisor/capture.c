/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a stream of bytes into lines and keeps the last ones. It does not interpret or
 * escape them: whoever writes a line somewhere does.
 *
 * The kept lines stand one after the other in one buffer, each ended by a newline,
 * which no line contains. The oldest go at the front; when the end of the buffer is
 * reached what is left moves to its beginning. Both buffers grow as they are needed, so
 * that a worker that says little costs little.
 */
#include "supervisor/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

struct bytes {
	char *data; /* owned; NULL while nothing was needed */
	size_t length, room;
};

struct capture {
	struct bytes partial; /* a line without its end; at most CAPTURE_LINE_MAX */
	struct bytes tail;    /* at most CAPTURE_TAIL_BYTES */
	size_t tail_start;    /* the oldest line in it */
	size_t n_tail;
};

static int
bytes_append(struct bytes *bytes, const char *data, size_t length, size_t limit)
{
	if (length == 0)
		return 0;
	if (bytes->room - bytes->length < length) {
		size_t room = bytes->room ? bytes->room : FIRST_ROOM;
		char *grown;

		while (room - bytes->length < length)
			room *= 2;
		if (room > limit)
			room = limit;
		grown = realloc(bytes->data, room);
		if (!grown)
			return -ENOMEM;
		bytes->data = grown;
		bytes->room = room;
	}
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
	return 0;
}

struct capture *
capture_new(void)
{
	return calloc(1, sizeof(struct capture));
}

struct capture *
capture_free(struct capture *capture)
{
	if (!capture)
		return NULL;
	free(capture->partial.data);
	free(capture->tail.data);
	free(capture);
	return NULL;
}

static void
drop_oldest(struct capture *capture)
{
	const char *oldest = capture->tail.data + capture->tail_start;
	const char *end =
	    memchr(oldest, '\n', capture->tail.length - capture->tail_start);

	capture->tail_start += (size_t)(end - oldest) + 1;
	capture->n_tail--;
}

/* Keeps a line of at most CAPTURE_LINE_MAX bytes. */
static int
keep(struct capture *capture, const char *line, size_t length)
{
	struct bytes *tail = &capture->tail;
	int r;

	while (capture->n_tail == CAPTURE_TAIL_LINES ||
	       (capture->n_tail > 0 && tail->length - capture->tail_start + length + 1 >
					   CAPTURE_TAIL_BYTES))
		drop_oldest(capture);
	if (tail->room - tail->length < length + 1 && capture->tail_start > 0) {
		tail->length -= capture->tail_start;
		memmove(tail->data, tail->data + capture->tail_start, tail->length);
		capture->tail_start = 0;
	}
	r = bytes_append(tail, line, length, CAPTURE_TAIL_BYTES);
	if (r < 0)
		return r;
	r = bytes_append(tail, "\n", 1, CAPTURE_TAIL_BYTES);
	if (r < 0) {
		tail->length -= length;
		return r;
	}
	capture->n_tail++;
	return 0;
}

static int
end_line(struct capture *capture, const char *line, size_t length,
    capture_on_line on_line, void *data)
{
	if (length > 0 && line[length - 1] == '\r')
		length--;
	on_line(line, length, data);
	return keep(capture, line, length);
}

/* How much of @bytes is whole characters, as far as its end can tell in UTF-8. */
static size_t
whole_characters(const char *bytes, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		unsigned char c = (unsigned char)bytes[length - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return need > back ? length - back : length;
	}
	return length;
}

/* The partial line is as long as a line may be: its characters come as one piece. */
static int
end_piece(struct capture *capture, capture_on_line on_line, void *data)
{
	struct bytes *partial = &capture->partial;
	size_t length = whole_characters(partial->data, partial->length);
	int r;

	on_line(partial->data, length, data);
	r = keep(capture, partial->data, length);
	partial->length -= length;
	memmove(partial->data, partial->data + length, partial->length);
	return r;
}

/* Adds bytes without a newline to the partial line. */
static int
add_partial(struct capture *capture, const char *bytes, size_t length,
    capture_on_line on_line, void *data)
{
	struct bytes *partial = &capture->partial;

	while (length > 0) {
		size_t n;
		int r;

		if (partial->length == CAPTURE_LINE_MAX) {
			r = end_piece(capture, on_line, data);
			if (r < 0)
				return r;
		}
		n = CAPTURE_LINE_MAX - partial->length;
		if (n > length)
			n = length;
		r = bytes_append(partial, bytes, n, CAPTURE_LINE_MAX);
		if (r < 0)
			return r;
		bytes += n;
		length -= n;
	}
	return 0;
}

/* Takes one line, or what has come of it. */
static int
take_line(struct capture *capture, const char *line, size_t length, bool is_ended,
    capture_on_line on_line, void *data)
{
	size_t whole;
	int r;

	if (is_ended && capture->partial.length == 0 && length <= CAPTURE_LINE_MAX)
		return end_line(capture, line, length, on_line, data);
	r = add_partial(capture, line, length, on_line, data);
	if (r < 0 || !is_ended)
		return r;
	whole = capture->partial.length;
	capture->partial.length = 0;
	return end_line(capture, capture->partial.data, whole, on_line, data);
}

int
capture_feed(struct capture *capture, const char *bytes, size_t length,
    capture_on_line on_line, void *data)
{
	while (length > 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t n = end ? (size_t)(end - bytes) : length;
		int r = take_line(capture, bytes, n, end, on_line, data);

		if (r < 0)
			return r;
		if (end)
			n++;
		bytes += n;
		length -= n;
	}
	return 0;
}

void
capture_flush(struct capture *capture, capture_on_line on_line, void *data)
{
	size_t length = capture->partial.length;

	if (length == 0)
		return;
	capture->partial.length = 0;
	/* Without memory it is not kept, but it has been seen. */
	(void)end_line(capture, capture->partial.data, length, on_line, data);
}

void
capture_tail(const struct capture *capture, capture_on_line on_line, void *data)
{
	const char *line;

	if (capture->n_tail == 0)
		return;
	line = capture->tail.data + capture->tail_start;
	for (size_t i = 0; i < capture->n_tail; i++) {
		const char *end = memchr(line, '\n',
		    (size_t)(capture->tail.data + capture->tail.length - line));

		on_line(line, (size_t)(end - line), data);
		line = end + 1;
	}
}

const char *
capture_partial(const struct capture *capture, size_t *ret_length)
{
	*ret_length = capture->partial.length;
	return capture->partial.data;
}
