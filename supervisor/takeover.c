/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding and reading a handed-over state. What is done with it is the supervisor's.
 */
#include "supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "supervisor/context.h"
#include "supervisor/upgrade_exec.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int
refuse(const char *why)
{
	fprintf(stderr, "%s\n", why);
	return EXIT_OSERR;
}

static int
parse_fd(const char *text, const char **ret_rest)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(text, &end, 10);
	*ret_rest = end;
	if (errno != 0 || end == text || fd <= STDERR_FILENO || fd > INT32_MAX)
		return -1;
	return (int)fd;
}

/* Return: whether the variable makes sense. */
static bool
parse_variable(struct takeover *takeover, const char *text)
{
	bool is_take = strncmp(text, "take:", 5) == 0;
	const char *rest;

	takeover->is_trial = strncmp(text, "trial:", 6) == 0;
	takeover->is_back = strncmp(text, "back:", 5) == 0;
	if (!takeover->is_trial && !takeover->is_back && !is_take)
		return false;
	takeover->fd = parse_fd(text + (takeover->is_trial ? 6 : 5), &rest);
	if (takeover->fd < 0)
		return false;
	if (takeover->is_trial)
		return *rest == '\0';
	if (*rest != ':')
		return false;
	if (is_take) {
		takeover->old_fd = parse_fd(rest + 1, &rest);
		return *rest == '\0' || takeover->old_fd < 0;
	}
	takeover->why = strdup(rest + 1);
	return takeover->why != NULL;
}

/* Where the environment is changed its texts stay. */
static bool
keep_environ(struct takeover *takeover)
{
	size_t n = 0;

	while (environ[n])
		n++;
	takeover->list = calloc(n + 1, sizeof(char *));
	if (takeover->list)
		memcpy(takeover->list, environ, n * sizeof(char *));
	return takeover->list != NULL;
}

/* Return: 0; -errno. */
static int
map_state(struct takeover *takeover)
{
	int seals = fcntl(takeover->fd, F_GET_SEALS);
	struct stat st;
	void *bytes;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	if (fstat(takeover->fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > HANDOVER_MAX)
		return -EFBIG;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, takeover->fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	takeover->bytes = bytes;
	takeover->length = (size_t)st.st_size;
	return 0;
}

void
takeover_close(struct takeover *takeover)
{
	if (!takeover)
		return;
	if (takeover->bytes)
		munmap((void *)takeover->bytes, takeover->length);
	handover_head_deinit(&takeover->head);
	handover_attempt_deinit(&takeover->attempt);
	closep(&takeover->fd);
	closep(&takeover->old_fd);
	free(takeover->why);
	free(takeover->list);
	free(takeover);
}

static void
set_close_on_exec(const struct takeover *takeover, bool on)
{
	int flags = on ? FD_CLOEXEC : 0;

	for (size_t i = 0; i < takeover->attempt.n_fds; i++)
		fcntl(takeover->attempt.fds[i], F_SETFD, flags);
	fcntl(takeover->fd, F_SETFD, flags);
}

void
takeover_settle(struct takeover *takeover)
{
	set_close_on_exec(takeover, true);
}

void
takeover_give_back(struct takeover *takeover, const char *why)
{
	_cleanup_free_ char *text = NULL, *program = upgrade_program();
	char variable[UPGRADE_HOW_MAX];
	char **words;

	if (!takeover || takeover->old_fd < 0)
		return;
	words = upgrade_command_line(&text);
	snprintf(variable, sizeof(variable), TAKEOVER_ENV "=back:%d:%.200s: %.200s",
	    takeover->fd, program ? program : "the new program", why);
	for (size_t i = 0; takeover->list[i]; i++)
		if (strncmp(
			takeover->list[i], TAKEOVER_ENV "=", sizeof(TAKEOVER_ENV)) == 0)
			takeover->list[i] = variable;
	set_close_on_exec(takeover, false);
	if (words)
		fexecve(takeover->old_fd, words, takeover->list);
	free(words);
}

static void
takeover_closep(struct takeover **takeover)
{
	takeover_close(*takeover);
}

/* Return: 0; an exit status, and the reason is in @why. */
static int
open_state(struct takeover *takeover, char *why, size_t why_size)
{
	int r = map_state(takeover);

	if (r < 0) {
		snprintf(why, why_size, TAKEOVER_ENV ": %s", strerror(-r));
		return EXIT_OSERR;
	}
	r = handover_read_head(
	    takeover->bytes, takeover->length, &takeover->head, why, why_size);
	if (r == HANDOVER_E_VERSION)
		return TAKEOVER_EXIT_VERSION;
	return r == 0 ? 0 : EXIT_OSERR;
}

int
takeover_open(struct takeover **ret_takeover)
{
	_cleanup_(takeover_closep) struct takeover *takeover = NULL;
	const char *variable = getenv(TAKEOVER_ENV);
	char why[256];
	int r;

	*ret_takeover = NULL;
	if (!variable)
		return 0;
	takeover = calloc(1, sizeof(*takeover));
	if (!takeover)
		return refuse(strerror(ENOMEM));
	takeover->fd = takeover->old_fd = -1;
	if (!parse_variable(takeover, variable) || !keep_environ(takeover))
		return refuse(TAKEOVER_ENV ": it makes no sense");
	unsetenv(TAKEOVER_ENV);
	if (takeover->old_fd >= 0)
		fcntl(takeover->old_fd, F_SETFD, FD_CLOEXEC);
	r = open_state(takeover, why, sizeof(why));
	if (r != 0) {
		takeover_give_back(takeover, why);
		refuse(why);
		return r;
	}
	*ret_takeover = steal(&takeover);
	return 0;
}

static void
print_error(const char *message, void *data)
{
	(void)data;
	fprintf(stderr, "%s\n", message);
}

int
takeover_config(const struct takeover *takeover, struct config **ret_config)
{
	const struct handover_head *head = &takeover->head;
	struct config_text text = { .path = head->config_path,
		.text = head->config_text,
		.length = head->config_length };
	int r;

	*ret_config = NULL;
	if (!head->config_text)
		return 0;
	r = config_load_again(&text, print_error, NULL, ret_config);
	if (r == -EINVAL)
		return EXIT_CONFIG;
	return r < 0 ? refuse(strerror(-r)) : 0;
}

int
takeover_read(struct takeover *takeover, struct supervisor *supervisor)
{
	takeover->attempt.is_trial = takeover->is_trial;
	return handover_read(
	    supervisor, takeover->bytes, takeover->length, &takeover->attempt);
}

void
takeover_answer(const char *why)
{
	if (why)
		refuse(why);
	else
		printf(TAKEOVER_YES "%s\n", TRADESUP_VERSION);
	fflush(stdout);
	_exit(why ? EXIT_OSERR : EXIT_OK);
}
