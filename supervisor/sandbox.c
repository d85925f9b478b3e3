/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes sandboxes and enters them. Order matters in the child: a process that Landlock
 * holds cannot mount any more, and the filter would refuse both.
 *
 * Landlock's rules name what is allowed below a path; what no rule allows is refused.
 * Rights that a kernel does not know it cannot refuse, so one that cannot refuse to
 * truncate (before Linux 6.2) counts as having no Landlock.
 */
#include "supervisor/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "supervisor/spawn_limits.h"

#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14) /* not in older headers */
#define LANDLOCK_ABI_TRUNCATE 3

#define CAN_READ                                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                   \
	    LANDLOCK_ACCESS_FS_READ_DIR)
#define CAN_WRITE                                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE |                           \
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |           \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |               \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |               \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |             \
	    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
#define OF_FILES                                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                   \
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_TRUNCATE)

#define STEP_READ_ONLY "sandbox.read_only"
#define STEP_WRITE "sandbox.write"
#define STEP_TMP "sandbox.private_tmp"
#define STEP_NETWORK "sandbox.no_network"
#define STEP_SECCOMP "sandbox.seccomp"

static const char *const all_tmp[SANDBOX_TMP_MAX] = { CONFIG_SANDBOX_TMP };

/* Files. */

/* Also in the child. */
static IN_CHILD int
add_rule(int ruleset_fd, int fd, uint64_t rights)
{
	const struct landlock_path_beneath_attr rule = { .allowed_access = rights,
		.parent_fd = fd };

	return (int)syscall(
	    SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* Return: 0, -errno. */
static int
allow(int ruleset_fd, const char *path, uint64_t rights)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		rights &= OF_FILES;
	return add_rule(ruleset_fd, fd, rights) < 0 ? -errno : 0;
}

static int
failed(struct sandbox_failure *failure, const char *step, const char *path, int r)
{
	*failure = (struct sandbox_failure){ step, path, -r };
	return r;
}

/* Return: its descriptor, -errno. */
static int
make_ruleset(void)
{
	const uint64_t handled = CAN_READ | CAN_WRITE;
	long r = syscall(
	    SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (r < 0)
		return -errno;
	if (r < LANDLOCK_ABI_TRUNCATE)
		return -EOPNOTSUPP;
	/* The first member of its struct, which is all that the oldest one had. */
	r = syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	return r < 0 ? -errno : (int)r;
}

static int
allow_all(int ruleset_fd, const char *const *paths, uint64_t rights, const char *step,
    struct sandbox_failure *failure)
{
	int r;

	for (; paths && *paths; paths++) {
		r = allow(ruleset_fd, *paths, rights);
		if (r < 0)
			return failed(failure, step, *paths, r);
	}
	return 0;
}

static int
prepare_files(struct sandbox *sandbox, const char *const *writable,
    struct sandbox_failure *failure)
{
	static const char *const everything[] = { "/", NULL };
	static const char *const devices[] = { "/dev/null", NULL };
	const struct config_sandbox *config = sandbox->config;
	const char *const *readable = (const char *const *)config->read_only;
	int fd, r;

	if (!config->read_only)
		return 0;
	fd = sandbox->ruleset_fd = make_ruleset();
	if (fd < 0)
		return failed(failure, STEP_READ_ONLY, NULL, fd);
	r = allow_all(fd, config->reads_all ? everything : readable, CAN_READ,
	    STEP_READ_ONLY, failure);
	if (r == 0)
		r = allow_all(fd, (const char *const *)config->write,
		    CAN_READ | CAN_WRITE, STEP_WRITE, failure);
	if (r == 0)
		r = allow_all(fd, devices, CAN_READ | CAN_WRITE, STEP_WRITE, failure);
	if (r == 0)
		r = allow_all(fd, writable, CAN_READ | CAN_WRITE, STEP_WRITE, failure);
	return r;
}

/* System calls. */

static int
prepare_filter(struct sandbox *sandbox, struct sandbox_failure *failure)
{
	const struct config_sandbox *config = sandbox->config;
	const uint32_t action = SECCOMP_RET_ERRNO;
	const char *step = config->seccomp ? STEP_SECCOMP : STEP_NETWORK;
	int n =
	    sandbox_filter_make(config->seccomp, config->no_network, sandbox->filter);

	if (n < 0)
		return failed(failure, step, NULL, n);
	sandbox->n_filter = (size_t)n;
	if (n > 0 && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return failed(failure, step, NULL, -errno);
	return 0;
}

/* Directories for temporary files. */

static int
prepare_tmp(struct sandbox *sandbox, const char *const *writable,
    struct sandbox_failure *failure)
{
	struct stat st;

	if (!sandbox->config->private_tmp)
		return 0;
	for (; *writable; writable++)
		if (config_sandbox_is_tmp(*writable))
			return failed(failure, STEP_TMP, *writable, -EBUSY);
	for (size_t i = 0; i < SANDBOX_TMP_MAX; i++)
		if (lstat(all_tmp[i], &st) == 0 && S_ISDIR(st.st_mode))
			sandbox->tmp[sandbox->n_tmp++] = all_tmp[i];
	sandbox->needs_user_namespace = geteuid() != 0;
	snprintf(sandbox->uid_map, sizeof(sandbox->uid_map), "%u %u 1", geteuid(),
	    geteuid());
	snprintf(sandbox->gid_map, sizeof(sandbox->gid_map), "%u %u 1", getegid(),
	    getegid());
	return 0;
}

int
sandbox_prepare(const struct config_sandbox *config, const char *const *writable,
    struct sandbox *ret_sandbox, struct sandbox_failure *ret_failure)
{
	int r;

	ret_sandbox->config = config;
	ret_sandbox->ruleset_fd = -1;
	ret_sandbox->n_filter = ret_sandbox->n_tmp = 0;
	ret_sandbox->needs_user_namespace = false;
	r = prepare_tmp(ret_sandbox, writable, ret_failure);
	if (r == 0)
		r = prepare_files(ret_sandbox, writable, ret_failure);
	if (r == 0)
		r = prepare_filter(ret_sandbox, ret_failure);
	if (r < 0)
		sandbox_release(ret_sandbox);
	return r;
}

void
sandbox_release(struct sandbox *sandbox)
{
	if (sandbox->ruleset_fd >= 0)
		close(sandbox->ruleset_fd);
	sandbox->ruleset_fd = -1;
}

/* In the child. */

static IN_CHILD int
write_to(const char *path, const char *text)
{
	size_t length = 0;
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -1;
	while (text[length])
		length++;
	r = write(fd, text, length) == (ssize_t)length ? 0 : -1;
	close(fd);
	return r;
}

/* We stay who we are; a group map can be written without privilege only by those who
 * gave up setgroups(2). */
static IN_CHILD int
enter_namespaces(const struct sandbox *sandbox)
{
	if (!sandbox->needs_user_namespace)
		return unshare(CLONE_NEWNS);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	if (write_to("/proc/self/setgroups", "deny") < 0 ||
	    write_to("/proc/self/gid_map", sandbox->gid_map) < 0)
		return -1;
	return write_to("/proc/self/uid_map", sandbox->uid_map);
}

/* Its inode is new, so the rule for it could not be made before. */
static IN_CHILD int
allow_tmp(const struct sandbox *sandbox, const char *path)
{
	int fd, r;

	if (sandbox->ruleset_fd < 0)
		return 0;
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = add_rule(sandbox->ruleset_fd, fd, CAN_READ | CAN_WRITE);
	close(fd);
	return r;
}

/* As a slave, so that what the machine mounts and unmounts later is seen here. */
static IN_CHILD int
mount_tmp(const struct sandbox *sandbox)
{
	if (sandbox->n_tmp == 0)
		return 0;
	if (enter_namespaces(sandbox) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -1;
	for (size_t i = 0; i < sandbox->n_tmp; i++)
		if (mount("tmpfs", sandbox->tmp[i], "tmpfs", MS_NOSUID | MS_NODEV,
			"mode=1777") < 0 ||
		    allow_tmp(sandbox, sandbox->tmp[i]) < 0)
			return -1;
	return 0;
}

static IN_CHILD int
restrict_files(const struct sandbox *sandbox)
{
	return sandbox->ruleset_fd < 0
		   ? 0
		   : (int)syscall(SYS_landlock_restrict_self, sandbox->ruleset_fd, 0);
}

IN_CHILD int
sandbox_enter(const struct sandbox *sandbox, const char **ret_step)
{
	*ret_step = STEP_TMP;
	if (mount_tmp(sandbox) < 0)
		return -1;
	*ret_step = "sandbox.no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	*ret_step = STEP_READ_ONLY;
	return restrict_files(sandbox);
}

IN_CHILD int
sandbox_filter_calls(const struct sandbox *sandbox, const char **ret_step)
{
	const struct sock_fprog program = { .len = (unsigned short)sandbox->n_filter,
		.filter = (struct sock_filter *)sandbox->filter };

	*ret_step = sandbox->config->seccomp ? STEP_SECCOMP : STEP_NETWORK;
	return program.len == 0
		   ? 0
		   : (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
