/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads /proc with plain system calls into the caller's memory. It interprets as little
 * as its callers need, and signals nobody.
 */
#include "supervisor/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#define STAT_MAX 1024 /* 52 numbers of at most 20 digits, mostly far fewer */

int
procfs_pids_open(struct procfs_pids *ret_pids)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret_pids->fd = fd;
	ret_pids->offset = 0;
	ret_pids->length = 0;
	return 0;
}

/* The pid that a name in /proc stands for; 0 for the names of other things. */
static pid_t
pid_of_name(const char *name)
{
	char *end;
	long pid;

	if (name[0] < '1' || name[0] > '9')
		return 0;
	pid = strtol(name, &end, 10);
	return *end == '\0' ? (pid_t)pid : 0;
}

pid_t
procfs_pids_next(struct procfs_pids *pids)
{
	for (;;) {
		const struct dirent64 *entry;
		ssize_t length;
		pid_t pid;

		if (pids->offset == pids->length) {
			length =
			    getdents64(pids->fd, pids->buffer, sizeof(pids->buffer));
			if (length <= 0)
				return length < 0 ? -errno : 0;
			pids->length = (size_t)length;
			pids->offset = 0;
		}
		entry = (const struct dirent64 *)(pids->buffer + pids->offset);
		pids->offset += entry->d_reclen;
		pid = pid_of_name(entry->d_name);
		if (pid > 0)
			return pid;
	}
}

void
procfs_pids_close(struct procfs_pids *pids)
{
	closep(&pids->fd);
	pids->fd = -1;
}

ssize_t
procfs_read(pid_t pid, const char *name, char *out, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t length = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (length < size - 1) {
		ssize_t n = read(fd, out + length, size - 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	out[length] = '\0';
	return (ssize_t)length;
}

const char *
procfs_stat_field(const char *stat, int number)
{
	/* "pid (name) state ppid …", and a name may hold blanks and parentheses. */
	const char *field = strrchr(stat, ')');

	for (int i = 2; field && i < number; i++) {
		field = strchr(field, ' ');
		if (field)
			field++;
	}
	return field;
}

pid_t
procfs_parent(pid_t pid)
{
	char text[STAT_MAX];
	const char *field;
	ssize_t length;

	length = procfs_read(pid, "stat", text, sizeof(text));
	if (length < 0)
		return (pid_t)length;
	field = procfs_stat_field(text, 4);
	return field ? (pid_t)strtol(field, NULL, 10) : -EBADMSG;
}

bool
procfs_is_loading(pid_t pid)
{
	char text[STAT_MAX];
	const char *memory, *environment_end;

	if (procfs_read(pid, "stat", text, sizeof(text)) < 0)
		return false;
	memory = procfs_stat_field(text, 23);
	environment_end = procfs_stat_field(text, 51);
	/* A zombie and a thread of the kernel have no memory either. */
	return environment_end && strtoull(memory, NULL, 10) > 0 &&
	       strtoull(environment_end, NULL, 10) == 0;
}

const char *
procfs_environ_find(const char *environment, size_t length, const char *name)
{
	const size_t name_length = strlen(name);
	const char *end = environment + length;
	const char *entry;

	for (entry = environment; entry < end; entry += strlen(entry) + 1)
		if (strncmp(entry, name, name_length) == 0 && entry[name_length] == '=')
			return entry + name_length + 1;
	return NULL;
}
