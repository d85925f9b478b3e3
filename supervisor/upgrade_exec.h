/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How one program becomes another in the same process. Whether it may is upgrade.c's.
 */
#pragma once

#include "supervisor/handover.h"
#include "supervisor/notify.h"

#define UPGRADE_HOW_MAX 512

struct supervisor;

/** upgrade_program() - by what name we were executed, absolute; symbolic links stay, so
 * that it is found again when they lead somewhere else. Allocated; NULL: it is gone. */
char *upgrade_program(void);

/**
 * upgrade_command_line() - our own: what we were asked to do is still to be done
 * @ret_text: what the words point into; caller frees both
 *
 * Return: the words, NULL-terminated; NULL: see errno.
 */
char **upgrade_command_line(char **ret_text);

/** struct upgrade_environ - ours with what was taken out of it at our start, and the
 * variable that leads to the state */
struct upgrade_environ {
	char **list; /* owned by the caller */
	char handover[UPGRADE_HOW_MAX + 32], watchdog[48], watchdog_pid[48];
	char socket[sizeof(struct sockaddr_un) + 16];
};

/**
 * upgrade_environ() - fill one
 * @notify: NULL: whoever gets it has nobody to tell
 * @how: the value of TAKEOVER_ENV
 *
 * Return: 0, -ENOMEM.
 */
int upgrade_environ(
    const struct notify *notify, const char *how, struct upgrade_environ *ret_own);

/** upgrade_write_state() - @writer: initialised. Return: a sealed memfd that is closed
 * on exec; -errno. */
int upgrade_write_state(
    const struct supervisor *supervisor, struct handover_writer *writer);

/**
 * upgrade_become() - execute @program in our place
 *
 * The signals that we handle wait for the new program. Returns only if it fails,
 * -errno, and then nothing is left of it.
 */
int upgrade_become(const struct supervisor *supervisor, const char *program,
    const struct handover_writer *writer, int state_fd);

/** upgrade_let_signals_in() - on the other side. */
void upgrade_let_signals_in(void);
