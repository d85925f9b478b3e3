/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses paths from the environment and joins them. Apart from path_mkdirs() it
 * creates nothing, and it checks existence only where the choice depends on it.
 */
#include "common/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#define NAME_MAX_BYTES 64

char *
path_join(const char *a, const char *b)
{
	char *joined;
	size_t length = strlen(a);

	if (b[0] == '/' || length == 0)
		return strdup(b);
	if (asprintf(&joined, "%s%s%s", a, a[length - 1] == '/' ? "" : "/", b) < 0)
		return NULL;
	return joined;
}

bool
path_is_safe_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t length = strspn(name, allowed);

	return length > 0 && length <= NAME_MAX_BYTES && name[length] == '\0' &&
	       name[0] != '.' && name[0] != '-';
}

/* A variable that holds an absolute path; the XDG specification ignores any other. */
static const char *
absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* NULL for root, who has the system's directories, and for whoever has no home. */
static const char *
user_home(void)
{
	return geteuid() == 0 ? NULL : absolute_env("HOME");
}

/* The first of systemd's colon-separated directories. NULL: not set, or no memory. */
static char *
first_of_env(const char *name)
{
	const char *value = absolute_env(name);

	return value ? strndup(value, strcspn(value, ":")) : NULL;
}

char *
path_config(void)
{
	static const char file[] = "tradesup/tradesup.conf";
	const char *xdg = absolute_env("XDG_CONFIG_HOME"), *home = user_home();
	_cleanup_free_ char *base = NULL, *path = NULL;

	if (xdg)
		base = strdup(xdg);
	else if (home)
		base = path_join(home, ".config");
	if (base) {
		path = path_join(base, file);
		if (path && access(path, F_OK) == 0)
			return steal(&path);
	}
	return strdup("/etc/tradesup/tradesup.conf");
}

char *
path_state(const char *configured)
{
	const char *xdg = absolute_env("XDG_STATE_HOME"), *home = user_home();

	if (configured)
		return strdup(configured);
	if (absolute_env("STATE_DIRECTORY"))
		return first_of_env("STATE_DIRECTORY");
	if (xdg)
		return path_join(xdg, "tradesup");
	if (home)
		return path_join(home, ".local/state/tradesup");
	return strdup("/var/lib/tradesup");
}

char *
path_runtime(const char *configured)
{
	const char *xdg = absolute_env("XDG_RUNTIME_DIR");
	char *path;

	if (configured)
		return strdup(configured);
	if (absolute_env("RUNTIME_DIRECTORY"))
		return first_of_env("RUNTIME_DIRECTORY");
	if (xdg)
		return path_join(xdg, "tradesup");
	if (geteuid() == 0)
		return strdup("/run/tradesup");
	if (asprintf(&path, "/tmp/tradesup-%u", geteuid()) < 0)
		return NULL;
	return path;
}

static int
make_directory(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	/* Other errors first say that it is there: EROFS, EACCES on a mount point. */
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return -errno;
}

int
path_mkdirs(const char *path, mode_t mode)
{
	_cleanup_free_ char *part = strdup(path);
	int r;

	if (!part)
		return -ENOMEM;
	for (char *p = part + 1; part[0] && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = make_directory(part, mode);
		if (r < 0)
			return r;
		*p = '/';
	}
	return make_directory(path, mode);
}

/* "@directory of the running program/@name"; NULL when /proc does not say. */
static char *
beside_this_program(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	slash[1] = '\0';
	return path_join(self, name);
}

char *
path_program(const char *env, const char *name)
{
	const char *chosen = getenv(env);
	_cleanup_free_ char *beside = NULL;

	if (chosen && *chosen)
		return strdup(chosen);
	beside = beside_this_program(name);
	if (beside && access(beside, X_OK) == 0)
		return steal(&beside);
	return path_join(TRADESUP_LIBEXECDIR, name);
}
