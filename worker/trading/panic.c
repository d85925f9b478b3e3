/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Panic: everything open at the broker is cancelled, and that is believed when the
 * broker's own list is empty. It needs the configuration and the keys and nothing else:
 * no supervisor, no journal, no registry, no module.
 */
#include "worker/trading/outside.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/latch.h"
#include "worker/trading/broker.h"
#include "worker/trading/place.h"
#include "worker/trading/worker.h"

#define DEADLINE_NS (60 * NS_PER_S)
#define PAUSE_NS (200 * NS_PER_MS)
#define ROUNDS_PER_CANCEL 10 /* looks before everything is cancelled once more */

struct panic {
	const struct config *config;
	const struct config_node *only; /* or NULL: all */
	const struct outside_wish *wish;
	FILE *out;
	struct error *error;
	const struct config_node **done; /* an account of each; owned */
	size_t n_done;
	enum exit_code worst;
};

static void
count_one(size_t *count)
{
	++*count;
}

static int
on_view(const struct broker_view *view, void *data)
{
	(void)view;
	count_one(data);
	return 0;
}

static int
on_position(const struct broker_position *position, void *data)
{
	if (position->quantity != 0)
		count_one(data);
	return 0;
}

/* Until the broker may be asked again, or the deadline. */
static void
pause_until_ready(
    const struct broker_ops *ops, const struct broker *broker, int64_t deadline_ns)
{
	const char *why;
	int64_t now_ns = clock_monotonic_ns();
	int64_t until_ns = ops->ready_ns(broker, &why);
	struct timespec pause;

	if (until_ns < now_ns + PAUSE_NS)
		until_ns = now_ns + PAUSE_NS;
	if (until_ns > deadline_ns)
		until_ns = deadline_ns;
	if (until_ns <= now_ns)
		return;
	pause = (struct timespec){ .tv_sec = (until_ns - now_ns) / NS_PER_S,
		.tv_nsec = (until_ns - now_ns) % NS_PER_S };
	nanosleep(&pause, NULL);
}

/* struct aim - what is to be brought to nothing, and how */
struct aim {
	const char *what;
	void (*ask)(struct broker *broker, struct broker_reply *ret_reply);
	size_t left;
};

static void
count_left(const struct broker_ops *ops, struct broker *broker, struct aim *aim,
    struct broker_reply *reply)
{
	size_t left = 0;

	if (aim->ask == ops->cancel_all)
		(void)ops->each_open(broker, on_view, &left, reply);
	else
		(void)ops->each_position(broker, on_position, &left, reply);
	if (reply->result == BROKER_DONE)
		aim->left = left;
}

/* Return: whether the broker has confirmed that nothing is left. */
static bool
bring_to_nothing(const struct broker_ops *ops, struct broker *broker, struct aim *aim,
    char why[BROKER_TEXT_MAX])
{
	int64_t deadline_ns = clock_monotonic_ns() + DEADLINE_NS;
	struct broker_reply reply = { 0 };

	for (int round = 0; clock_monotonic_ns() < deadline_ns; round++) {
		if (round % ROUNDS_PER_CANCEL == 0)
			aim->ask(broker, &reply);
		count_left(ops, broker, aim, &reply);
		if (reply.result == BROKER_DONE && aim->left == 0)
			return true;
		if (reply.result == BROKER_LOCKED)
			break;
		/* What has not answered has not cancelled either. */
		if (reply.result != BROKER_DONE)
			round = -1;
		pause_until_ready(ops, broker, deadline_ns);
	}
	snprintf(why, BROKER_TEXT_MAX, "%s",
	    reply.result == BROKER_DONE ? "still there after a minute" : reply.text);
	return false;
}

static void
say(struct panic *panic, const struct config_node *node, const struct aim *aim,
    bool is_done, const char *why)
{
	if (is_done) {
		fprintf(panic->out, "%s: no %s left at the broker\n", node->name,
		    aim->what);
		return;
	}
	fprintf(panic->out, "%s: %s may be left at the broker: %s\n", node->name,
	    aim->what, why);
	panic->worst = EXIT_UNAVAILABLE;
}

static void
panic_account(struct panic *panic, const struct config_node *node)
{
	const struct broker_ops *ops = broker_find(node->worker.trading->broker);
	struct aim orders = { .what = "open orders", .ask = ops->cancel_all };
	struct aim positions = { .what = "positions", .ask = ops->close_all };
	char why[BROKER_TEXT_MAX] = "";
	struct error error = { "" };
	struct broker *broker;
	bool is_done;

	if (outside_connect(panic->config, node, &error, &broker) != EXIT_OK) {
		say(panic, node, &orders, false, error.text);
		return;
	}
	is_done = bring_to_nothing(ops, broker, &orders, why);
	say(panic, node, &orders, is_done, why);
	if (panic->wish->flatten) {
		is_done = bring_to_nothing(ops, broker, &positions, why);
		say(panic, node, &positions, is_done, why);
	}
	ops->free(broker);
}

static bool
is_account_done(const struct panic *panic, const struct config_node *node)
{
	for (size_t i = 0; i < panic->n_done; i++)
		if (place_is_same_account(panic->done[i], node))
			return true;
	return false;
}

static void
panic_worker(struct panic *panic, const struct config_node *node)
{
	const struct config_node **larger;

	if (!node->worker.trading || (panic->only && panic->only != node))
		return;
	if (broker_find(node->worker.trading->broker)->embedded) {
		fprintf(panic->out, "%s: no new orders; its broker is on paper\n",
		    node->name);
		return;
	}
	if (is_account_done(panic, node))
		return;
	panic_account(panic, node);
	larger = reallocarray(panic->done, panic->n_done + 1, sizeof(*larger));
	/* Without room an account is gone through twice, which does no harm. */
	if (!larger)
		return;
	panic->done = larger;
	panic->done[panic->n_done++] = node;
}

static void
panic_node(struct panic *panic, const struct config_node *node)
{
	if (node->type == CONFIG_WORKER) {
		panic_worker(panic, node);
		return;
	}
	for (size_t i = 0; i < node->group.n_children; i++)
		panic_node(panic, node->group.children[i]);
}

/* First of all, and whatever comes of it. */
static int
set_latch(const struct panic *panic)
{
	_cleanup_free_ char *base = worker_state_dir(panic->config, "");
	struct latch latch = { .rule = LATCH_PANIC,
		.reason = "panic",
		.time_ns = clock_realtime_ns(),
		.uid = getuid() };

	if (panic->only)
		snprintf(latch.worker, sizeof(latch.worker), "%s", panic->only->name);
	return base ? latch_set(base, &latch) : -ENOMEM;
}

enum exit_code
outside_panic(const struct config *config, const struct config_node *node,
    const struct outside_wish *wish, FILE *out, struct error *error)
{
	struct panic panic = {
		.config = config, .only = node, .wish = wish, .out = out, .error = error
	};
	int r;

	r = set_latch(&panic);
	if (r < 0) {
		error_set(error, 0,
		    "the latch cannot be set, new orders are possible: %s",
		    strerror(-r));
		panic.worst = EXIT_OSERR;
	}
	panic_node(&panic, config->root);
	free(panic.done);
	return panic.worst;
}
