/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The new side of an upgrade: a program that finds a state in its environment, and
 * either tries whether it could go on from there, or goes on. The old side is
 * upgrade.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "supervisor/handover.h"

/*
 * Which descriptor holds the state, a sealed memfd:
 *
 *	trial:FD	could this program go on from there?
 *	take:FD:OLD	go on, and if that cannot be, become the program OLD again
 *	back:FD:WHY	the new program could not, so go on as before
 */
#define TAKEOVER_ENV "TRADESUP_HANDOVER"

/* What a trial that succeeded prints, before the version; nothing else counts as a
 * yes. */
#define TAKEOVER_YES "tradesup-can-take-over "
/* The exit status of a trial that does not know the version of the state; EX_DATAERR.
 */
#define TAKEOVER_EXIT_VERSION 65

struct supervisor;

struct takeover {
	bool is_trial;
	bool is_back;
	char *why;   /* is_back: why; owned */
	int fd;	     /* the state */
	int old_fd;  /* the old program; -1: there is no way back */
	char **list; /* the environment as it was; owned, its texts are not */
	struct handover_attempt attempt;
	const char *bytes; /* mapped */
	size_t length;
	struct handover_head head;
};

/**
 * takeover_open() - is there a state to go on from
 *
 * The variable is taken out of the environment.
 * Return: 0; *@ret_takeover NULL: there is none. An exit status, and the reason has
 * been printed.
 */
int takeover_open(struct takeover **ret_takeover);

/** takeover_close() - NULL is fine. */
void takeover_close(struct takeover *takeover);

/**
 * takeover_config() - the configuration of the state, as it had been loaded
 *
 * Return: 0, *@ret_config NULL: it had none but a command; an exit status, and the
 * reason has been printed.
 */
int takeover_config(const struct takeover *takeover, struct config **ret_config);

/**
 * takeover_read() - the state, into a supervisor that has its directories, its loop and
 * its tree
 *
 * Return: 0; -EBADMSG with @takeover->attempt.why.
 */
int takeover_read(struct takeover *takeover, struct supervisor *supervisor);

/** takeover_settle() - there is no way back any more: its descriptors are ours alone.
 */
void takeover_settle(struct takeover *takeover);

/** takeover_give_back() - it could not be done: become the old program again. Returns
 * only where that cannot be. NULL is fine. */
void takeover_give_back(struct takeover *takeover, const char *why);

/** takeover_answer() - end a trial: yes (@why NULL), or no. */
void __attribute__((noreturn)) takeover_answer(const char *why);
