/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask, what is ready, and what an event looks like as JSON.
 */
#include "worker/web/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"
#include "worker/web/listen.h"
#include "worker/web/report.h"

static const struct guard guard = { .hosts = { "box.example" }, .n_hosts = 1 };

static const struct {
	const char *host;
	bool is_ours;
} hosts[] = {
	{ "localhost", true },
	{ "localhost:9180", true },
	{ "LocalHost:1", true },
	{ "127.0.0.1:9180", true },
	{ "[::1]:9180", true },
	{ "[::1]", true },
	{ "box.example:443", true },
	{ NULL, false },
	{ "", false },
	{ ":9180", false },
	{ "evil.example", false },
	{ "localhost.evil.example", false },
	{ "box.example.evil.example:9180", false },
	{ "localhost:80@evil.example", false },
	{ "localhost:", false },
	{ "127.0.0.1.evil.example", false },
	{ "[::1]evil", false },
	{ "[::1", false },
	{ "localhost ", false },
};

START_TEST(a_host_is_ours_by_its_whole_name)
{
	ck_assert_msg(guard_host(&guard, hosts[_i].host) == hosts[_i].is_ours, "%s",
	    hosts[_i].host ? hosts[_i].host : "(none)");
}
END_TEST

START_TEST(an_origin_is_a_scheme_and_a_host_of_ours)
{
	ck_assert(guard_origin(&guard, NULL));
	ck_assert(guard_origin(&guard, "http://localhost:9180"));
	ck_assert(guard_origin(&guard, "https://box.example"));
	ck_assert(!guard_origin(&guard, "null"));
	ck_assert(!guard_origin(&guard, "http://evil.example"));
	ck_assert(!guard_origin(&guard, "file://localhost"));
	ck_assert(!guard_origin(&guard, "localhost"));
}
END_TEST

static const struct {
	const char *header;
	bool is_it;
} headers[] = {
	{ "Bearer s3cret", true },
	{ "bearer s3cret", true },
	{ NULL, false },
	{ "", false },
	{ "Bearer", false },
	{ "Bearer ", false },
	{ "Bearer s3cre", false },
	{ "Bearer s3crets", false },
	{ "Bearer s3crets3cret", false },
	{ "Bearer S3cret", false },
	{ "Bearer  s3cret", false },
	{ "Bearer s3cret ", false },
	{ "Basic s3cret", false },
	{ "s3cret", false },
};

START_TEST(a_token_is_known_by_all_of_it)
{
	ck_assert_msg(guard_bearer(headers[_i].header, "s3cret") == headers[_i].is_it,
	    "%s", headers[_i].header ? headers[_i].header : "(none)");
	ck_assert(!guard_bearer("Bearer ", ""));
}
END_TEST

static const struct {
	const char *listen;
	int result;
	bool is_loopback;
} addresses[] = {
	{ "127.0.0.1:9180", 0, true },
	{ "127.9.9.9:1", 0, true },
	{ "[::1]:9180", 0, true },
	{ "unix:/run/web.sock", 0, true },
	{ "0.0.0.0:9180", 0, false },
	{ "[::]:9180", 0, false },
	{ "[::ffff:127.0.0.1]:9180", 0, false },
	{ "localhost:9180", -EINVAL, false },
	{ "127.0.0.1", -EINVAL, false },
	{ "9180", -EINVAL, false },
	{ "unix:", -EINVAL, false },
	{ "127.0.0.1:0", 0, true },
	{ "127.0.0.1:65535", 0, true },
	{ "127.0.0.1:65536", -EINVAL, false },
	{ "127.0.0.1:", -EINVAL, false },
	{ "127.0.0.1:-1", -EINVAL, false },
	{ "[::1]", -EINVAL, false },
	{ "::1:80", -EINVAL, false },
};

START_TEST(an_address_is_numbers_or_a_path)
{
	struct listen_address address;

	ck_assert_msg(
	    listen_parse(addresses[_i].listen, &address) == addresses[_i].result, "%s",
	    addresses[_i].listen);
	if (addresses[_i].result == 0)
		ck_assert_msg(
		    guard_is_loopback((const struct sockaddr *)&address.storage) ==
			addresses[_i].is_loopback,
		    "%s", addresses[_i].listen);
}
END_TEST

static const struct {
	const char *rows[3];
	const char *reasons; /* "": it is ready */
} readiness[] = {
	{ { "supervisor state=running", "worker name=a restart=permanent state=up" },
	    "" },
	{ { "supervisor state=running", "worker name=a restart=transient state=down" },
	    "" },
	{ { "supervisor state=running",
	      "worker name=a restart=permanent state=starting" },
	    "worker a is starting\n" },
	{ { "supervisor state=stopping", "worker name=a restart=permanent state=down" },
	    "the supervisor is stopping\nworker a is down\n" },
	{ { "supervisor state=running", "latch rule=hold" }, "orders are held\n" },
	{ { NULL }, "the supervisor does not answer\n" },
};

START_TEST(ready_is_all_permanent_workers_and_no_latch)
{
	_cleanup_free_ char *text = NULL;
	struct rows rows = { 0 };
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool is_ready;

	for (size_t i = 0; i < 3 && readiness[_i].rows[i]; i++)
		ck_assert_int_eq(rows_add(&rows, readiness[_i].rows[i]), 0);
	is_ready = report_ready(out, rows.n > 0, &rows);
	fclose(out);
	ck_assert_str_eq(text, readiness[_i].reasons);
	ck_assert(is_ready == (length == 0));
	rows_deinit(&rows);
}
END_TEST

START_TEST(numbers_are_numbers_and_names_are_text)
{
	_cleanup_free_ char *text = NULL;
	struct rows rows = { 0 };
	size_t length;
	FILE *out = open_memstream(&text, &length);

	rows_add(&rows, "supervisor pid=7 version=1");
	rows_add(&rows, "worker name=12 pid=8 up_ms=5 status=\"</script>\\n\\\"\"");
	rows_add(&rows, "latch rule=hold uid=0");
	rows_add(&rows, "heal worker=12 level=2 tried=3");
	rows_add(&rows, "heal_hour hour=7 succeeded=1 failed=0 relapsed=0");
	report_json(out, true, &rows, &(struct recent){ 0 }, 1);
	fclose(out);
	ck_assert_str_eq(text,
	    "{\"up\":true,\"supervisor\":{\"pid\":7,\"version\":\"1\"},\"workers\":[{"
	    "\"name\":\"12\",\"pid\":8,\"up_ms\":5,\"status\":\"</script>\\n\\\"\"}],"
	    "\"latches\":[{\"rule\":\"hold\",\"uid\":0}],\"heals\":[{\"worker\":\"12\","
	    "\"level\":2,\"tried\":3}],\"healing_hours\":[{\"hour\":7,\"succeeded\":1,"
	    "\"failed\":0,\"relapsed\":0}],\"healing\":[]}");
	rows_deinit(&rows);
}
END_TEST

START_TEST(an_event_cannot_end_its_line)
{
	char line[] = "cycle.failed worker=flow error=\"a\\nevent: status\\ndata: {}\"";
	char nothing[] = "a=b";
	char json[256];

	ck_assert(report_event_json(line, json, sizeof(json)));
	ck_assert_ptr_null(strchr(json, '\n'));
	ck_assert(!report_event_json(nothing, json, sizeof(json)));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
	    tcase, a_host_is_ours_by_its_whole_name, 0, ARRAY_SIZE(hosts));
	tcase_add_test(tcase, an_origin_is_a_scheme_and_a_host_of_ours);
	tcase_add_loop_test(
	    tcase, a_token_is_known_by_all_of_it, 0, ARRAY_SIZE(headers));
	tcase_add_loop_test(
	    tcase, an_address_is_numbers_or_a_path, 0, ARRAY_SIZE(addresses));
	tcase_add_loop_test(tcase, ready_is_all_permanent_workers_and_no_latch, 0,
	    ARRAY_SIZE(readiness));
	tcase_add_test(tcase, numbers_are_numbers_and_names_are_text);
	tcase_add_test(tcase, an_event_cannot_end_its_line);
}

int
main(void)
{
	return suite_run("guard", add_tests);
}
