/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and files of a cgroup2 hierarchy. Which worker gets what is decided in
 * child_limits.c; a worker moves into its cgroup by itself, before it is loaded.
 */
#include "supervisor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

#define LEAF "supervisor"
#define PREFIX "worker-"
#define CPU_PERIOD_US 100000
#define MOVE_ROUNDS 16 /* each moves what was forked during the one before */
#define REMOVE_PATIENCE_MS 1000

static const struct {
	const char *name;
	unsigned bit;
} controllers[] = {
	{ "cpu", CGROUP_CPU },
	{ "memory", CGROUP_MEMORY },
	{ "pids", CGROUP_PIDS },
};

/* What /proc says. */

/* A field up to the next blank, whose blanks are written as \040. */
static const char *
copy_field(const char *field, char *out, size_t size)
{
	size_t n = 0;

	for (; *field && *field != ' '; field++) {
		char letter = *field;

		if (n + 1 >= size)
			return NULL;
		if (letter == '\\' && strspn(field + 1, "01234567") >= 3) {
			letter = (char)((field[1] - '0') << 6 | (field[2] - '0') << 3 |
					(field[3] - '0'));
			field += 3;
		}
		out[n++] = letter;
	}
	out[n] = '\0';
	return *field ? field + 1 : NULL;
}

bool
cgroup_parse_mount(const char *line, struct cgroup_mount *ret_mount)
{
	static const char type[] = " - cgroup2 ";
	const char *field = line;

	if (!strstr(line, type))
		return false;
	for (int i = 0; field && i < 3; i++) {
		field = strchr(field, ' ');
		field = field ? field + 1 : NULL;
	}
	if (field)
		field = copy_field(field, ret_mount->root, sizeof(ret_mount->root));
	if (field)
		field = copy_field(field, ret_mount->point, sizeof(ret_mount->point));
	return field != NULL;
}

const char *
cgroup_parse_own(char *line)
{
	if (strncmp(line, "0::/", 4) != 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line + 3;
}

bool
cgroup_directory(
    const struct cgroup_mount *mount, const char *path, char *out, size_t size)
{
	size_t root = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	int length;

	if (strncmp(path, mount->root, root) != 0 ||
	    (path[root] != '/' && path[root] != '\0'))
		return false;
	length = snprintf(out, size, "%s%s", mount->point, path + root);
	return length >= 0 && (size_t)length < size;
}

static bool
find_mount(struct cgroup_mount *mount)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && !found && getline(&line, &size, file) >= 0)
		found = cgroup_parse_mount(line, mount);
	return found;
}

/* Our own cgroup's directory. Return: whether there is one. */
static bool
find_own(char *out, size_t size)
{
	_cleanup_free_ struct cgroup_mount *mount = malloc(sizeof(*mount));
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	_cleanup_free_ char *line = NULL;
	const char *own = NULL;
	size_t line_size = 0;

	if (!mount || !find_mount(mount))
		return false;
	while (file && !own && getline(&line, &line_size, file) >= 0)
		own = cgroup_parse_own(line);
	return own && cgroup_directory(mount, own, out, size);
}

/* Files. */

static int
write_file(int fd, const char *name, const char *text)
{
	_cleanup_close_ int file = openat(fd, name, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* Its beginning, NUL-terminated. Return: the length, -errno. */
static ssize_t
read_file(int fd, const char *name, char *out, size_t size)
{
	_cleanup_close_ int file = openat(fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, out, size - 1);

	if (length < 0)
		return -errno;
	out[length] = '\0';
	return length;
}

static int
open_directory(int fd, const char *name)
{
	int directory =
	    openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return directory < 0 ? -errno : directory;
}

static int
make_directory(int fd, const char *name)
{
	if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_directory(fd, name);
}

/* Return: 0 when @from has no process any more, -errno. */
static int
move_processes(int from, int to)
{
	for (int round = 0; round < MOVE_ROUNDS; round++) {
		char pids[4096];
		ssize_t length = read_file(from, "cgroup.procs", pids, sizeof(pids));
		char *rest = pids, *pid;

		if (length <= 0)
			return (int)length;
		while ((pid = strsep(&rest, "\n")) && rest) {
			int r = write_file(to, "cgroup.procs", pid);

			if (r < 0 && r != -ESRCH)
				return r;
		}
	}
	return -EBUSY;
}

static bool
has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; *text; text += strcspn(text, " \n"), text += *text != '\0')
		if (strncmp(text, word, length) == 0 && strchr(" \n", text[length]))
			return true;
	return false;
}

/* One by one: where one is not to be had, the others still are. */
static unsigned
hand_on_controllers(int fd)
{
	char available[256], change[32];
	unsigned bits = 0;

	if (read_file(fd, "cgroup.controllers", available, sizeof(available)) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (!has_word(available, controllers[i].name))
			continue;
		snprintf(change, sizeof(change), "+%s", controllers[i].name);
		if (write_file(fd, "cgroup.subtree_control", change) == 0)
			bits |= controllers[i].bit;
	}
	return bits;
}

static void
take_back_controllers(const struct cgroup *cgroup)
{
	char change[32];

	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (!(cgroup->controllers & controllers[i].bit))
			continue;
		snprintf(change, sizeof(change), "-%s", controllers[i].name);
		(void)write_file(cgroup->fd, "cgroup.subtree_control", change);
	}
}

/* The directory that is divided. */

static bool
is_delegated(int fd)
{
	static const char *const names[] = { "user.delegate", "trusted.delegate" };
	char value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fgetxattr(fd, names[i], &value, 1) == 1 && value == '1')
			return true;
	return false;
}

static bool
is_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int
none(struct cgroup *cgroup, int error, const char *why)
{
	cgroup->why = why;
	return error;
}

void
cgroup_init(struct cgroup *cgroup)
{
	*cgroup = (struct cgroup){ .fd = -1 };
}

int
cgroup_adopt(struct cgroup *cgroup, int fd, bool is_ours)
{
	_cleanup_close_ int directory = fd, leaf = -1;
	int r;

	if (is_ours) {
		leaf = make_directory(directory, LEAF);
		r = leaf < 0 ? leaf : move_processes(directory, leaf);
		if (r < 0) {
			(void)unlinkat(directory, LEAF, AT_REMOVEDIR);
			return none(cgroup, r, "its cgroup cannot be divided");
		}
	} else if (faccessat(directory, ".", W_OK, AT_EACCESS) < 0) {
		return none(cgroup, -errno, "the directory cannot be written to");
	}
	cgroup->controllers = hand_on_controllers(directory);
	cgroup->is_ours = is_ours;
	cgroup->fd = steal_fd(&directory);
	return 0;
}

int
cgroup_open(struct cgroup *cgroup, const char *directory)
{
	char own[CGROUP_PATH_MAX];
	bool has_own = find_own(own, sizeof(own));
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	if (!directory && !has_own)
		return none(cgroup, -ENOENT, "there is no cgroup2 hierarchy");
	fd = open_directory(AT_FDCWD, directory ? directory : own);
	if (fd < 0)
		return none(cgroup, fd, "the directory cannot be opened");
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return none(cgroup, -EINVAL, "the directory is not in cgroup2");
	if (!directory && !is_delegated(fd))
		return none(cgroup, -EPERM, "no cgroup is delegated");
	return cgroup_adopt(cgroup, steal_fd(&fd), has_own && is_same(fd, own));
}

/* Workers' cgroups. */

static void
worker_directory(const char *name, char out[NAME_MAX + 1])
{
	snprintf(out, NAME_MAX + 1, PREFIX "%s", name);
}

int
cgroup_kill(int fd)
{
	return write_file(fd, "cgroup.kill", "1");
}

static bool
is_populated(int fd)
{
	char text[256];

	return read_file(fd, "cgroup.events", text, sizeof(text)) > 0 &&
	       strstr(text, "populated 1");
}

/* The kernel tells each change of cgroup.events by POLLPRI. */
static void
wait_until_empty(int fd, int64_t until_ns)
{
	_cleanup_close_ int file = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd changed = { .fd = file, .events = POLLPRI };
	char text[256];

	while (file >= 0) {
		int64_t left_ns = until_ns - clock_monotonic_ns();

		if (pread(file, text, sizeof(text), 0) < 0 || !is_populated(fd) ||
		    left_ns <= 0)
			return;
		(void)poll(&changed, 1, (int)(left_ns / NS_PER_MS) + 1);
	}
}

static void
end_worker(int fd, const char *name, int64_t until_ns)
{
	_cleanup_close_ int worker = open_directory(fd, name);

	if (worker >= 0) {
		(void)cgroup_kill(worker);
		if (until_ns > 0)
			wait_until_empty(worker, until_ns);
	}
	(void)unlinkat(fd, name, AT_REMOVEDIR);
}

void
cgroup_end_workers(int fd, int patience_ms)
{
	const int64_t until_ns = clock_monotonic_ns() + patience_ms * NS_PER_MS;
	int copy = open_directory(fd, ".");
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!directory) {
		closep(&copy);
		return;
	}
	while ((entry = readdir(directory)))
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
			end_worker(fd, entry->d_name, until_ns);
	closedir(directory);
}

int
cgroup_make_worker(const struct cgroup *cgroup, const char *name)
{
	char directory[NAME_MAX + 1];
	int fd;

	worker_directory(name, directory);
	fd = make_directory(cgroup->fd, directory);
	if (fd >= 0 && is_populated(fd))
		(void)cgroup_kill(fd);
	return fd;
}

void
cgroup_remove_worker(const struct cgroup *cgroup, const char *name)
{
	char directory[NAME_MAX + 1];

	worker_directory(name, directory);
	end_worker(cgroup->fd, directory, 0);
}

int
cgroup_limit_memory(int fd, int64_t bytes)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRId64, bytes);
	r = write_file(fd, "memory.max", text);
	if (r == 0)
		r = write_file(fd, "memory.oom.group", "1");
	return r;
}

int
cgroup_limit_cpu(int fd, int64_t percent)
{
	char text[48];

	snprintf(text, sizeof(text), "%" PRId64 " %d", percent * (CPU_PERIOD_US / 100),
	    CPU_PERIOD_US);
	return write_file(fd, "cpu.max", text);
}

int64_t
cgroup_oom_kills(int fd)
{
	static const char key[] = "\noom_kill ";
	char text[512];
	const char *at;

	if (read_file(fd, "memory.events", text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

void
cgroup_close(struct cgroup *cgroup)
{
	_cleanup_close_ int leaf = -1;

	if (cgroup->fd < 0)
		return;
	cgroup_end_workers(cgroup->fd, REMOVE_PATIENCE_MS);
	take_back_controllers(cgroup);
	if (cgroup->is_ours) {
		leaf = open_directory(cgroup->fd, LEAF);
		if (leaf >= 0 && move_processes(leaf, cgroup->fd) == 0)
			(void)unlinkat(cgroup->fd, LEAF, AT_REMOVEDIR);
	}
	closep(&cgroup->fd);
	cgroup_init(cgroup);
}
