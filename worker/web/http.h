/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side: the address, the paths, the headers. GET and HEAD alone, and nothing
 * that is asked changes anything, but for changes.h where a token was given.
 */
#pragma once

#include <stddef.h>

#define HTTP_URL_MAX 160

struct http;
struct web;

/**
 * http_new() - be ready to listen where the options say
 *
 * The address that cannot be had is tried again every few seconds: a page that is not
 * there must not end the workers beside it. Return: 0; -EINVAL for an address that is
 * none, or not ours alone though no name was given; -ENOMEM.
 */
int http_new(struct web *web, struct http **ret_http);

/** http_url() - where it listens; NULL: it does not yet. */
const char *http_url(const struct http *http);

/** http_free() - Return: NULL. */
struct http *http_free(struct http *http);
