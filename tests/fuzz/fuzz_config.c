/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a configuration file. It must be loaded, or refused with at least one
 * error of one line that is safe to print.
 */
#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_error(const char *message, void *data)
{
	size_t left = strlen(message), length;

	for (; left > 0; message += length, left -= length) {
		if (!text_is_harmless(text_next(message, left, &length)))
			abort();
	}
	++*(size_t *)data;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	char path[64];
	size_t errors = 0;
	int fd = memfd_create("config", MFD_CLOEXEC), r;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(path, on_error, &errors, &config);
	close(fd);

	if (r == 0 && (errors > 0 || !config))
		abort();
	if (r != 0 && (r != -EINVAL || errors == 0 || config))
		abort();
	config_free(config);
	return 0;
}
