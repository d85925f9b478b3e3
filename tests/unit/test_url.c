/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which URLs may get a key, and how they are put together.
 */
#include "common/url.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *text, *host;
	unsigned port;
	bool is_loopback;
	const char *path;
} good[] = {
	{ "https://api.example.com", "api.example.com", 443, false, "" },
	{ "HTTPS://Api.Example.com:8443/v2", "Api.Example.com", 8443, false, "/v2" },
	{ "https://example.com?a=b", "example.com", 443, false, "?a=b" },
	{ "https://10.0.0.1/", "10.0.0.1", 443, false, "/" },
	{ "https://[2001:db8::1]/", "2001:db8::1", 443, false, "/" },
	{ "http://127.0.0.1:8080/x?y", "127.0.0.1", 8080, true, "/x?y" },
	{ "http://127.8.9.10", "127.8.9.10", 80, true, "" },
	{ "http://localhost:1/", "localhost", 1, true, "/" },
	{ "http://LOCALHOST", "LOCALHOST", 80, true, "" },
	{ "http://[::1]:65535/", "::1", 65535, true, "/" },
	{ "https://localhost/", "localhost", 443, true, "/" },
};

START_TEST(good_urls_are_taken_apart)
{
	struct url url;
	const char *why = url_parse(good[_i].text, &url);

	ck_assert_msg(!why, "%s: %s", good[_i].text, why);
	ck_assert_str_eq(url.host, good[_i].host);
	ck_assert_uint_eq(url.port, good[_i].port);
	ck_assert_int_eq(url.is_loopback, good[_i].is_loopback);
	ck_assert_str_eq(url.path, good[_i].path);
	ck_assert_int_eq(url.has_query, strchr(good[_i].text, '?') != NULL);
}
END_TEST

static const char *const bad[] = {
	"",
	"example.com",
	"ftp://127.0.0.1/",
	"file:///etc/passwd",
	"https:/example.com",
	"https://",
	"https:///path",
	"https://user@example.com/",
	"https://user:word@example.com/",
	"https://example.com@127.0.0.1/",
	"https://exa mple.com/",
	"https://example.com/a b",
	"https://example.com/\r\nX: y",
	"https://example.com/#here",
	"https://example.com:0/",
	"https://example.com:65536/",
	"https://example.com:/",
	"https://example.com:443x/",
	"https://example.com\\@127.0.0.1/",
	"https://ex%61mple.com/",
	"https://\xc3\xa9xample.com/",
	"https://[::1/",
	"https://[example.com]/",
	"https://::1/",
	/* plain, and not this machine */
	"http://example.com/",
	"http://10.0.0.1/",
	"http://0.0.0.0/",
	"http://[::]/",
	"http://[::2]/",
	"http://[::ffff:127.0.0.1]/",
	"http://127.1/",
	"http://0x7f.0.0.1/",
	"http://2130706433/",
	"http://0177.0.0.1/",
	"http://127.0.0.1.example.com/",
	"http://localhost.example.com/",
	"http://localhost./",
	"http://notlocalhost/",
};

START_TEST(bad_urls_are_refused)
{
	struct url url;

	ck_assert_msg(url_parse(bad[_i], &url) != NULL, "%s was taken", bad[_i]);
}
END_TEST

START_TEST(a_long_url_is_refused)
{
	char text[URL_MAX + 64] = "https://example.com/";
	struct url url;

	memset(text + 20, 'a', URL_MAX - 20);
	text[URL_MAX] = '\0';
	ck_assert(url_parse(text, &url) == NULL);
	text[URL_MAX] = 'a';
	text[URL_MAX + 1] = '\0';
	ck_assert(url_parse(text, &url) != NULL);
	memset(text + 8, 'a', URL_HOST_MAX);
	ck_assert(url_parse(text, &url) != NULL);
}
END_TEST

START_TEST(a_base_has_no_query)
{
	ck_assert(url_check_base("https://example.com/v2/") == NULL);
	ck_assert(url_check_base("https://example.com/v2?x") != NULL);
	ck_assert(url_check_base("http://example.com/v2") != NULL);
}
END_TEST

START_TEST(a_mail_server_has_schemes_of_its_own)
{
	ck_assert(url_check_mail("smtps://mail.example.com") == NULL);
	ck_assert(url_check_mail("smtp://[2001:db8::1]:2525") == NULL);
	ck_assert(url_check_mail("") != NULL);
	ck_assert(url_check_mail("https://mail.example.com") != NULL);
	ck_assert(url_check_mail("smtps://") != NULL);
	ck_assert(url_check_mail("smtps://me:secret@mail.example.com") != NULL);
	ck_assert(url_check_mail("smtp://mail.example.com:0") != NULL);
	ck_assert(url_check_mail("smtp://mail.example.com/#x") != NULL);
}
END_TEST

START_TEST(a_path_follows_the_base_after_one_slash)
{
	_cleanup_free_ char *plain = url_join("https://example.com", "/v2/x");
	_cleanup_free_ char *slashes = url_join("https://example.com/a//", "/v2/x");

	ck_assert_str_eq(plain, "https://example.com/v2/x");
	ck_assert_str_eq(slashes, "https://example.com/a/v2/x");
}
END_TEST

START_TEST(what_a_query_could_misread_is_escaped)
{
	char out[32] = "s=";

	ck_assert(url_escape("BRK.B,a&b=\xc3\xa9", out, sizeof(out)));
	ck_assert_str_eq(out, "s=BRK.B%2Ca%26b%3D%C3%A9");
	ck_assert(!url_escape("12345678", out, sizeof(out)));
	ck_assert_str_eq(out, "s=BRK.B%2Ca%26b%3D%C3%A9");
	ck_assert(url_escape("1234567", out, sizeof(out)));
	ck_assert_uint_eq(strlen(out), 31);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, good_urls_are_taken_apart, 0, (int)ARRAY_SIZE(good));
	tcase_add_loop_test(tcase, bad_urls_are_refused, 0, (int)ARRAY_SIZE(bad));
	tcase_add_test(tcase, a_long_url_is_refused);
	tcase_add_test(tcase, a_base_has_no_query);
	tcase_add_test(tcase, a_mail_server_has_schemes_of_its_own);
	tcase_add_test(tcase, a_path_follows_the_base_after_one_slash);
	tcase_add_test(tcase, what_a_query_could_misread_is_escaped);
}

int
main(void)
{
	return suite_run("url", add_tests);
}
