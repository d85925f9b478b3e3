/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending: HTTP and SMTP over one libcurl multi handle, commands as processes; one
 * message at a time to each target, each attempt with a deadline. When to try and to
 * try again is notify.c's.
 */
#pragma once

#include <poll.h>

#include "common/error.h"
#include "worker/notify/letter.h"

struct deliver;

/** struct deliver_result - how an attempt ended */
struct deliver_result {
	size_t target;
	bool taken;
	int64_t retry_after_ns; /* what the receiver asked for; 0: nothing */
	char why[160];		/* "" if taken; no secret in it */
};

typedef void (*deliver_on_result)(const struct deliver_result *result, void *data);

/** deliver_new() - @config is borrowed. NULL: out of memory. */
struct deliver *deliver_new(const struct config_alerts *config);

/** deliver_free() - what is under way is broken off. Return: NULL. */
struct deliver *deliver_free(struct deliver *deliver);

/** deliver_is_busy() - whether an attempt for that target is under way. */
bool deliver_is_busy(const struct deliver *deliver, size_t target);

/**
 * deliver_start() - begin an attempt; its end comes from deliver_step()
 *
 * Secrets are read anew for each. Return: 0; -errno with @error filled.
 */
int deliver_start(struct deliver *deliver, size_t target, const struct letter *letter,
    struct error *error);

/** deliver_ping() - ask for the dead man's switch's URL; how that ends nobody is told,
 * only whether the last one succeeded: deliver_pinged(). Nothing while one is under
 * way. */
void deliver_ping(struct deliver *deliver);
bool deliver_pinged(const struct deliver *deliver);

/** deliver_wait() - until something can be done, or one of @fds is ready. */
void deliver_wait(
    struct deliver *deliver, struct pollfd *fds, size_t n_fds, int timeout_ms);

/** deliver_step() - go on; @on_result is called for each attempt that has ended. */
void deliver_step(struct deliver *deliver, deliver_on_result on_result, void *data);
