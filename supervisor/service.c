/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The escalations as a list of times and as a file, a time a line. When to look at
 * them, and what follows, is in supervisor.c.
 */
#include "supervisor/service.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/paths.h"
#include "common/statefile.h"
#include "common/text.h"
#include "common/timestamp.h"

void
service_escalated(struct service *service, int64_t now_ns)
{
	if (service->n == SERVICE_KEPT) {
		memmove(service->times_ns, service->times_ns + 1,
		    (SERVICE_KEPT - 1) * sizeof(service->times_ns[0]));
		service->n--;
	}
	service->times_ns[service->n++] = now_ns;
}

size_t
service_count(const struct service *service, int64_t period_ns, int64_t now_ns)
{
	size_t count = 0;

	for (size_t i = 0; i < service->n; i++)
		count += (__int128)now_ns - service->times_ns[i] <= (__int128)period_ns;
	return count;
}

static int
parse(struct service *service, char *text)
{
	char *line;

	service->n = 0;
	while ((line = strsep(&text, "\n"))) {
		if (line[0] == '\0' && !text)
			return 0;
		if (service->n == SERVICE_KEPT ||
		    timestamp_parse(line, strlen(line), TIME_UNIT_RFC3339,
			&service->times_ns[service->n]) < 0)
			return -EBADMSG;
		service->n++;
	}
	/* The last line has no end: it was cut. */
	return -EBADMSG;
}

int
service_load(struct service *service, const char *state_dir)
{
	_cleanup_free_ char *path = path_join(state_dir, SERVICE_FILE), *text = NULL;
	size_t length;
	int r;

	service->n = 0;
	if (!path)
		return -ENOMEM;
	r = statefile_read(path, &text, &length);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = strlen(text) == length ? parse(service, text) : -EBADMSG;
	if (r < 0) {
		service->n = 0;
		(void)statefile_set_aside(path, NULL);
	}
	return r;
}

int
service_store(const struct service *service, const char *state_dir)
{
	_cleanup_free_ char *path = path_join(state_dir, SERVICE_FILE);
	char buffer[SERVICE_KEPT * TIMESTAMP_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];
	struct text_out text;

	if (!path)
		return -ENOMEM;
	if (service->n == 0)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < service->n; i++) {
		timestamp_format(service->times_ns[i], time);
		text_putf(&text, "%s\n", time);
	}
	return statefile_write(path, buffer, text.used, true);
}
