/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: one thread, no wait longer than a second. The order in it is what makes the
 * queue's promise hold: the rules decide, the message is queued, the memory is saved,
 * and only then is anything sent. While the memory cannot be saved, nothing is sent.
 */
#include "supervisor/control.h"
#include "worker/notify/notify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/paths.h"
#include "common/statefile.h"
#include "worker/client/tradesup.h"
#include "worker/notify/deliver.h"
#include "worker/notify/follow.h"
#include "worker/notify/memory.h"
#include "worker/notify/place.h"
#include "worker/notify/queue.h"
#include "worker/notify/retry.h"

#define TICK_NS NS_PER_S
#define CONNECT_AGAIN_NS (NS_PER_S / 2)
#define STATUS_EVERY_NS (2 * NS_PER_S)
#define LINGER_NS (2 * NS_PER_S)       /* within the default of shutdown */
#define LINGER_LEAST_NS (NS_PER_S / 4) /* for events that are on their way */
#define SAVE_AGAIN_NS NS_PER_S
#define EVENTS_REQUEST "events lines=256 follow=yes\n"
#define STATUS_REQUEST "metrics\n" /* the rows of status, and more in them */

struct attempt {
	unsigned failures; /* in a row */
	int64_t retry_ns;  /* monotonic */
	char why[160];
};

struct notify {
	const char *path;
	struct config *config;
	struct place place;
	int lock_fd;
	struct tradesup *link;
	struct rules rules;
	struct seen seen;
	struct queue queue;
	struct deliver *deliver;
	struct attempt attempts[ALERT_TARGETS_MAX];
	struct follow events, status;
	char host[65];
	int64_t connect_ns, status_ns, tick_ns, ping_ns, save_ns; /* monotonic: next */
	int64_t cycle;
	bool changed;	   /* the memory differs from its file */
	bool durable;	   /* and that must be synced before anything is sent */
	bool save_failed;  /* told once */
	bool queue_failed; /* the same */
	bool reload;
	bool missed;	/* we were too slow for some events */
	char told[256]; /* as status */
};

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	(void)number;
	stopped = 1;
}

void
notify_tell(const char *format, ...)
{
	char text[1024], line[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_escape(text, strlen(text), line, sizeof(line));
	fprintf(stderr, "tradesup-notify: %s\n", line);
}

static const struct config_alerts *
alerts_of(const struct notify *notify)
{
	return notify->config->alerts;
}

static uint32_t
random_number(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (uint32_t)clock_monotonic_ns();
	return number;
}

/* The memory. */

/* Sequences go on behind all that were ever given: by the clock, and the queue. */
static uint64_t
first_sequence(const struct notify *notify)
{
	uint64_t now = (uint64_t)(clock_realtime_ns() / NS_PER_MS);
	uint64_t last = queue_last_sequence(&notify->queue);

	return last >= now ? last + 1 : now;
}

static int
reset_rules(struct notify *notify)
{
	rules_deinit(&notify->rules);
	memset(&notify->seen, 0, sizeof(notify->seen));
	return rules_init(&notify->rules, alerts_of(notify), first_sequence(notify));
}

static int
load_memory(struct notify *notify)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = reset_rules(notify);

	if (r < 0)
		return r;
	r = statefile_read(notify->place.memory, &text, &length);
	if (r == 0)
		r = memory_read(text, &notify->rules, &notify->seen);
	if (r == -EBADMSG || r == -EFBIG) {
		notify_tell("%s is corrupt, and is set aside", notify->place.memory);
		r = statefile_set_aside(notify->place.memory, NULL);
		if (r == 0)
			r = reset_rules(notify);
	}
	return r == -ENOENT ? 0 : r;
}

static void
save_memory(struct notify *notify, int64_t now_ns)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r = -ENOMEM;

	if (!notify->changed || (now_ns < notify->save_ns && !notify->durable) ||
	    (now_ns < notify->save_ns && notify->save_failed))
		return;
	text = malloc(MEMORY_MAX);
	if (text) {
		length = memory_write(&notify->rules, &notify->seen, text, MEMORY_MAX);
		r = statefile_write(
		    notify->place.memory, text, length, notify->durable);
	}
	if (r < 0 && !notify->save_failed)
		notify_tell("%s cannot be written, and nothing is sent: %s",
		    notify->place.memory, strerror(-r));
	notify->save_failed = r < 0;
	notify->save_ns = now_ns + SAVE_AGAIN_NS;
	if (r == 0)
		notify->changed = notify->durable = false;
}

/* Events. */

static void
on_event(char *line, void *data)
{
	struct notify *notify = data;
	struct rules_signal signal;
	struct record event;

	/* Those are not repeated after a reconnect, and can be very many. */
	if (strncmp(line, "worker.output ", strlen("worker.output ")) == 0 ||
	    seen_is_repeat(&notify->seen, line))
		return;
	notify->changed = true;
	if (record_parse(line, &event) < 0)
		return;
	if (event.event && strcmp(event.event, CONTROL_LOST) == 0) {
		notify->missed = true;
		return;
	}
	if (rules_read(&event, &signal)) {
		rules_signal(&notify->rules, &signal, clock_realtime_ns());
		return;
	}
	if (event.event &&
	    strcmp(event.event, "supervisor"
				".reload") == 0 &&
	    !record_get(&event, "refused"))
		notify->reload = true;
}

static int64_t
ms_of(const struct record *row, const char *key)
{
	const char *text = record_get(row, key);

	return text ? strtoll(text, NULL, 10) : -1;
}

/* How long it is since a worker has had a good cycle; of one that counts none, since it
 * has begun one, and of one that had none but bad ones, since it runs. */
static int64_t
silence_ns(const struct record *row)
{
	int64_t begun_ms = ms_of(row, "cycle_age_ms");
	int64_t good_ms = ms_of(row, "good_cycle_age_ms");

	if (ms_of(row, "cycles_good") == 0)
		good_ms = ms_of(row, "up_ms");
	return (good_ms > begun_ms ? good_ms : begun_ms) * NS_PER_MS;
}

/* A row of status: how long it is since a worker has done what it is there for. */
static void
on_status(char *line, void *data)
{
	struct notify *notify = data;
	struct rules_signal signal = { .when = ALERT_SILENT };
	const char *worker, *age, *state, *phase;
	struct record row;

	if (record_parse(line, &row) < 0 || !row.event ||
	    strcmp(row.event, "worker") != 0)
		return;
	worker = record_get(&row, "name");
	age = record_get(&row, "cycle_age_ms");
	state = record_get(&row, "state");
	phase = record_get(&row, "phase");
	if (!worker || strlen(worker) >= sizeof(signal.worker))
		return;
	strcpy(signal.worker, worker);
	signal.time_ns = clock_realtime_ns();
	/* One that begins no cycle has none to be silent about; one that is being
	 * restarted is as silent as it was. */
	if (!age &&
	    (!state || (strcmp(state, "down") != 0 && strcmp(state, "ended") != 0)))
		return;
	if (age)
		signal.time_ns -= silence_ns(&row);
	snprintf(signal.text, sizeof(signal.text), "worker=%s state=%s phase=%s",
	    worker, state ? state : "", phase ? phase : "");
	signal.clears = !age;
	rules_alive(&notify->rules, &signal, clock_realtime_ns());
}

static bool
wants_status(const struct notify *notify)
{
	const struct config_alerts *alerts = alerts_of(notify);

	for (size_t i = 0; i < alerts->n_alerts; i++)
		if (alerts->alerts[i].when == ALERT_SILENT)
			return true;
	return false;
}

static void
follow(struct notify *notify, int64_t now_ns)
{
	if (notify->events.fd < 0 && now_ns >= notify->connect_ns) {
		notify->connect_ns = now_ns + CONNECT_AGAIN_NS;
		if (follow_open(
			&notify->events, notify->place.control, EVENTS_REQUEST) == 0)
			seen_connect(&notify->seen);
	}
	if (notify->events.fd >= 0)
		(void)follow_read(&notify->events, on_event, notify);
	/* The supervisor may still remember what we have missed. */
	if (notify->missed)
		follow_close(&notify->events);
	notify->missed = false;
	if (now_ns >= notify->status_ns && wants_status(notify)) {
		notify->status_ns = now_ns + STATUS_EVERY_NS;
		(void)follow_open(
		    &notify->status, notify->place.control, STATUS_REQUEST);
	}
	if (notify->status.fd >= 0)
		(void)follow_read(&notify->status, on_status, notify);
}

/* Acknowledgements. */

static void
take_ack(struct notify *notify, const char *alert)
{
	_cleanup_free_ char *path = path_join(notify->place.ack, alert);

	if (rules_ack(&notify->rules, alert) > 0)
		notify->changed = notify->durable = true;
	if (path && unlink(path) < 0)
		notify_tell("%s: %s", path, strerror(errno));
}

static void
take_acks(struct notify *notify)
{
	DIR *directory = opendir(notify->place.ack);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (path_is_safe_name(entry->d_name))
			take_ack(notify, entry->d_name);
	if (directory)
		closedir(directory);
}

/* Messages. */

static int
on_message(const struct rules_message *message, void *data)
{
	struct notify *notify = data;
	const char *target = alerts_of(notify)->targets[message->target].name;
	char text[QUEUE_TEXT_MAX];
	struct letter letter;
	size_t length;
	int r;

	letter_of(message, target, notify->host, &letter);
	length = letter_write(&letter, text, sizeof(text) - 1);
	r = queue_put(&notify->queue, target, message->sequence, text, length);
	if (r < 0 && !notify->queue_failed)
		notify_tell("target %s: a message cannot be queued, and waits: %s",
		    target, r == -ENOSPC ? "the queue is full" : strerror(-r));
	notify->queue_failed = r < 0;
	return r;
}

static void
tick(struct notify *notify, int64_t now_ns)
{
	struct rules_now now = { .ns = clock_realtime_ns() };
	time_t seconds = (time_t)(now.ns / NS_PER_S);
	struct tm tm;

	if (now_ns < notify->tick_ns)
		return;
	notify->tick_ns = now_ns + TICK_NS / 4;
	take_acks(notify);
	localtime_r(&seconds, &tm);
	now.minute = tm.tm_hour * 60 + tm.tm_min;
	if (rules_tick(&notify->rules, now, on_message, notify) > 0)
		notify->changed = notify->durable = true;
}

static void
failed(struct notify *notify, size_t target, const char *why, int64_t after_ns)
{
	struct attempt *attempt = &notify->attempts[target];
	int64_t delay_ns = retry_delay_ns(++attempt->failures, random_number());

	if (delay_ns < after_ns)
		delay_ns = after_ns;
	attempt->retry_ns = clock_monotonic_ns() + delay_ns;
	snprintf(attempt->why, sizeof(attempt->why), "%s", why);
	notify_tell("target %s: %s; the next attempt is in %" PRId64 " ms",
	    alerts_of(notify)->targets[target].name, why, delay_ns / NS_PER_MS);
}

static void
drop(struct notify *notify, struct queue_item *item, const char *why)
{
	notify_tell("target %s: message %" PRIu64 " is given up: %s", item->target,
	    item->sequence, why);
	(void)queue_remove(&notify->queue, item);
}

/* Return: 0; -errno, then it was given up or has to wait. */
static int
load_letter(struct notify *notify, struct queue_item *item, struct letter *letter)
{
	_cleanup_free_ char *text = NULL;
	int r = queue_read(&notify->queue, item, &text);

	if (r == 0)
		r = letter_read(text, letter);
	if (r == -EBADMSG || r == -ENOENT)
		drop(notify, item, "its file is corrupt");
	else if (r == 0 && clock_realtime_ns() - letter->time_ns >
			       alerts_of(notify)->notify.keep_ns) {
		drop(notify, item, "it is too old");
		r = -ESTALE;
	}
	letter->repeat = item->tried;
	return r;
}

static void
start_one(struct notify *notify, size_t target, int64_t now_ns)
{
	const char *name = alerts_of(notify)->targets[target].name;
	struct queue_item *item = queue_first(&notify->queue, name);
	struct letter letter;
	struct error error;
	int r;

	if (!item || now_ns < notify->attempts[target].retry_ns ||
	    deliver_is_busy(notify->deliver, target))
		return;
	r = load_letter(notify, item, &letter);
	if (r < 0)
		return;
	r = queue_mark(&notify->queue, item);
	if (r < 0)
		error_set(&error, r, "%s: %s", notify->place.queue, strerror(-r));
	else
		r = deliver_start(notify->deliver, target, &letter, &error);
	if (r < 0)
		failed(notify, target, error.text, 0);
}

static void
on_result(const struct deliver_result *result, void *data)
{
	struct notify *notify = data;
	const char *name = alerts_of(notify)->targets[result->target].name;
	struct queue_item *item = queue_first(&notify->queue, name);
	int r;

	if (!result->taken) {
		failed(notify, result->target, result->why, result->retry_after_ns);
		return;
	}
	notify->attempts[result->target] = (struct attempt){ 0 };
	r = item ? queue_remove(&notify->queue, item) : 0;
	if (r < 0)
		notify_tell("%s: %s", notify->place.queue, strerror(-r));
}

static void
send_messages(struct notify *notify, int64_t now_ns)
{
	if (!notify->durable)
		for (size_t i = 0; i < alerts_of(notify)->n_targets; i++)
			start_one(notify, i, now_ns);
	/* The switch says that all of us live: the supervisor, too. */
	if (now_ns >= notify->ping_ns && notify->events.fd >= 0) {
		deliver_ping(notify->deliver);
		notify->ping_ns = now_ns + alerts_of(notify)->notify.ping_every_ns;
	}
	deliver_step(notify->deliver, on_result, notify);
}

/* To the supervisor. */

static void
tell_status(struct notify *notify)
{
	char text[sizeof(notify->told)], *to = text;
	size_t active = 0, room = sizeof(text);
	int n;

	for (size_t i = 0; i < notify->rules.n; i++)
		active += notify->rules.incidents[i].active;
	n = snprintf(to, room, "%zu active, %zu waiting", active, notify->queue.n);
	for (size_t i = 0; i < alerts_of(notify)->n_targets; i++) {
		to += n;
		room -= (size_t)n;
		n = 0;
		if (notify->attempts[i].failures > 0 && room > 100)
			n = snprintf(to, 100, "; %.32s: %.60s",
			    alerts_of(notify)->targets[i].name,
			    notify->attempts[i].why);
	}
	if (strcmp(text, notify->told) == 0)
		return;
	strcpy(notify->told, text);
	(void)tradesup_status(notify->link, text);
}

/* Nobody will ever ask for what waits for a target that is gone. */
static void
drop_orphans(struct notify *notify)
{
	for (size_t i = 0; i < notify->queue.n;) {
		struct queue_item *item = &notify->queue.items[i];
		size_t n = notify->queue.n, t = 0;

		while (t < alerts_of(notify)->n_targets &&
		       strcmp(alerts_of(notify)->targets[t].name, item->target) != 0)
			t++;
		if (t == alerts_of(notify)->n_targets)
			drop(notify, item, "there is no such target any more");
		i += notify->queue.n == n;
	}
}

/* A new configuration, and what is known of the old one in it. Return: 0, then it is
 * ours; -ENOMEM. */
static int
take_config(struct notify *notify, struct config *config)
{
	_cleanup_free_ char *text = malloc(MEMORY_MAX);
	struct deliver *deliver = deliver_new(config->alerts);
	struct rules rules;

	if (!text || !deliver ||
	    rules_init(&rules, config->alerts, first_sequence(notify)) < 0) {
		deliver_free(deliver);
		return -ENOMEM;
	}
	memory_write(&notify->rules, &notify->seen, text, MEMORY_MAX);
	rules_deinit(&notify->rules);
	notify->rules = rules;
	memset(&notify->seen, 0, sizeof(notify->seen));
	(void)memory_read(text, &notify->rules, &notify->seen);
	deliver_free(notify->deliver);
	notify->deliver = deliver;
	memset(notify->attempts, 0, sizeof(notify->attempts));
	config_free(notify->config);
	notify->config = config;
	drop_orphans(notify);
	notify->ping_ns = 0;
	notify->changed = notify->durable = true;
	return 0;
}

static void
on_config_error(const char *message, void *data)
{
	(void)data;
	notify_tell("%s", message);
}

static void
reload(struct notify *notify)
{
	struct config *config = NULL;

	notify->reload = false;
	if (config_load(notify->path, on_config_error, NULL, &config) != 0)
		return;
	if (!config->alerts)
		notify_tell(
		    "%s has no alert any more; the old ones stay", notify->path);
	else if (take_config(notify, config) == 0)
		return;
	config_free(config);
}

/* The loop. */

static bool
is_told_to_stop(struct notify *notify)
{
	struct tradesup_order order = { 0 };

	if (stopped || tradesup_poll(notify->link, 0, &order) < 0)
		return stopped;
	if (order.request == TRADESUP_RELOAD)
		notify->reload = true;
	return order.request == TRADESUP_STOP || order.request == TRADESUP_GONE;
}

/* Whether nothing is under way that could still be delivered now. */
static bool
is_idle(const struct notify *notify, int64_t now_ns)
{
	for (size_t i = 0; i < alerts_of(notify)->n_targets; i++) {
		const char *name = alerts_of(notify)->targets[i].name;

		if (deliver_is_busy(notify->deliver, i) ||
		    (queue_first(&notify->queue, name) &&
			notify->attempts[i].retry_ns <= now_ns))
			return false;
	}
	return true;
}

static void
turn(struct notify *notify, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = notify->events.fd },
		{ .fd = notify->status.fd }, { .fd = tradesup_fd(notify->link) } };
	int64_t now_ns;

	deliver_wait(notify->deliver, fds, ARRAY_SIZE(fds), timeout_ms);
	now_ns = clock_monotonic_ns();
	follow(notify, now_ns);
	if (notify->reload)
		reload(notify);
	tick(notify, now_ns);
	save_memory(notify, now_ns);
	send_messages(notify, now_ns);
	tell_status(notify);
}

/* An escalation stops all workers, us too: what is urgent goes out before. */
static void
linger(struct notify *notify)
{
	int64_t now_ns = clock_monotonic_ns(), until_ns = now_ns + LINGER_NS;
	const int64_t least_ns = now_ns + LINGER_LEAST_NS;

	do {
		notify->tick_ns = 0;
		turn(notify, 50);
		now_ns = clock_monotonic_ns();
	} while (now_ns < least_ns || (now_ns < until_ns && !is_idle(notify, now_ns)));
	notify->save_ns = 0;
	save_memory(notify, now_ns);
}

static void
loop(struct notify *notify)
{
	int64_t beat_ns = 0;

	/* Who is ready hears of all that comes after. */
	follow(notify, clock_monotonic_ns());
	(void)tradesup_ready(notify->link);
	while (!is_told_to_stop(notify)) {
		int64_t now_ns = clock_monotonic_ns();

		if (now_ns >= beat_ns) {
			(void)tradesup_heartbeat(
			    notify->link, ++notify->cycle, "follow");
			beat_ns = now_ns + NS_PER_S;
		}
		turn(notify, 250);
	}
	linger(notify);
	(void)tradesup_bye(notify->link);
}

static int
take_lock(struct notify *notify)
{
	int r = path_mkdirs(notify->place.directory, 0700);

	if (r < 0)
		return r;
	notify->lock_fd = open(notify->place.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (notify->lock_fd < 0 || flock(notify->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return path_mkdirs(notify->place.ack, 0700);
}

static int
prepare(struct notify *notify, const char *name)
{
	struct sigaction action = { .sa_handler = on_signal };
	int r;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	gethostname(notify->host, sizeof(notify->host) - 1);
	notify->link = tradesup_open(name);
	if (!notify->link)
		return -ENOMEM;
	r = place_init(&notify->place, notify->config);
	if (r == 0)
		r = take_lock(notify);
	if (r == -EWOULDBLOCK)
		notify_tell("another one runs with this state directory");
	if (r == 0)
		r = queue_open(&notify->queue, notify->place.queue);
	if (r == 0)
		r = load_memory(notify);
	if (r < 0)
		return r;
	drop_orphans(notify);
	notify->deliver = deliver_new(alerts_of(notify));
	return notify->deliver ? 0 : -ENOMEM;
}

int
notify_run(const char *path, struct config *config, const char *name)
{
	struct notify *notify = calloc(1, sizeof(*notify));
	int r = -ENOMEM, status = EXIT_OSERR;

	if (notify) {
		notify->path = path;
		notify->config = config;
		notify->lock_fd = notify->events.fd = notify->status.fd = -1;
		r = prepare(notify, name);
	}
	if (r < 0) {
		notify_tell("cannot start: %s", strerror(-r));
	} else {
		loop(notify);
		status = EXIT_OK;
	}
	if (!notify) {
		config_free(config);
		return status;
	}
	follow_close(&notify->events);
	follow_close(&notify->status);
	deliver_free(notify->deliver);
	queue_close(&notify->queue);
	rules_deinit(&notify->rules);
	place_deinit(&notify->place);
	tradesup_close(notify->link);
	closep(&notify->lock_fd);
	config_free(notify->config);
	free(notify);
	return status;
}
