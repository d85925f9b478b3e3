/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few things that can be changed over HTTP, where a token's file was given: POST
 * /control/restart, /control/hold, /control/resume. Who has the token asks, the
 * supervisor decides. Without one there is nothing of this.
 */
#pragma once

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

#define CHANGES_PENDING_MAX 8  /* that wait for the supervisor at a time */
#define CHANGES_BODY_MAX 4096  /* bytes */
#define CHANGES_TOKEN_LEAST 32 /* characters: not to be guessed */

struct changes;

/** changes_new() - @control: the control socket; @token: both borrowed. NULL: out of
 * memory, or @control is too long. */
struct changes *changes_new(
    struct event_base *base, const char *control, const char *token);

/** changes_has() - whether the path is one of these. */
bool changes_has(const char *path);

/** changes_reply - how an answer is sent, with the headers of all of them */
typedef void (*changes_reply)(
    struct evhttp_request *request, int code, const char *text);

/** changes_serve() - a POST to one of the paths, whose Host and Origin are good.
 * Answered at once, or when the supervisor has. */
void changes_serve(struct changes *changes, struct evhttp_request *request,
    const char *path, changes_reply reply);

/** changes_free() - those that wait get no answer any more. Return: NULL. */
struct changes *changes_free(struct changes *changes);
