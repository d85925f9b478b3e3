/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the replay benchmark: read a CSV of trades and parse its six fields, and
 * nothing else. What any replay has to do at the least, written plainly and well: large
 * reads, lines and commas found by memchr(3), integers, no allocation and no copy; and
 * what is not valid ends it, as a parser that takes anything for a number or a date is
 * none. The columns are time,symbol,side,price,size,id.
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

#define BUFFER_SIZE (256 * 1024)
#define FIELDS 6
#define PLACES 8

struct slice {
	const char *text;
	size_t length;
};

struct trade {
	int64_t time_ns;
	struct slice symbol, id;
	bool is_sell;
	int64_t price, size;
};

/* What comes of all rows, so that no work can be left out. */
struct sums {
	uint64_t rows, sells, text_bytes, price, size, time;
};

static bool
split(const char *line, size_t length, struct slice fields[FIELDS])
{
	const char *end = line + length;

	for (int i = 0; i < FIELDS - 1; i++) {
		const char *comma = memchr(line, ',', (size_t)(end - line));

		if (!comma)
			return false;
		fields[i] = (struct slice){ line, (size_t)(comma - line) };
		line = comma + 1;
	}
	fields[FIELDS - 1] = (struct slice){ line, (size_t)(end - line) };
	return true;
}

static bool
parse_digits(const char *text, int n, int64_t max, int64_t *ret_value)
{
	int64_t value = 0;

	for (int i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_value = value;
	return value <= max;
}

static bool
is_date(int64_t year, int64_t month, int64_t day)
{
	static const int64_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month >= 1 && day >= 1 &&
	       day <= lengths[month - 1] + (month == 2 && is_leap);
}

static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t shifted = year - (month <= 2), era = shifted / 400,
		of_era = shifted % 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

static bool
parse_fraction(struct slice field, int64_t *ret_ns)
{
	int64_t ns = 0, weight = 100000000;

	for (size_t i = 1; i < field.length; i++, weight /= 10) {
		if (field.text[i] < '0' || field.text[i] > '9')
			return false;
		ns += (field.text[i] - '0') * weight;
	}
	*ret_ns = ns;
	return field.length == 0 || (field.length > 1 && field.text[0] == '.');
}

static bool
parse_time(struct slice field, int64_t *ret_ns)
{
	const char *text = field.text;
	int64_t year, month, day, hour, minute, second, ns;

	if (field.length < 20 || text[field.length - 1] != 'Z' || text[4] != '-' ||
	    text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
		return false;
	if (!parse_digits(text, 4, 9999, &year) ||
	    !parse_digits(text + 5, 2, 12, &month) ||
	    !parse_digits(text + 8, 2, 31, &day) ||
	    !parse_digits(text + 11, 2, 23, &hour) ||
	    !parse_digits(text + 14, 2, 59, &minute) ||
	    !parse_digits(text + 17, 2, 60, &second) || !is_date(year, month, day) ||
	    !parse_fraction((struct slice){ text + 19, field.length - 20 }, &ns))
		return false;
	second += ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60;
	return !__builtin_mul_overflow(second, INT64_C(1000000000), &second) &&
	       !__builtin_add_overflow(second, ns, ret_ns);
}

static bool
add_digit(int64_t *value, char c)
{
	return c >= '0' && c <= '9' && !__builtin_mul_overflow(*value, 10, value) &&
	       !__builtin_add_overflow(*value, c - '0', value);
}

static bool
parse_decimal(struct slice field, int64_t *ret_value)
{
	int64_t value = 0;
	int places = -1;

	for (size_t i = 0; i < field.length; i++) {
		if (field.text[i] == '.' && places < 0)
			places = 0;
		else if (places >= PLACES)
			break;
		else if (!add_digit(&value, field.text[i]))
			return false;
		else if (places >= 0)
			places++;
	}
	for (places = places < 0 ? 0 : places; places < PLACES; places++) {
		if (!add_digit(&value, '0'))
			return false;
	}
	*ret_value = value;
	return field.length > 0;
}

static bool
parse_side(struct slice field, bool *ret_is_sell)
{
	*ret_is_sell = field.length == 4 && memcmp(field.text, "sell", 4) == 0;
	return *ret_is_sell || (field.length == 3 && memcmp(field.text, "buy", 3) == 0);
}

static bool
parse_row(const char *line, size_t length, struct trade *trade)
{
	struct slice fields[FIELDS];

	if (!split(line, length, fields))
		return false;
	trade->symbol = fields[1];
	trade->id = fields[5];
	return parse_time(fields[0], &trade->time_ns) && trade->symbol.length > 0 &&
	       parse_side(fields[2], &trade->is_sell) &&
	       parse_decimal(fields[3], &trade->price) &&
	       parse_decimal(fields[4], &trade->size) && trade->id.length > 0;
}

static void
add(struct sums *sums, const struct trade *trade)
{
	sums->rows++;
	sums->sells += trade->is_sell;
	sums->text_bytes += trade->symbol.length + trade->id.length;
	sums->price += (uint64_t)trade->price;
	sums->size += (uint64_t)trade->size;
	sums->time += (uint64_t)trade->time_ns;
}

/* All whole lines of the buffer. Return: how many bytes they have; -1: one is broken.
 */
static ssize_t
parse_lines(const char *buffer, size_t length, bool *has_header, struct sums *sums)
{
	const char *at = buffer, *end = buffer + length, *newline;
	struct trade trade;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		if (!*has_header)
			*has_header = true;
		else if (parse_row(at, (size_t)(newline - at), &trade))
			add(sums, &trade);
		else
			return -1;
		at = newline + 1;
	}
	return at - buffer;
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
		taken = parse_lines(buffer, length, &has_header, sums);
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
	    sums.rows, sums.sells, sums.text_bytes, sums.price ^ sums.size ^ sums.time,
	    now() - start);
	close(fd);
	free(buffer);
	return 0;
}
