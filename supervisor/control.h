/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, <runtime_dir>/control: AF_UNIX, SOCK_STREAM, mode 0600. By
 * SO_PEERCRED the same user and root may use it. With a control_group its mode is 0660:
 * whoever that lets in may look (status, why, events, logs), and change nothing.
 *
 * A client sends one request, a line of logfmt with the verb as its event:
 *
 *	stop worker=flow
 *	logs worker=flow lines=50 follow=yes
 *
 * It gets any number of rows, lines of logfmt again, and then `ok` or
 * `error code=69 message="…"`, code being the client's exit status. A stream
 * (follow=yes) ends with the supervisor or the client. Fields that are not known are
 * left out of a row.
 *
 *	status [worker]
 *		`supervisor pid up_ms memory_bytes state restarts in_period intensity
 *		period_ms version config state_dir held`, `latch worker rule reason time uid` for
 *		each, then in start order `worker name group state pid up_ms
 *		memory_bytes cpu_ms cycle cycle_age_ms phase restarts heals failed_cycles error
 *		status next_ms held`
 *	metrics
 *		the rows of status, those of workers with `groups restart heartbeat_age_ms
 *		cycles_good cycles_failed cycles_healed good_cycle_age_ms
 *		duration_sum_ns duration_buckets` (measures.h) `equity cash positions
 *		feed_age_ms orders refused` (figures.h) at their end, then
 *		`heal worker level kind tried succeeded failed relapsed pending` for
 *		each of the healing statistics (healing.h), and `heal_hour hour
 *		succeeded failed relapsed` for each of the last hours in which there was
 *		some, the hour since the epoch (history.h)
 *	why worker
 *		`decision ts happened rule action` for each of the last ones, then
 *		`next state in_ms without_good_cycle text`
 *	start worker, stop worker, restart worker
 *		no rows; ok when it has been done
 *	add file [group]
 *		no rows; ok when the one worker or group of the file is started, at the
 *		end of the group's list (the root's if none is named)
 *	remove worker
 *		no rows; ok when what was down is off the list
 *	reload
 *		`reload config`, then `change kind worker|group in keys` for each thing
 *		that differs, kind being stop, restart, change (while it runs), reorder,
 *		adopt (it had been added) or start; `failed worker|group` for what could
 *		not be started; ok when all is done. `problem text` for what is wrong
 *		with the file, and then an error: nothing has been changed
 *	diff file
 *		the same rows for what a reload would do if the file were this one
 *	upgrade [program]
 *		`upgraded from to pause_ms` and ok when the new program has taken over;
 *		an error when the old one goes on
 *	events [lines] [follow] [worker] [match] [since]
 *		event lines as in the log, with ts= first: the last of those about that
 *		worker, whose names the pattern stands for (glob.h, GLOB_MAX), and that
 *		are not older than that time (RFC 3339); before them `forgotten until`
 *		where there may have been others after `since`
 *	logs [worker] [lines] [follow]
 *		`line worker text` for what is kept, then worker.output events
 *	signal worker signal
 *		no rows; ok when it has been sent. By name or number, as kill(1)
 *	hold [worker] [reason]
 *		no rows; ok when it is on the disk, also if it was already
 *	resume [worker] reason
 *		`cleared worker rule reason time uid` for each latch that is gone, then
 *		`left …` with the same fields for those that still stop the worker
 *	fault worker kind
 *		no rows; ok when it has been sent (a drill)
 *
 * A request is at most CONTROL_REQUEST_MAX bytes. CONTROL_CLIENTS_MAX clients are
 * served, CONTROL_GUESTS_MAX of them of the group; one more gets `error` at once. One
 * that follows and does not read gets no more events when CONTROL_BACKLOG_MAX bytes wait,
 * until it has read them; where some are missing it finds `events.lost ts events since`.
 * There is an event, client.behind, once a minute. Others are dropped when for
 * CONTROL_PATIENCE_S they have sent no request or taken nothing of the answer; there is
 * an event, client.dropped.
 */
#pragma once

#define CONTROL_SOCKET "control"
#define CONTROL_REQUEST_MAX 65536
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_GUESTS_MAX 32
#define CONTROL_PATIENCE_S 30
#define CONTROL_BACKLOG_MAX (1 << 20)
#define CONTROL_LOST "events.lost"

#include <stdbool.h>
#include <stddef.h>

struct control;
struct handover_reader;
struct handover_writer;
struct supervisor;

/** control_open() - listen in the runtime directory; an old socket is replaced, the
 * caller holds the lock. Return: 0, -errno. */
int control_open(struct supervisor *supervisor, struct control **ret_control);

/** control_event() - pass an event line on to the clients that follow it. */
void control_event(struct control *control, const char *line, const char *worker);

/** control_close() - send what waits, close all, remove the socket. Return: NULL. */
struct control *control_close(struct control *control);

/** control_hand_over() - the socket and the clients, as a value of a state. */
void control_hand_over(const struct control *control, struct handover_writer *writer);

/** control_take_over() - in place of control_open(). Return: false, and the reader says
 * why. */
bool control_take_over(struct supervisor *supervisor, struct handover_reader *reader);
