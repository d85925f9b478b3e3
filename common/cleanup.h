/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound ownership: a local that owns something is released when it goes out of
 * scope, and handed over with steal() on the road to success.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((__cleanup__(function)))

/** steal() - take the pointer out of an owned local, which then owns nothing. */
#define steal(pointer)                                                                 \
	({                                                                             \
		__typeof__(*(pointer)) stolen_ = *(pointer);                           \
		*(pointer) = NULL;                                                     \
		stolen_;                                                               \
	})

/** steal_fd() - the same for a descriptor, which is -1 afterwards. */
static inline int
steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

static inline void
freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void
closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
