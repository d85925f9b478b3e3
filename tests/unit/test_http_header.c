/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of an answer, honest and not.
 */
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "worker/trading/http.h"

static struct http_answer answer;

static void
take(const char *line)
{
	http_answer_header(&answer, line, strlen(line));
}

static void
set_up(void)
{
	memset(&answer, 'x', sizeof(answer));
	take("HTTP/1.1 200 OK");
}

START_TEST(a_status_line_begins_anew)
{
	take("ETag: \"a\"");
	take("X-RateLimit-Reset: 5");
	take("HTTP/1.1 200 OK");
	ck_assert_str_eq(answer.etag, "");
	ck_assert_int_eq(answer.rate_reset_s, HTTP_NONE);
}
END_TEST

START_TEST(known_headers_are_read)
{
	take("x-ratelimit-limit: 200");
	take("X-RateLimit-Remaining:0");
	take("X-Ratelimit-Reset:   1700000000");
	take("Retry-After: 40");
	take("ETag: W/\"abc\"");
	take("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT");
	take("Content-Type: text/csv");
	take("Content-Range: bytes 200-1000/67589");
	take("Date: Sun, 06 Nov 1994 08:49:37 GMT");
	ck_assert_int_eq(answer.rate_limit, 200);
	ck_assert_int_eq(answer.rate_remaining, 0);
	ck_assert_int_eq(answer.rate_reset_s, 1700000000);
	ck_assert_int_eq(answer.retry_after_s, 40);
	ck_assert_str_eq(answer.etag, "W/\"abc\"");
	ck_assert_str_eq(answer.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
	ck_assert_str_eq(answer.content_type, "text/csv");
	ck_assert_int_eq(answer.range_first, 200);
	ck_assert_int_eq(answer.range_total, 67589);
	ck_assert_int_eq(answer.date_s, 784111777);
}
END_TEST

static const struct {
	const char *line;
	int64_t first, total;
} ranges[] = {
	{ "Content-Range: bytes */67589", HTTP_NONE, 67589 },
	{ "Content-Range: bytes 0-9/*", 0, HTTP_NONE },
	{ "Content-Range: BYTES 7-9/10", 7, 10 },
	{ "Content-Range: items 7-9/10", HTTP_NONE, HTTP_NONE },
	{ "Content-Range: bytes", HTTP_NONE, HTTP_NONE },
	{ "Content-Range: bytes -5-9/10", HTTP_NONE, 10 },
	{ "Content-Range: bytes x-9/10", HTTP_NONE, 10 },
	{ "Content-Range: bytes 11111111111111111111111111-9/10", HTTP_NONE, 10 },
};

START_TEST(ranges_are_read_or_not_there)
{
	take(ranges[_i].line);
	ck_assert_int_eq(answer.range_first, ranges[_i].first);
	ck_assert_int_eq(answer.range_total, ranges[_i].total);
}
END_TEST

static const char *const odd[] = {
	"X-RateLimit-Reset: -5",
	"X-RateLimit-Reset: 99999999999999999999",
	"X-RateLimit-Reset: 5 5",
	"X-RateLimit-Reset:",
	"X-RateLimit-Reset",
	"X-RateLimit-Reset : 5",
	": 5",
	"",
	"Retry-After: soon",
	"Retry-After: Sun, 99 Foo 1994 08:49:37 GMT",
	"Retry-After: Sun, 06 Nov 1994 08:49:37 XXX",
	"Retry-After: Sun, 06 anF 1994 08:49:37 GMT",
};

START_TEST(an_odd_value_is_as_if_it_were_not_there)
{
	take(odd[_i]);
	ck_assert_int_eq(answer.rate_reset_s, HTTP_NONE);
	ck_assert_int_eq(answer.retry_after_s, HTTP_NONE);
}
END_TEST

START_TEST(a_date_that_has_passed_is_now)
{
	take("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT");
	ck_assert_int_eq(answer.retry_after_s, 0);
	take("Retry-After: Sat, 06 Nov 2094 08:49:37 GMT");
	ck_assert_int_gt(answer.retry_after_s, 1000000);
}
END_TEST

START_TEST(a_long_header_and_a_nul_are_passed_over)
{
	char line[2 * HTTP_TEXT_MAX] = "ETag: ";

	memset(line + 6, 'a', sizeof(line) - 7);
	take(line);
	http_answer_header(&answer, "ETag: a\0b", 9);
	ck_assert_str_eq(answer.etag, "");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_status_line_begins_anew);
	tcase_add_test(tcase, known_headers_are_read);
	tcase_add_loop_test(
	    tcase, ranges_are_read_or_not_there, 0, (int)ARRAY_SIZE(ranges));
	tcase_add_loop_test(
	    tcase, an_odd_value_is_as_if_it_were_not_there, 0, (int)ARRAY_SIZE(odd));
	tcase_add_test(tcase, a_date_that_has_passed_is_now);
	tcase_add_test(tcase, a_long_header_and_a_nul_are_passed_over);
}

int
main(void)
{
	return suite_run("http_header", add_tests);
}
