/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as it lies in the queue, and in the form that each kind of target takes.
 * Pure. Nothing in a message can end a header, a string of JSON or the message itself.
 */
#pragma once

#include "common/config_alerts.h"
#include "worker/notify/rules.h"

#define LETTER_ID_MAX 160
#define LETTER_BODY_MAX 65536

struct letter {
	char id[LETTER_ID_MAX]; /* the same for each attempt */
	int64_t time_ns;
	bool urgent;
	bool repeat; /* an earlier attempt may have been taken */
	char state[16];
	char title[RULES_TITLE_MAX];
	char text[RULES_BODY_MAX];
};

/** letter_of() - from the rules; @host: of the id, made safe here. */
void letter_of(const struct rules_message *message, const char *target,
    const char *host, struct letter *ret_letter);

/** letter_write() - for the queue. Return: length. */
size_t letter_write(const struct letter *letter, char *out, size_t size);

/** letter_read() - @text is modified. Return: 0, -EBADMSG. */
int letter_read(char *text, struct letter *ret_letter);

/**
 * letter_json() - what a webhook gets
 * @template: {{title}}, {{text}}, {{state}}, {{id}}, {{time}}, {{urgent}}, {{repeat}}
 *            are replaced by what can stand within a string; NULL: our own
 *
 * Return: length; 0: it does not fit.
 */
size_t letter_json(
    const struct letter *letter, const char *template, char *out, size_t size);

/** letter_slack() - what Slack and Mattermost take. Return: as letter_json(). */
size_t letter_slack(const struct letter *letter, char *out, size_t size);

/** letter_ascii() - @text as the value of a header: printable ASCII, on one line. */
void letter_ascii(const char *text, char *out, size_t size);

/** letter_mail() - a whole message of RFC 5322 with MIME, CRLF. Return: as
 * letter_json(). */
size_t letter_mail(const struct letter *letter, const struct config_target *target,
    char *out, size_t size);
