/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file is still the one that was looked at: a stat(2) instead of a read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stamp {
	bool there; /* false: no such file, or it cannot be looked at */
	bool is_directory;
	bool settled; /* false: changed so lately that a second change might not show */
	uint64_t device, inode;
	int64_t size, mtime_ns, ctime_ns;
};

/** stamp_take() - look at @path, a link followed. A file that is not there has a stamp,
 * too. */
struct stamp stamp_take(const char *path);

/**
 * stamp_same() - whether @then and @now are of the same file, unchanged
 *
 * False while the file is not settled: a kernel counts times in ticks, and two changes
 * in one tick look like one. Who compares contents as well is right in both cases.
 */
bool stamp_same(const struct stamp *then, const struct stamp *now);
