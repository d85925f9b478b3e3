/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a worker: what of them only this machine can tell to be right. Users
 * and groups become numbers here, once, because the supervisor must not wait for a
 * directory service when it restarts a worker. Setting the limits is its business.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config_tree.h"
#include "common/record.h"

#define GROUPS_MAX 65536 /* the kernel's own bound */

static const char *const own_variables[] = { "TRADESUP_FD", "TRADESUP_WORKER",
	"TRADESUP_LIFE", "TRADESUP_RUN", "TRADESUP_STATE_DIR", "TRADESUP_CGROUP",
	"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" };

bool
config_is_own_variable(const char *assignment)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_variables); i++) {
		size_t length = strlen(own_variables[i]);

		if (strncmp(assignment, own_variables[i], length) == 0 &&
		    assignment[length] == '=')
			return true;
	}
	return false;
}

struct config_limits *
config_limits_new(void)
{
	struct config_limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return NULL;
	limits->nice = limits->umask = CONFIG_UNSET;
	limits->uid = (uid_t)-1;
	limits->gid = (gid_t)-1;
	return limits;
}

void
config_limits_free(struct config_limits *limits)
{
	if (!limits)
		return;
	free(limits->groups);
	free(limits);
}

struct check {
	struct config_reader *reader;
	const struct config_place *place;
	const struct syntax_entry *section;
	struct config_limits *limits;
};

static void
report(const struct check *check, const char *key, const char *text, const char *what)
{
	char quoted[64];

	json_escape(text, strnlen(text, 40), quoted, sizeof(quoted));
	config_report(check->reader, check->place, config_line(check->section, key),
	    key, "\"%s\" %s", quoted, what);
}

static void
check_cpu_quota(const struct check *check)
{
	long max = 100 * sysconf(_SC_NPROCESSORS_CONF);

	if (max > 0 && check->limits->cpu_quota > max)
		config_report(check->reader, check->place,
		    config_line(check->section, "cpu_quota"), "cpu_quota",
		    "is more than this machine has: %ld%%", max);
}

static void
check_environment(const struct check *check)
{
	char **entry = check->limits->environment;

	for (; entry && *entry; entry++) {
		if (!strchr(*entry, '=') || **entry == '=')
			report(check, "environment", *entry, "is not NAME=VALUE");
		else if (config_is_own_variable(*entry))
			report(check, "environment", *entry,
			    "is set by the supervisor itself");
	}
}

static bool
is_number(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length < 10 && strspn(text, "0123456789") == length;
}

static void
report_unknown(const struct check *check, const char *key, const char *name)
{
	if (errno == 0 || errno == ENOENT || errno == ESRCH)
		report(check, key, name, "is not known on this machine");
	else
		report(check, key, name, strerror(errno));
}

static const struct passwd *
find_user(const struct check *check, const char *name)
{
	const struct passwd *user;

	errno = 0;
	user = is_number(name) ? getpwuid((uid_t)atol(name)) : getpwnam(name);
	if (!user)
		report_unknown(check, "user", name);
	return user;
}

static const struct group *
find_group(const struct check *check, const char *key, const char *name)
{
	const struct group *group;

	errno = 0;
	group = is_number(name) ? getgrgid((gid_t)atol(name)) : getgrnam(name);
	if (!group)
		report_unknown(check, key, name);
	return group;
}

/* Fills in all the groups that @user has beside @limits->gid, and that one. */
static int
list_groups(const char *user, struct config_limits *limits)
{
	int n = 16;

	for (;;) {
		gid_t *groups =
		    reallocarray(limits->groups, (size_t)n, sizeof(*groups));
		int had = n;

		if (!groups)
			return -ENOMEM;
		limits->groups = groups;
		if (getgrouplist(user, limits->gid, groups, &n) >= 0) {
			limits->n_groups = (size_t)n;
			return 0;
		}
		if (n <= had || n > GROUPS_MAX)
			return -E2BIG;
	}
}

static int
list_one_group(struct config_limits *limits)
{
	limits->groups = malloc(sizeof(*limits->groups));
	if (!limits->groups)
		return -ENOMEM;
	limits->groups[0] = limits->gid;
	limits->n_groups = 1;
	return 0;
}

/* A group alone takes the place of all that we are in, too. */
static void
find_identity(const struct check *check)
{
	struct config_limits *limits = check->limits;
	const struct passwd *user =
	    limits->user ? find_user(check, limits->user) : NULL;
	const struct group *group =
	    limits->group ? find_group(check, "group", limits->group) : NULL;
	int r;

	if ((limits->user && !user) || (limits->group && !group))
		return;
	if (!user && !group)
		return;
	if (user)
		limits->uid = user->pw_uid;
	limits->gid = group ? group->gr_gid : user->pw_gid;
	r = user ? list_groups(user->pw_name, limits) : list_one_group(limits);
	if (r == -ENOMEM)
		check->reader->errors.out_of_memory = true;
	else if (r < 0)
		report(check, "user", limits->user, "is in too many groups");
}

gid_t
config_limits_group(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, const char *key, const char *name)
{
	const struct check check = { reader, place, section, NULL };
	const struct group *group = find_group(&check, key, name);

	return group ? group->gr_gid : (gid_t)-1;
}

void
config_limits_check(struct config_reader *reader, const struct config_place *place,
    const struct syntax_entry *section, struct config_limits *limits)
{
	const struct check check = { reader, place, section, limits };

	check_cpu_quota(&check);
	check_environment(&check);
	find_identity(&check);
}
