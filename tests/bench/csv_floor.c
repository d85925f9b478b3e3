/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the replay benchmark: read a CSV of trades and parse its six fields, and
 * nothing else. What any replay has to do at the least, done well and simply: large
 *reads, one pass over the bytes, integers. It trusts the file: the header is
 * time,symbol,side,price,size,id, and a row that is not of that form ends it.
 *
 *	csv_floor FILE
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE (1024 * 1024)
#define PLACES 8

struct trade {
	int64_t time_ns;
	const char *symbol, *id;
	size_t symbol_length, id_length;
	bool is_sell;
	int64_t price, size;
};

/* What comes of all rows, so that no work can be left out. */
struct sums {
	uint64_t rows, sells, symbol_bytes, id_bytes, price, size, time;
};

static bool
take_char(const char **at, char c)
{
	return *(*at)++ == c;
}

static bool
take_digits(const char **at, int n, int64_t *ret_value)
{
	int64_t value = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*ret_value = value;
	return true;
}

static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = year / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

static bool
take_time(const char **at, int64_t *ret_ns)
{
	int64_t year, month, day, hour, minute, second, ns = 0, weight = 100000000;

	if (!take_digits(at, 4, &year) || !take_char(at, '-') ||
	    !take_digits(at, 2, &month) || !take_char(at, '-') ||
	    !take_digits(at, 2, &day) || !take_char(at, 'T') ||
	    !take_digits(at, 2, &hour) || !take_char(at, ':') ||
	    !take_digits(at, 2, &minute) || !take_char(at, ':') ||
	    !take_digits(at, 2, &second))
		return false;
	if (**at == '.') {
		for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, weight /= 10)
			ns += (**at - '0') * weight;
	}
	*ret_ns =
	    (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) *
		1000000000 +
	    ns;
	return take_char(at, 'Z');
}

static bool
take_decimal(const char **at, int64_t *ret_value)
{
	const char *from = *at;
	int64_t value = 0;
	int places = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		value = value * 10 + (**at - '0');
	if (**at == '.') {
		for ((*at)++; **at >= '0' && **at <= '9' && places < PLACES;
		     (*at)++, places++)
			value = value * 10 + (**at - '0');
	}
	for (; places < PLACES; places++)
		value *= 10;
	*ret_value = value;
	return *at > from;
}

static bool
take_text(const char **at, char end, const char **ret_text, size_t *ret_length)
{
	*ret_text = *at;
	while (**at != end && **at != '\n')
		(*at)++;
	*ret_length = (size_t)(*at - *ret_text);
	return take_char(at, end);
}

static bool
take_side(const char **at, bool *ret_is_sell)
{
	const char *text;
	size_t length;

	if (!take_text(at, ',', &text, &length))
		return false;
	*ret_is_sell = length == 4 && memcmp(text, "sell", 4) == 0;
	return *ret_is_sell || (length == 3 && memcmp(text, "buy", 3) == 0);
}

static bool
take_row(const char **at, struct trade *trade)
{
	return take_time(at, &trade->time_ns) && take_char(at, ',') &&
	       take_text(at, ',', &trade->symbol, &trade->symbol_length) &&
	       take_side(at, &trade->is_sell) && take_decimal(at, &trade->price) &&
	       take_char(at, ',') && take_decimal(at, &trade->size) &&
	       take_char(at, ',') && take_text(at, '\n', &trade->id, &trade->id_length);
}

static void
add(struct sums *sums, const struct trade *trade)
{
	sums->rows++;
	sums->sells += trade->is_sell;
	sums->symbol_bytes += trade->symbol_length;
	sums->id_bytes += trade->id_length;
	sums->price += (uint64_t)trade->price;
	sums->size += (uint64_t)trade->size;
	sums->time += (uint64_t)trade->time_ns;
}

/* All whole rows of the buffer. Return: how many bytes they had; -1: one is broken. */
static ssize_t
take_rows(const char *buffer, size_t length, bool *has_header, struct sums *sums)
{
	const char *last = memrchr(buffer, '\n', length), *at = buffer;
	struct trade trade;

	if (!last)
		return 0;
	if (!*has_header) {
		at = (const char *)memchr(buffer, '\n', length) + 1;
		*has_header = true;
	}
	while (at <= last) {
		if (!take_row(&at, &trade))
			return -1;
		add(sums, &trade);
	}
	return last + 1 - buffer;
}

static int
read_all(int fd, char *buffer, struct sums *sums)
{
	bool has_header = false;
	size_t length = 0;

	for (;;) {
		ssize_t n = read(fd, buffer + length, BUFFER_SIZE - length), taken;

		if (n <= 0)
			return n < 0 || length > 0 ? -1 : 0;
		length += (size_t)n;
		taken = take_rows(buffer, length, &has_header, sums);
		if (taken < 0)
			return -1;
		length -= (size_t)taken;
		memmove(buffer, buffer + taken, length);
	}
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	char *buffer = malloc(BUFFER_SIZE);
	struct sums sums = { 0 };
	double start = now();
	int fd;

	if (argc != 2 || !buffer) {
		fprintf(stderr, "usage: csv_floor FILE\n");
		return 64;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read_all(fd, buffer, &sums) < 0) {
		fprintf(stderr, "csv_floor: %s: not readable, or not of the form\n",
		    argv[1]);
		return 1;
	}
	printf("rows=%" PRIu64 " sells=%" PRIu64 " text=%" PRIu64 " sum=%016" PRIx64
	       " seconds=%.6f\n",
	    sums.rows, sums.sells, sums.symbol_bytes + sums.id_bytes,
	    sums.price ^ sums.size ^ sums.time, now() - start);
	close(fd);
	free(buffer);
	return 0;
}
