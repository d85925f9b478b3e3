/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old side of an upgrade: the trial, the wait, the exec. What is in the state is in
 * handover.c and its kin; how the new side takes it, in takeover.c.
 */
#include "supervisor/upgrade.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "supervisor/aftermath.h"
#include "supervisor/child.h"
#include "supervisor/client.h"
#include "supervisor/context.h"
#include "supervisor/handover.h"
#include "supervisor/rest.h"
#include "supervisor/takeover.h"
#include "supervisor/upgrade_exec.h"

#define TRIAL_S 20		/* then it hangs */
#define REST_NS (20 * NS_PER_S) /* that long we wait until all is at rest */
#define LOOK_AGAIN_MS 5		/* between two looks whether it is */

struct upgrade {
	struct supervisor *supervisor;
	struct tree_request *asked;
	char *program;
	char to[64];		    /* its version; "": not known yet */
	unsigned version;	    /* of the state */
	int64_t rest_ns;	    /* since when it waits for that */
	const struct config *tried; /* what the trial was given; NULL: none was yet */
	struct spawned trial;	    /* pidfd -1: none */
	bool late;
	int output_fd; /* what it says */
	struct event *on_trial, *on_look;
};

bool
upgrade_has(const struct supervisor *supervisor, pid_t pid)
{
	const struct upgrade *upgrade = supervisor->upgrade;

	return upgrade && upgrade->trial.pidfd >= 0 && upgrade->trial.pid == pid;
}

/* The outcome. */

struct upgrade *
upgrade_free(struct upgrade *upgrade)
{
	if (!upgrade)
		return NULL;
	if (upgrade->trial.pidfd >= 0)
		spawn_discard(&upgrade->trial);
	if (upgrade->on_trial)
		event_free(upgrade->on_trial);
	if (upgrade->on_look)
		event_free(upgrade->on_look);
	closep(&upgrade->output_fd);
	free(upgrade->program);
	free(upgrade);
	return NULL;
}

static void
report_refused(
    struct supervisor *supervisor, const char *program, const char *to, const char *why)
{
	struct record record;

	record_init(&record, "supervisor.upgrade");
	record_text(&record, "outcome", "refused");
	record_text(&record, "from", TRADESUP_VERSION);
	record_text(&record, "to", to);
	record_text(&record, "program", program);
	record_text(&record, "why", why);
	event_log_emit(&supervisor->events, LOG_LEVEL_ERROR, &record);
}

void
upgrade_came_back(struct supervisor *supervisor, const char *why)
{
	report_refused(supervisor, NULL, NULL, why);
	client_finished(supervisor->upgraded_for, EXIT_OSERR, why);
	supervisor->upgraded_for = NULL;
}

static void __attribute__((format(printf, 2, 3)))
give_up(struct upgrade *upgrade, const char *format, ...)
{
	struct supervisor *supervisor = upgrade->supervisor;
	char why[ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	report_refused(
	    supervisor, upgrade->program, upgrade->to[0] ? upgrade->to : NULL, why);
	client_finished(upgrade->asked, EXIT_OSERR, why);
	supervisor->upgrade = upgrade_free(upgrade);
}

void
upgrade_done(struct supervisor *supervisor, const char *from)
{
	int64_t pause_ms = (clock_monotonic_ns() - supervisor->upgrade_ns) / NS_PER_MS;
	struct client *client =
	    supervisor->upgraded_for ? client_of(supervisor->upgraded_for) : NULL;
	struct record record;

	record_init(&record, "supervisor.upgrade");
	record_text(&record, "outcome", "success");
	record_text(&record, "from", from);
	record_text(&record, "to", TRADESUP_VERSION);
	record_text(&record, "program", supervisor->program);
	record_int(&record, "pause_ms", pause_ms);
	event_log_emit(&supervisor->events, LOG_LEVEL_NOTICE, &record);
	if (client) {
		record_init(&record, "upgraded");
		record_text(&record, "from", from);
		record_text(&record, "to", TRADESUP_VERSION);
		record_int(&record, "pause_ms", pause_ms);
		client_row(client, &record);
	}
	client_finished(supervisor->upgraded_for, EXIT_OK, NULL);
	supervisor->upgraded_for = NULL;
}

/* The exec. */

static void
tell_begin(struct supervisor *supervisor)
{
	notify_send(&supervisor->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)(clock_monotonic_ns() / 1000));
	if (supervisor->notify.watchdog_ns > 0)
		notify_send(&supervisor->notify, "WATCHDOG=1");
}

static void
hand_over(struct upgrade *upgrade)
{
	struct supervisor *supervisor = upgrade->supervisor;
	_cleanup_(handover_writer_deinit) struct handover_writer writer;
	_cleanup_close_ int fd = -1;
	int r;

	aftermath_flush(supervisor->aftermath);
	tell_begin(supervisor);
	supervisor->upgrade_ns = clock_monotonic_ns();
	handover_writer_init(&writer, upgrade->version);
	fd = upgrade_write_state(supervisor, &writer);
	r = fd < 0 ? fd : upgrade_become(supervisor, upgrade->program, &writer, fd);
	supervisor_tell(supervisor, "READY=1\n");
	give_up(upgrade, "%s: %s", upgrade->program, strerror(-r));
}

/* The wait. */

static void
look_again(struct upgrade *upgrade)
{
	const struct timeval after = { .tv_usec = LOOK_AGAIN_MS * 1000 };

	evtimer_add(upgrade->on_look, &after);
}

static void try_program(struct upgrade *upgrade);

static void
on_look_cb(evutil_socket_t fd, short what, void *data)
{
	struct upgrade *upgrade = data;
	struct supervisor *supervisor = upgrade->supervisor;
	char why[REST_TEXT_MAX];

	(void)fd, (void)what;
	if (supervisor->phase != SUPERVISOR_RUNNING)
		give_up(upgrade, "the supervisor is being stopped");
	else if (rest_is_at_rest(supervisor, upgrade->version > 1, why) &&
		 upgrade->tried == supervisor->config)
		hand_over(upgrade);
	else if (why[0] == '\0')
		try_program(upgrade);
	else if (clock_monotonic_ns() - upgrade->rest_ns > REST_NS)
		give_up(upgrade, "it does not come to rest: %s", why);
	else
		look_again(upgrade);
}

static void
wait_for_rest(struct upgrade *upgrade)
{
	upgrade->rest_ns = clock_monotonic_ns();
	on_look_cb(-1, 0, upgrade);
}

/* The trial. */

/* The last line, which says why not. */
static const char *
last_line(char *said)
{
	size_t length = strlen(said);
	char *line;

	while (length > 0 && said[length - 1] == '\n')
		said[--length] = '\0';
	line = strrchr(said, '\n');
	return line ? line + 1 : said;
}

static void
said_no(struct upgrade *upgrade, const struct exit_reason *reason, char *said)
{
	const char *line = last_line(said);

	if (upgrade->late)
		give_up(upgrade, "%s: it did not answer in %d s", upgrade->program,
		    TRIAL_S);
	else if (line[0])
		give_up(upgrade, "%s: %.300s", upgrade->program, line);
	else if (reason->signal)
		give_up(upgrade, "%s: it was killed by SIG%s", upgrade->program,
		    sigabbrev_np(reason->signal));
	else
		give_up(upgrade,
		    "%s: it cannot take over a supervisor (exit status %d)",
		    upgrade->program, reason->status);
}

static bool
said_yes(struct upgrade *upgrade, const struct exit_reason *reason, const char *said)
{
	const char *yes = strstr(said, TAKEOVER_YES);

	if (upgrade->late || !exit_is_normal(reason) || !yes)
		return false;
	yes += strlen(TAKEOVER_YES);
	snprintf(
	    upgrade->to, sizeof(upgrade->to), "%.*s", (int)strcspn(yes, "\n"), yes);
	return true;
}

static void
trial_ended(struct upgrade *upgrade, const struct exit_reason *reason)
{
	char said[4096];
	ssize_t n = read(upgrade->output_fd, said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = '\0';
	close(upgrade->output_fd);
	upgrade->output_fd = -1;
	if (said_yes(upgrade, reason, said)) {
		wait_for_rest(upgrade);
		return;
	}
	/* It is an older one: then our state in an older form. */
	if (!upgrade->late && reason->status == TAKEOVER_EXIT_VERSION &&
	    upgrade->version > handover_oldest()) {
		upgrade->version--;
		upgrade->tried = NULL;
		wait_for_rest(upgrade);
		return;
	}
	said_no(upgrade, reason, said);
}

static void
on_trial_cb(evutil_socket_t fd, short what, void *data)
{
	struct upgrade *upgrade = data;
	struct exit_reason reason;

	(void)fd;
	if (what & EV_TIMEOUT) {
		upgrade->late = true;
		spawn_signal(upgrade->trial.pidfd, SIGKILL);
		event_add(upgrade->on_trial, NULL);
		return;
	}
	spawn_kill_group(upgrade->trial.pid);
	if (spawn_reap(&upgrade->trial, &reason) != 0) {
		event_add(upgrade->on_trial, NULL);
		return;
	}
	event_free(upgrade->on_trial);
	upgrade->on_trial = NULL;
	close(upgrade->trial.pidfd);
	upgrade->trial.pidfd = -1;
	trial_ended(upgrade, &reason);
}

static int
watch_trial(struct upgrade *upgrade)
{
	const struct timeval deadline = { .tv_sec = TRIAL_S };

	upgrade->on_trial = event_new(upgrade->supervisor->base, upgrade->trial.pidfd,
	    EV_READ, on_trial_cb, upgrade);
	if (!upgrade->on_trial || event_add(upgrade->on_trial, &deadline) < 0)
		return -ENOMEM;
	return 0;
}

/* Return: 0; -errno; the reason of a failed start is an errno, too. */
static int
start_trial(struct upgrade *upgrade, int state_fd, int output_fd)
{
	_cleanup_free_ char *text = NULL;
	char **words = upgrade_command_line(&text);
	struct upgrade_environ own = { NULL };
	struct spawn_failure failure;
	char how[UPGRADE_HOW_MAX];
	int r;

	if (!words)
		return -errno;
	words[0] = upgrade->program;
	snprintf(how, sizeof(how), "trial:%d", SPAWN_LINK_FD);
	r = upgrade_environ(NULL, how, &own);
	if (r == 0 && spawn_start(&(struct spawn_request){ .argv = words,
				      .environ = own.list,
				      .slots = &upgrade->supervisor->slots,
				      .link_fd = state_fd,
				      .output_fd = output_fd },
			  &upgrade->trial, &failure) != 0) {
		upgrade->trial.pidfd = -1;
		r = -failure.error;
	}
	free(own.list);
	free(words);
	return r;
}

static int
begin_trial(struct upgrade *upgrade)
{
	_cleanup_(handover_writer_deinit) struct handover_writer writer;
	_cleanup_close_ int state_fd = -1, ours = -1, theirs = -1;
	int pipe_fds[2], r;

	handover_writer_init(&writer, upgrade->version);
	state_fd = upgrade_write_state(upgrade->supervisor, &writer);
	if (state_fd < 0)
		return state_fd;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	ours = pipe_fds[0];
	theirs = pipe_fds[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	r = start_trial(upgrade, state_fd, theirs);
	if (r < 0)
		return r;
	upgrade->output_fd = steal_fd(&ours);
	return watch_trial(upgrade);
}

static void
try_program(struct upgrade *upgrade)
{
	int r;

	upgrade->tried = upgrade->supervisor->config;
	r = begin_trial(upgrade);
	if (r < 0)
		give_up(upgrade, "%s: %s", upgrade->program, strerror(-r));
}

/* The beginning. */

static struct upgrade *
upgrade_new(struct supervisor *supervisor, const char *program)
{
	struct upgrade *upgrade = calloc(1, sizeof(*upgrade));

	if (!upgrade)
		return NULL;
	upgrade->supervisor = supervisor;
	upgrade->trial.pidfd = upgrade->output_fd = -1;
	upgrade->version = handover_version();
	upgrade->on_look = evtimer_new(supervisor->base, on_look_cb, upgrade);
	program = program ? program : supervisor->program;
	upgrade->program = program ? strdup(program) : NULL;
	return upgrade->on_look && upgrade->program ? upgrade : upgrade_free(upgrade);
}

void
upgrade_begin(struct supervisor *supervisor, struct client *client, const char *program)
{
	struct upgrade *upgrade;

	if (supervisor->upgrade) {
		client_error(client, EXIT_OSERR, "an upgrade is going on already");
		return;
	}
	if (program && program[0] != '/') {
		client_error(client, EXIT_USAGE, "%s: no absolute path", program);
		return;
	}
	upgrade = upgrade_new(supervisor, program);
	if (upgrade)
		upgrade->asked = client_expect(client);
	if (!upgrade || !upgrade->asked) {
		upgrade_free(upgrade);
		client_error(client, EXIT_OSERR, "%s", strerror(ENOMEM));
		return;
	}
	supervisor->upgrade = upgrade;
	wait_for_rest(upgrade);
}
