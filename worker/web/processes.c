/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting in /proc. A pid that has been given to another process since is of no
 * consequence: the next look at the supervisor has the new one.
 */
#include "worker/web/processes.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

/* Return: -1: not known. */
static int64_t
descriptors_of(int64_t pid)
{
	char path[48];
	int64_t n = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
	directory = opendir(path);
	if (!directory)
		return -1;
	for (const struct dirent *entry; (entry = readdir(directory));)
		n += entry->d_name[0] != '.';
	closedir(directory);
	return n;
}

void
processes_count(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		int64_t pid = row_number(&rows->items[i], "pid");

		rows->items[i].descriptors = pid > 0 ? descriptors_of(pid) : -1;
	}
}
