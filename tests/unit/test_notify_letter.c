/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of a message: nothing in it ends a header, a string of JSON or a mail.
 */
#include "worker/notify/letter.h"

#include <jansson.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/suite.h"

static char address[] = "tradesup@example.com", ops[] = "ops@example.com",
	    night[] = "night@example.com", mail_name[] = "mail";
static char *to[] = { ops, night, NULL };
static const struct config_target mail = {
	.name = mail_name, .kind = TARGET_SMTP, .from = address, .to = to
};

static struct letter
make(const char *title, const char *text)
{
	struct letter letter = { .id = "ops.7@host",
		.time_ns = INT64_C(1767605400) * 1000000000,
		.state = "firing" };

	snprintf(letter.title, sizeof(letter.title), "%s", title);
	snprintf(letter.text, sizeof(letter.text), "%s", text);
	return letter;
}

static const char *const hostile[] = { "plain", "", "a\"b\\c",
	"line\r\nBcc: all@example.com\r\n\r\nbody", "tab\tand\x01\x7f",
	"{{text}} {{title}}", "=?utf-8?B?Zm9v?=", "grün – 日本語 – 🙂",
	"<!channel> & <@U1>", "\xff\xfe broken \xc3",
	"\r\n.\r\nMAIL FROM:<x@example.com>",
	("a long one that has to be folded, because it has more than seventy-eight "
	 "characters in a row, and then even more of them, as a title may have") };

START_TEST(json_is_json)
{
	struct letter letter = make(hostile[_i], hostile[_i]);
	static const char *const templates[] = { NULL,
		"{\"content\": \"{{title}}\\n{{text}}\", \"x\": [\"{{nothing}}\"]}" };
	char out[LETTER_BODY_MAX];
	json_t *parsed;

	for (size_t i = 0; i < ARRAY_SIZE(templates); i++) {
		ck_assert_uint_gt(
		    letter_json(&letter, templates[i], out, sizeof(out)), 0);
		parsed = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(parsed != NULL, "%s", out);
		if (!templates[i])
			ck_assert_uint_eq(json_object_size(parsed), 7);
		else
			ck_assert_uint_eq(json_object_size(parsed), 2);
		json_decref(parsed);
	}
	ck_assert_uint_gt(letter_slack(&letter, out, sizeof(out)), 0);
	ck_assert_ptr_null(strchr(out, '<'));
	parsed = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(parsed != NULL, "%s", out);
	json_decref(parsed);
}
END_TEST

/* Each line is CRLF, at most 78 long and plain ASCII; the headers are ours alone. */
START_TEST(a_mail_has_our_headers_alone)
{
	static const char *const known[] = { "Date: ", "From: ", "To: ", " night@",
		"Subject: ", " =?utf-8?B?",
		"Message-ID: ", "Auto-Submitted: ", "X-Tradesup-State: ",
		"MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: " };
	struct letter letter = make(hostile[_i], hostile[_i]);
	char out[LETTER_BODY_MAX];
	size_t length = letter_mail(&letter, &mail, out, sizeof(out));
	bool in_body = false;

	ck_assert_uint_gt(length, 0);
	ck_assert_uint_eq(length, strlen(out));
	for (char *line = out; *line;) {
		char *end = strstr(line, "\r\n");
		bool found = in_body;

		ck_assert_ptr_nonnull(end);
		*end = '\0';
		ck_assert_msg(end - line <= 78, "%s", line);
		for (char *p = line; *p; p++)
			ck_assert_msg(*p >= ' ' && *p < 0x7f, "%s", line);
		if (!in_body && line == end)
			in_body = found = true;
		for (size_t i = 0; i < ARRAY_SIZE(known) && !found; i++)
			found = strncmp(line, known[i], strlen(known[i])) == 0;
		ck_assert_msg(found, "%s", line);
		line = end + 2;
	}
}
END_TEST

START_TEST(a_message_comes_back_from_the_queue)
{
	struct letter letter = make(hostile[_i], hostile[_i]), back;
	char out[16384];

	letter.urgent = true;
	letter_write(&letter, out, sizeof(out));
	ck_assert_ptr_null(strchr(out, '\n'));
	ck_assert_int_eq(letter_read(out, &back), 0);
	ck_assert_str_eq(back.id, letter.id);
	ck_assert_int_eq(back.time_ns, letter.time_ns);
	ck_assert(back.urgent);
	if (strspn(letter.title, "abcdefghijklmnopqrstuvwxyz") == strlen(letter.title))
		ck_assert_str_eq(back.title, letter.title);
}
END_TEST

START_TEST(a_host_is_made_safe)
{
	struct rules_message message = { .sequence = 5, .state = "firing" };
	struct letter letter;

	letter_of(&message, "ops", "my>\r\nhost", &letter);
	ck_assert_str_eq(letter.id, "ops.5@myhost");
	letter_of(&message, "ops", "<>", &letter);
	ck_assert_str_eq(letter.id, "ops.5@localhost");
}
END_TEST

static const struct {
	const char *url;
	bool is_mail, good;
} urls[] = {
	{ "https://example.com/hook", false, true },
	{ "https://example.com", false, true },
	{ "http://127.0.0.1:8080/x", false, true },
	{ "http://localhost", false, true },
	{ "http://[::1]:80/", false, true },
	{ "http://example.com/", false, false },
	{ "http://127.0.0.1.example.com/", false, false },
	{ "http://localhost:80@example.com/", false, false },
	{ "http://localhost.evil/", false, false },
	{ "http://localhost:80x/", false, false },
	{ "http://127.0.0.1\\@example.com/", false, false },
	{ "https://user:secret@example.com/", false, false },
	{ "file:///etc/passwd", false, false },
	{ "httpsx://example.com", false, false },
	{ "https:///path", false, false },
	{ "https://a b", false, false },
	{ "smtps://mail.example.com", false, false },
	{ "smtps://mail.example.com", true, true },
	{ "smtp://mail.example.com:587", true, true },
	{ "s://mail.example.com", true, false },
	{ "https://mail.example.com", true, false },
	{ "", false, false },
};

START_TEST(a_url_is_judged)
{
	const char *problem = config_url_problem(urls[_i].url, urls[_i].is_mail);

	ck_assert_msg(
	    !problem == urls[_i].good, "%s: %s", urls[_i].url, problem ? problem : "");
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, json_is_json, 0, ARRAY_SIZE(hostile));
	tcase_add_loop_test(
	    tcase, a_mail_has_our_headers_alone, 0, ARRAY_SIZE(hostile));
	tcase_add_loop_test(
	    tcase, a_message_comes_back_from_the_queue, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tcase, a_host_is_made_safe);
	tcase_add_loop_test(tcase, a_url_is_judged, 0, ARRAY_SIZE(urls));
}

int
main(void)
{
	return suite_run("notify_letter", add_tests);
}
