/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: which signals, timers and descriptors of our own it waits for, and
 * what each begins. What concerns one worker is in child.c, what concerns a client in
 * control.c.
 */
#include "supervisor/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "supervisor/child.h"
#include "supervisor/child_launch.h"
#include "supervisor/context.h"
#include "supervisor/fragment.h"
#include "supervisor/links.h"
#include "supervisor/orphans.h"
#include "supervisor/reload.h"

#define SWEEP_AFTER_NS                                                                 \
	(20 * NS_PER_MS)      /* many workers that end together cost one sweep */
#define SWEEP_REST 20	      /* times as long as a sweep takes we do something else */
#define SWEEP_MAX_NS NS_PER_S /* but the next one is never later than this */
#define GUARDIAN_AGAIN_S 1

/* What can come after the urgent: orphans, and the line that systemctl status shows. */

/* A sweep looks at every process of the machine. While a thousand workers are stopped
 * one by one there would be one every SWEEP_AFTER_NS, at a third of our time. */
static void
arm_sweep(struct supervisor *supervisor)
{
	int64_t after_ns = supervisor->sweep_ns * SWEEP_REST;
	struct timeval after;

	if (after_ns < SWEEP_AFTER_NS)
		after_ns = SWEEP_AFTER_NS;
	if (after_ns > SWEEP_MAX_NS)
		after_ns = SWEEP_MAX_NS;
	after = clock_timeval(after_ns);
	if (!evtimer_pending(supervisor->on_sweep, NULL))
		evtimer_add(supervisor->on_sweep, &after);
}

static void
count_up(struct node *node, void *data)
{
	*(unsigned *)data += child_is_alive((struct child *)node);
}

void
supervisor_tell(struct supervisor *supervisor, const char *what)
{
	unsigned up = 0;

	if (supervisor->notify.fd < 0)
		return;
	tree_each_worker(&supervisor->tree, count_up, &up);
	notify_send(&supervisor->notify, "%sSTATUS=%u workers up, %u restarts", what,
	    up, supervisor->restarts);
}

static void
on_sweep_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	int64_t begin_ns = clock_monotonic_ns();
	int killed;

	(void)fd, (void)what;
	killed = orphans_sweep(supervisor);
	supervisor->sweep_ns = clock_monotonic_ns() - begin_ns;
	supervisor_tell(supervisor, "");
	fragment_purge(supervisor, false);
	if (killed > 0)
		arm_sweep(supervisor);
	else if (supervisor->phase == SUPERVISOR_ENDED)
		event_base_loopbreak(supervisor->base);
}

void
supervisor_sweep_soon(struct supervisor *supervisor)
{
	if (supervisor->phase == SUPERVISOR_ENDED)
		event_active(supervisor->on_sweep, EV_READ, 0);
	else
		arm_sweep(supervisor);
}

/* Signals and watches. */

static void
on_stop_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)what;
	if (supervisor->phase == SUPERVISOR_STOPPING ||
	    supervisor->phase == SUPERVISOR_ENDED)
		return;
	supervisor->phase = SUPERVISOR_STOPPING;
	supervisor_say(supervisor, LOG_LEVEL_NOTICE, "supervisor.stop", "signal",
	    sigabbrev_np((int)signal_number));
	notify_send(&supervisor->notify, "STOPPING=1");
	tree_stop(&supervisor->tree);
}

bool
loop_has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Without a file there is nothing to reload; and SIGHUP has not lost its first meaning,
 * that the terminal from which we were started is gone. */
static void
on_hup_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;

	if (config_is_of_command(supervisor->config) ||
	    (supervisor->has_terminal && !loop_has_terminal()))
		on_stop_cb(signal_number, what, data);
	else
		reload_by_signal(supervisor);
}

static const int passed_signals[] = { SIGUSR1, SIGUSR2, SIGWINCH };

static void
pass_signal(struct node *node, void *data)
{
	struct child *child = (struct child *)node;

	if (child_is_alive(child))
		spawn_signal(child->process.pidfd, *(const int *)data);
}

/* To the command of `run -- COMMAND`. Several workers have no use for one signal, but
 * nor must it end us. */
static void
on_passed_cb(evutil_socket_t signal_number, short what, void *data)
{
	struct supervisor *supervisor = data;
	int number = (int)signal_number;

	(void)what;
	if (config_is_of_command(supervisor->config))
		tree_each_worker(&supervisor->tree, pass_signal, &number);
}

static int
watch_passed_signals(struct supervisor *supervisor)
{
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++) {
		struct event **event = &supervisor->on_passed[i];

		*event = evsignal_new(
		    supervisor->base, passed_signals[i], on_passed_cb, supervisor);
		if (!*event || event_add(*event, NULL) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void
on_sigchld_cb(evutil_socket_t fd, short what, void *data)
{
	struct signalfd_siginfo info;

	(void)what;
	/* One is pending at most, however many have ended. */
	(void)!read(fd, &info, sizeof(info));
	supervisor_sweep_soon(data);
}

/* Not a handler: it would run once for each end. */
static int
watch_sigchld(struct supervisor *supervisor)
{
	sigset_t sigchld;

	/* Ignored, as we may have inherited it, our children would reap themselves. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &sigchld, NULL) < 0)
		return -errno;
	supervisor->sigchld_fd = signalfd(-1, &sigchld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (supervisor->sigchld_fd < 0)
		return -errno;
	supervisor->on_sigchld = event_new(supervisor->base, supervisor->sigchld_fd,
	    EV_READ | EV_PERSIST, on_sigchld_cb, supervisor);
	if (!supervisor->on_sigchld)
		return -ENOMEM;
	event_add(supervisor->on_sigchld, NULL);
	return 0;
}

static void
on_watchdog_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;

	(void)fd, (void)what;
	notify_send(&supervisor->notify, "WATCHDOG=1");
}

static void on_guardian_cb(evutil_socket_t fd, short what, void *data);

/* The same event, as a timer. */
void
loop_try_guardian_again(struct supervisor *supervisor)
{
	const struct timeval after = { .tv_sec = GUARDIAN_AGAIN_S };

	supervisor->on_guardian =
	    evtimer_new(supervisor->base, on_guardian_cb, supervisor);
	if (supervisor->on_guardian)
		evtimer_add(supervisor->on_guardian, &after);
}

/* The first failure is told, and then the success. */
static void
on_guardian_cb(evutil_socket_t fd, short what, void *data)
{
	struct supervisor *supervisor = data;
	bool again = what & EV_TIMEOUT;
	int r;

	(void)fd;
	event_free(supervisor->on_guardian);
	supervisor->on_guardian = NULL;
	r = guardian_start(&supervisor->guardian);
	if (r == 0)
		r = loop_watch_guardian(supervisor);
	if (r == 0 || !again)
		supervisor_say(supervisor, LOG_LEVEL_WARNING, "guardian.restart",
		    "error", r < 0 ? strerror(-r) : NULL);
	if (r < 0)
		loop_try_guardian_again(supervisor);
}

int
loop_watch_guardian(struct supervisor *supervisor)
{
	int r;

	supervisor->on_guardian = event_new(supervisor->base,
	    supervisor->guardian.pidfd, EV_READ, on_guardian_cb, supervisor);
	if (!supervisor->on_guardian)
		return -ENOMEM;
	errno = ENOMEM;
	r = event_add(supervisor->on_guardian, NULL) < 0 ? -errno : 0;
	if (r == 0)
		return 0;
	event_free(supervisor->on_guardian);
	supervisor->on_guardian = NULL;
	return r;
}

/* Whoever adds an event says what came of it; libevent's own words would stand between
 * the events of our log. */
static void
on_libevent_message(int severity, const char *message)
{
	(void)severity, (void)message;
}

int
loop_open(struct supervisor *supervisor)
{
	struct event_base *base = event_base_new();
	struct timeval period = clock_timeval(supervisor->notify.watchdog_ns);
	int r;

	event_set_log_callback(on_libevent_message);
	supervisor->base = base;
	if (!base || event_base_priority_init(base, SUPERVISOR_PRIORITIES) < 0)
		return -ENOMEM;
	supervisor->on_term = evsignal_new(base, SIGTERM, on_stop_cb, supervisor);
	supervisor->on_int = evsignal_new(base, SIGINT, on_stop_cb, supervisor);
	supervisor->on_hup = evsignal_new(base, SIGHUP, on_hup_cb, supervisor);
	supervisor->on_quit = evsignal_new(base, SIGQUIT, on_stop_cb, supervisor);
	supervisor->on_sweep = evtimer_new(base, on_sweep_cb, supervisor);
	supervisor->on_watchdog =
	    event_new(base, -1, EV_PERSIST, on_watchdog_cb, supervisor);
	if (!supervisor->on_term || !supervisor->on_int || !supervisor->on_hup ||
	    !supervisor->on_quit || !supervisor->on_sweep || !supervisor->on_watchdog)
		return -ENOMEM;
	event_priority_set(supervisor->on_sweep, SUPERVISOR_PRIORITY_LATER);
	event_add(supervisor->on_term, NULL);
	event_add(supervisor->on_int, NULL);
	event_add(supervisor->on_hup, NULL);
	event_add(supervisor->on_quit, NULL);
	if (supervisor->notify.watchdog_ns > 0)
		event_add(supervisor->on_watchdog, &period);
	r = links_new(supervisor, &supervisor->links);
	if (r == 0)
		r = child_launch_init(supervisor);
	if (r == 0)
		r = watch_sigchld(supervisor);
	if (r == 0)
		r = watch_passed_signals(supervisor);
	spawn_altered_signals(&supervisor->altered);
	return r;
}

void
loop_close(struct supervisor *supervisor)
{
	struct event *events[] = { supervisor->on_term, supervisor->on_int,
		supervisor->on_hup, supervisor->on_quit, supervisor->on_passed[0],
		supervisor->on_passed[1], supervisor->on_passed[2],
		supervisor->on_sigchld, supervisor->on_sweep, supervisor->on_watchdog,
		supervisor->on_guardian };

	/* From here on our end is decided; a stop that comes now must not change how.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	child_launch_deinit(supervisor);
	supervisor->links = links_free(supervisor->links);
	closep(&supervisor->sigchld_fd);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++)
		(void)signal(passed_signals[i], SIG_IGN);
	if (supervisor->base)
		event_base_free(supervisor->base);
}
