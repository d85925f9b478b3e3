/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job for each target, and one for the ping. A job owns its handle, the body that
 * is being sent and the headers; the handle is made for each attempt, so that nothing
 * of one is left for the next.
 */
#include "worker/notify/deliver.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/statefile.h"
#include "common/text.h"
#include "worker/notify/program.h"

#define ANSWER_MAX 65536 /* so much of an answer is read, and passed over */
#define PING_TIMEOUT_NS (10 * NS_PER_S)
#define USER_AGENT "tradesup-notify/" TRADESUP_VERSION
#define RETRY_AFTER_MAX_S 3600

/** struct secrets - what files hold, for one attempt */
struct secrets {
	char *url, *token, *password; /* owned; NULL: none */
};

struct job {
	const struct config_target *target; /* NULL: the ping */
	struct secrets secrets;
	CURL *curl; /* NULL: no attempt over the network */
	struct curl_slist *headers, *recipients;
	char *body;
	size_t length, sent, answered;
	char error[CURL_ERROR_SIZE];
	struct program program;
};

struct deliver {
	const struct config_alerts *config;
	CURLM *multi;
	struct job jobs[ALERT_TARGETS_MAX];
	struct job ping;
	bool pinged;
};

/* Secrets. */

/* A file's first line. */
static int
read_line(const char *path, const char *target, const char *key, char **ret_line,
    struct error *error)
{
	char *text;
	size_t length;
	int r = statefile_read(path, &text, &length);

	if (r < 0)
		return error_set(error, -EINVAL, "target %s: %s: %s: %s", target, key,
		    path, strerror(-r));
	text[strcspn(text, "\r\n")] = '\0';
	if (!text[0]) {
		free(text);
		return error_set(
		    error, -EINVAL, "target %s: %s: %s: is empty", target, key, path);
	}
	*ret_line = text;
	return 0;
}

/* "file:/…" means what is in there. */
static int
read_url(const char *url, const char *target, bool is_mail, char **ret_url,
    struct error *error)
{
	_cleanup_free_ char *found = NULL;
	const char *problem;
	int r;

	if (strncmp(url, "file:", 5) != 0) {
		*ret_url = strdup(url);
		return *ret_url ? 0 : -ENOMEM;
	}
	r = read_line(url + 5, target, "URL", &found, error);
	if (r < 0)
		return r;
	problem = config_url_problem(found, is_mail);
	if (problem)
		return error_set(error, -EINVAL, "target %s: %s: what is in it %s",
		    target, url + 5, problem);
	*ret_url = steal(&found);
	return 0;
}

static int
read_secrets(struct job *job, struct error *error)
{
	const struct config_target *target = job->target;
	const char *url = config_target_url(target);
	int r = 0;

	if (url)
		r = read_url(url, target->name, target->kind == TARGET_SMTP,
		    &job->secrets.url, error);
	if (r == 0 && target->token_file)
		r = read_line(target->token_file, target->name, "token_file",
		    &job->secrets.token, error);
	if (r == 0 && target->password_file)
		r = read_line(target->password_file, target->name, "password_file",
		    &job->secrets.password, error);
	return r;
}

static int
check_template(const struct config_target *target, struct error *error)
{
	struct letter letter = {
		.id = "1", .state = "firing", .title = "t\"\\", .text = "\n"
	};
	char json[4096 + RULES_BODY_MAX];
	json_error_t problem;
	json_t *parsed;

	if (!target->template)
		return 0;
	if (letter_json(&letter, target->template, json, sizeof(json)) == 0)
		return error_set(
		    error, -EINVAL, "target %s: template: is too long", target->name);
	parsed = json_loads(json, JSON_DECODE_ANY, &problem);
	if (!parsed)
		return error_set(error, -EINVAL, "target %s: template: is no JSON: %s",
		    target->name, problem.text);
	json_decref(parsed);
	return 0;
}

/* Attempts over the network. */

static size_t
swallow(char *bytes, size_t size, size_t n, void *data)
{
	struct job *job = data;

	(void)bytes;
	job->answered += size * n;
	return job->answered > ANSWER_MAX ? 0 : size * n;
}

static size_t
give(char *out, size_t size, size_t n, void *data)
{
	struct job *job = data;
	size_t room = size * n, left = job->length - job->sent;

	if (left < room)
		room = left;
	memcpy(out, job->body + job->sent, room);
	job->sent += room;
	return room;
}

static void
end_attempt(struct deliver *deliver, struct job *job)
{
	if (job->curl) {
		curl_multi_remove_handle(deliver->multi, job->curl);
		curl_easy_cleanup(job->curl);
		job->curl = NULL;
	}
	curl_slist_free_all(job->headers);
	curl_slist_free_all(job->recipients);
	job->headers = job->recipients = NULL;
	free(job->body);
	job->body = NULL;
	free(job->secrets.url);
	free(job->secrets.token);
	free(job->secrets.password);
	job->secrets = (struct secrets){ 0 };
	program_end(&job->program);
}

static void
set_bounds(struct job *job, int64_t timeout_ns, const char *ca_file)
{
	CURL *curl = job->curl;
	long timeout_ms = (long)(timeout_ns / NS_PER_MS);

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
	    timeout_ms < 1000 ? 1L : timeout_ms / 1000);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, job->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, job);
	job->error[0] = '\0';
	job->sent = job->answered = 0;
}

static int __attribute__((format(printf, 2, 3)))
add_header(struct job *job, const char *format, ...)
{
	_cleanup_free_ char *line = NULL;
	struct curl_slist *longer;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0) {
		line = NULL;
		return -ENOMEM;
	}
	longer = curl_slist_append(job->headers, line);
	if (!longer)
		return -ENOMEM;
	job->headers = longer;
	return 0;
}

static int
set_headers(struct job *job, const struct letter *letter)
{
	bool is_plain = job->target->kind == TARGET_NTFY;
	char title[RULES_TITLE_MAX];
	int r = add_header(job, "Content-Type: %s",
	    is_plain ? "text/plain; charset=utf-8" : "application/json");

	if (r == 0)
		r = add_header(job, "Idempotency-Key: %s", letter->id);
	if (r == 0)
		r = add_header(job, "Expect:");
	if (r == 0 && job->secrets.token)
		r = add_header(job, "Authorization: Bearer %s", job->secrets.token);
	if (r == 0 && is_plain) {
		letter_ascii(letter->title, title, sizeof(title));
		r = add_header(job, "Title: %s", title);
	}
	if (r == 0 && is_plain && letter->urgent)
		r = add_header(job, "Priority: urgent");
	return r;
}

static size_t
write_body(struct job *job, const struct letter *letter)
{
	switch (job->target->kind) {
	case TARGET_WEBHOOK:
		return letter_json(
		    letter, job->target->template, job->body, LETTER_BODY_MAX);
	case TARGET_SLACK:
		return letter_slack(letter, job->body, LETTER_BODY_MAX);
	case TARGET_SMTP:
		return letter_mail(letter, job->target, job->body, LETTER_BODY_MAX);
	case TARGET_NTFY:
	case TARGET_COMMAND:
		break;
	}
	return (size_t)snprintf(job->body, LETTER_BODY_MAX, "%s", letter->text);
}

static int
prepare_http(struct job *job, const struct letter *letter)
{
	int r = set_headers(job, letter);

	curl_easy_setopt(job->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(job->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(job->curl, CURLOPT_POSTFIELDS, job->body);
	curl_easy_setopt(job->curl, CURLOPT_POSTFIELDSIZE, (long)job->length);
	curl_easy_setopt(job->curl, CURLOPT_HTTPHEADER, job->headers);
	return r;
}

static int
prepare_mail(struct job *job)
{
	const struct config_target *target = job->target;

	for (char **to = target->to; *to; to++) {
		struct curl_slist *longer = curl_slist_append(job->recipients, *to);

		if (!longer)
			return -ENOMEM;
		job->recipients = longer;
	}
	curl_easy_setopt(job->curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(job->curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	curl_easy_setopt(job->curl, CURLOPT_MAIL_FROM, target->from);
	curl_easy_setopt(job->curl, CURLOPT_MAIL_RCPT, job->recipients);
	if (target->user) {
		curl_easy_setopt(job->curl, CURLOPT_USERNAME, target->user);
		curl_easy_setopt(job->curl, CURLOPT_PASSWORD, job->secrets.password);
	}
	curl_easy_setopt(job->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(job->curl, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(job->curl, CURLOPT_READDATA, job);
	curl_easy_setopt(job->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->length);
	return 0;
}

static int
start_transfer(struct deliver *deliver, struct job *job, const struct letter *letter)
{
	int r;

	job->curl = curl_easy_init();
	if (!job->curl)
		return -ENOMEM;
	set_bounds(job, job->target->timeout_ns, job->target->ca_file);
	curl_easy_setopt(job->curl, CURLOPT_URL, job->secrets.url);
	r = job->target->kind == TARGET_SMTP ? prepare_mail(job)
					     : prepare_http(job, letter);
	if (r == 0 && curl_multi_add_handle(deliver->multi, job->curl) != CURLM_OK)
		r = -ENOMEM;
	return r;
}

static int
begin(struct deliver *deliver, struct job *job, const struct letter *letter,
    struct error *error)
{
	int r = read_secrets(job, error);

	if (r == 0)
		r = check_template(job->target, error);
	if (r < 0)
		return r;
	job->length = write_body(job, letter);
	if (job->length == 0)
		r = -EMSGSIZE;
	else if (job->target->kind == TARGET_COMMAND)
		r = program_start(&job->program, job->target->command, letter,
		    clock_monotonic_ns() + job->target->timeout_ns);
	else
		r = start_transfer(deliver, job, letter);
	return r;
}

int
deliver_start(struct deliver *deliver, size_t target, const struct letter *letter,
    struct error *error)
{
	struct job *job = &deliver->jobs[target];
	int r = -ENOMEM;

	error->text[0] = '\0';
	job->body = malloc(LETTER_BODY_MAX);
	if (job->body)
		r = begin(deliver, job, letter, error);
	if (r < 0) {
		end_attempt(deliver, job);
		if (!error->text[0])
			error_set(error, r, "%s", strerror(-r));
	}
	return r;
}

bool
deliver_is_busy(const struct deliver *deliver, size_t target)
{
	return deliver->jobs[target].body != NULL;
}

void
deliver_ping(struct deliver *deliver)
{
	const char *url = deliver->config->notify.ping;
	struct job *job = &deliver->ping;
	struct error error;

	if (job->curl || !url)
		return;
	if (read_url(url, "ping", false, &job->secrets.url, &error) == 0)
		job->curl = curl_easy_init();
	if (!job->curl) {
		deliver->pinged = false;
		end_attempt(deliver, job);
		return;
	}
	set_bounds(job, PING_TIMEOUT_NS, deliver->config->notify.ca_file);
	curl_easy_setopt(job->curl, CURLOPT_URL, job->secrets.url);
	curl_easy_setopt(job->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (curl_multi_add_handle(deliver->multi, job->curl) != CURLM_OK)
		end_attempt(deliver, job);
}

bool
deliver_pinged(const struct deliver *deliver)
{
	return deliver->pinged;
}

/* Ends. */

static bool
is_taken(struct job *job, CURLcode code, struct deliver_result *result)
{
	long status = 0;
	curl_off_t after = 0;

	curl_easy_getinfo(job->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK) {
		snprintf(result->why, sizeof(result->why), "%.150s",
		    job->error[0] ? job->error : curl_easy_strerror(code));
		return false;
	}
	if (job->target && job->target->kind == TARGET_SMTP)
		return true;
	if (status >= 200 && status < 300)
		return true;
	snprintf(result->why, sizeof(result->why), "status %ld", status);
	if (curl_easy_getinfo(job->curl, CURLINFO_RETRY_AFTER, &after) == CURLE_OK &&
	    after > 0)
		result->retry_after_ns =
		    (after < RETRY_AFTER_MAX_S ? after : RETRY_AFTER_MAX_S) * NS_PER_S;
	return false;
}

static void
end_transfers(struct deliver *deliver, deliver_on_result on_result, void *data)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(deliver->multi, &left))) {
		struct deliver_result result = { 0 };
		CURLcode code = message->data.result;
		struct job *job = NULL;
		char *private;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		job = (struct job *)(void *)private;
		result.taken = is_taken(job, code, &result);
		end_attempt(deliver, job);
		if (job == &deliver->ping) {
			deliver->pinged = result.taken;
			continue;
		}
		result.target = (size_t)(job - deliver->jobs);
		on_result(&result, data);
	}
}

static void
end_programs(struct deliver *deliver, deliver_on_result on_result, void *data)
{
	int64_t now_ns = clock_monotonic_ns();

	for (size_t i = 0; i < deliver->config->n_targets; i++) {
		struct job *job = &deliver->jobs[i];
		struct deliver_result result = { .target = i };

		if (!program_is_running(&job->program) ||
		    !program_step(&job->program, now_ns, &result.taken, result.why,
			sizeof(result.why)))
			continue;
		end_attempt(deliver, job);
		on_result(&result, data);
	}
}

void
deliver_step(struct deliver *deliver, deliver_on_result on_result, void *data)
{
	int running;

	curl_multi_perform(deliver->multi, &running);
	end_transfers(deliver, on_result, data);
	end_programs(deliver, on_result, data);
}

void
deliver_wait(struct deliver *deliver, struct pollfd *fds, size_t n_fds, int timeout_ms)
{
	struct curl_waitfd extra[8 + ALERT_TARGETS_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < n_fds && n < 8; i++)
		if (fds[i].fd >= 0)
			extra[n++] = (struct curl_waitfd){ .fd = fds[i].fd,
				.events = CURL_WAIT_POLLIN };
	for (size_t i = 0; i < deliver->config->n_targets; i++)
		if (program_is_running(&deliver->jobs[i].program) &&
		    deliver->jobs[i].program.pidfd >= 0)
			extra[n++] =
			    (struct curl_waitfd){ .fd = deliver->jobs[i].program.pidfd,
				    .events = CURL_WAIT_POLLIN };
	curl_multi_poll(deliver->multi, extra, n, timeout_ms, NULL);
}

/* The whole. */

struct deliver *
deliver_new(const struct config_alerts *config)
{
	struct deliver *deliver = calloc(1, sizeof(*deliver));

	if (!deliver)
		return NULL;
	deliver->config = config;
	program_init(&deliver->ping.program);
	for (size_t i = 0; i < ALERT_TARGETS_MAX; i++) {
		program_init(&deliver->jobs[i].program);
		if (i < config->n_targets)
			deliver->jobs[i].target = &config->targets[i];
	}
	deliver->multi = curl_multi_init();
	return deliver->multi ? deliver : deliver_free(deliver);
}

struct deliver *
deliver_free(struct deliver *deliver)
{
	if (!deliver)
		return NULL;
	for (size_t i = 0; i < ALERT_TARGETS_MAX; i++)
		end_attempt(deliver, &deliver->jobs[i]);
	end_attempt(deliver, &deliver->ping);
	if (deliver->multi)
		curl_multi_cleanup(deliver->multi);
	free(deliver);
	return NULL;
}
