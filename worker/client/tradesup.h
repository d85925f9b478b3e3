/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtradesup: the worker's side of the protocol, for programs in C.
 *
 * A worker that finds TRADESUP_FD in its environment is supervised. It says ready once,
 * heartbeats from its own loop (never from a helper thread: a frozen loop must look
 * frozen), and reports every cycle. When tradesup_poll() says that the supervisor is
 * gone, it makes itself safe and exits.
 *
 *	struct tradesup *link = tradesup_open("flow");
 *	struct tradesup_order order;
 *
 *	tradesup_ready(link);
 *	while (tradesup_poll(link, 1000, &order) == 0 &&
 *	    order.request != TRADESUP_STOP && order.request != TRADESUP_GONE) {
 *		tradesup_heartbeat(link, ++report.cycle, "fetch");
 *		...
 *		tradesup_cycle(link, &report);
 *	}
 *	tradesup_bye(link);
 *
 * SIGTERM comes with TRADESUP_STOP: ignore or catch it, or it ends the program first.
 * Without TRADESUP_FD every call does nothing and succeeds, so the program runs alone,
 * too. No call raises SIGPIPE or ends the program. A link belongs to one thread at a
 * time. libtradesup(3) is the manual, with an example for an event loop of one's own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tradesup;

struct tradesup_cycle_report {
	int64_t cycle, clusters, orders;
	const char *error; /* NULL: a good cycle; any text, also "": it failed */
	bool healed;	   /* level 2 ended it early; neither good nor failed */
	int64_t duration_ns;
};

/**
 * tradesup_open() - take the descriptor in TRADESUP_FD and say hello
 *
 * The descriptor becomes close-on-exec and non-blocking, and the variable is taken out
 * of the environment. Return: NULL when out of memory, or when the variable names no
 * SEQPACKET socket.
 */
struct tradesup *tradesup_open(const char *name);

/** tradesup_is_supervised() - whether there is a supervisor, or was one. */
bool tradesup_is_supervised(const struct tradesup *link);

/*
 * Each of these returns 0, or -errno; -EPIPE: the supervisor is gone. They wait at most
 * 1 s for room in the socket (-EAGAIN). Texts are cut to 1023 bytes, a phase to 63, and
 * NULL is an empty one. -EINVAL: a number below 0, or a level, kind or outcome that is
 * none of tradesup-protocol(7); nothing is sent then.
 */
int tradesup_ready(struct tradesup *link);
int tradesup_heartbeat(struct tradesup *link, int64_t cycle, const char *phase);
int tradesup_cycle(struct tradesup *link, const struct tradesup_cycle_report *report);
int tradesup_heal(struct tradesup *link, int level, const char *kind,
    const char *outcome, const char *detail);
int tradesup_status(struct tradesup *link, const char *text);
int tradesup_restart(struct tradesup *link, const char *reason);

/* An event for the supervisor's log. @name: order.*, feed.*, broker.* or strategy.*;
 * @level: of syslog, 3 (error) to 7 (debug); @fields: logfmt, "rule=hold price=1.5", or
 * "". -EINVAL: another level, or no name. */
int tradesup_event(
    struct tradesup *link, int level, const char *name, const char *fields);

/* How the worker's trading stands, for metrics; each call takes the place of the last.
 * @fields: logfmt, "equity=1000.5 positions=2"; the names are in tradesup-protocol(7),
 * "figures". A supervisor that does not know them passes over it. */
int tradesup_figures(struct tradesup *link, const char *fields);
int tradesup_bye(struct tradesup *link);

enum tradesup_request {
	TRADESUP_NOTHING,
	TRADESUP_STOP, /* end now; SIGKILL comes after deadline_ms (-1: never) */
	TRADESUP_RELOAD,
	TRADESUP_FAULT, /* a drill: behave as if this fault had happened; kind names it
			 */
	TRADESUP_GONE,	/* the supervisor has gone: make safe and exit */
	TRADESUP_HOLD,	/* place no new order while hold is true; reason says why */
			/* Later versions may have more: pass over what is not known. */
};

struct tradesup_order {
	enum tradesup_request request;
	int64_t deadline_ms;
	char kind[16];
	bool hold;
	char reason[256];
};

/**
 * tradesup_poll() - wait up to @timeout_ms (0: do not wait, -1: for ever) for a request
 *
 * Packets that are no request are passed over. Alone it waits the time out, so that a
 * loop keeps its pace. Once the supervisor is gone every call says TRADESUP_GONE.
 * Return: 0, also with TRADESUP_NOTHING; -EINTR: a signal came; -errno.
 */
int tradesup_poll(
    struct tradesup *link, int timeout_ms, struct tradesup_order *ret_order);

/** tradesup_fd() - to wait on in an event loop of one's own; -1 when not supervised. */
int tradesup_fd(const struct tradesup *link);

/** tradesup_close() - Return: NULL. */
struct tradesup *tradesup_close(struct tradesup *link);

#ifdef __cplusplus
}
#endif
