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

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int
refuse(const char *why)
{
	fprintf(stderr, "%s\n", why);
	return EXIT_OSERR;
}

/* "trial:FD" or "take:FD". Return: the descriptor; -1. */
static int
parse_variable(const char *text, bool *ret_is_trial)
{
	const char *number = strchr(text, ':');
	char *end;
	long fd;

	if (!number)
		return -1;
	*ret_is_trial = strncmp(text, "trial:", 6) == 0;
	if (!*ret_is_trial && strncmp(text, "take:", 5) != 0)
		return -1;
	errno = 0;
	fd = strtol(number + 1, &end, 10);
	if (errno != 0 || *end != '\0' || fd <= STDERR_FILENO || fd > INT32_MAX)
		return -1;
	return (int)fd;
}

/* Return: 0; -errno. The descriptor is closed. */
static int
map_state(struct takeover *takeover, int fd)
{
	_cleanup_close_ int owned = fd;
	int seals = fcntl(owned, F_GET_SEALS);
	struct stat st;
	void *bytes;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EPERM;
	if (fstat(owned, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > HANDOVER_MAX)
		return -EFBIG;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, owned, 0);
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
	free(takeover);
}

static void
takeover_closep(struct takeover **takeover)
{
	takeover_close(*takeover);
}

int
takeover_open(struct takeover **ret_takeover)
{
	_cleanup_(takeover_closep) struct takeover *takeover = NULL;
	const char *variable = getenv(TAKEOVER_ENV);
	bool is_trial = false;
	char why[256];
	int fd, r;

	*ret_takeover = NULL;
	if (!variable)
		return 0;
	fd = parse_variable(variable, &is_trial);
	unsetenv(TAKEOVER_ENV);
	takeover = calloc(1, sizeof(*takeover));
	if (fd < 0 || !takeover)
		return refuse(TAKEOVER_ENV ": it makes no sense");
	takeover->is_trial = is_trial;
	r = map_state(takeover, fd);
	if (r < 0) {
		snprintf(why, sizeof(why), TAKEOVER_ENV ": %s", strerror(-r));
		return refuse(why);
	}
	r = handover_read_head(
	    takeover->bytes, takeover->length, &takeover->head, why, sizeof(why));
	if (r != 0) {
		refuse(why);
		return r == HANDOVER_E_VERSION ? TAKEOVER_EXIT_VERSION : EXIT_OSERR;
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
takeover_read(const struct takeover *takeover, struct supervisor *supervisor, char *why,
    size_t why_size)
{
	return handover_read(supervisor, takeover->bytes, takeover->length,
		   takeover->is_trial, why, why_size) == 0
		   ? 0
		   : -EBADMSG;
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
