/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, <runtime_dir>/control: AF_UNIX, SOCK_STREAM, mode 0600; who else
 *may use it is decided by SO_PEERCRED (the same user, or root).
 *
 * A client sends one request, a line of logfmt with the verb as its event:
 *
 *	stop worker=flow
 *	logs worker=flow lines=50 follow=yes
 *
 * and gets any number of rows, lines of logfmt again, and then `ok` or `error code=69
 *message="…"`, code being the client's exit status. A stream (follow=yes) ends with the
 *supervisor or the client.
 *
 *	verb      fields                     rows
 *	status    [worker]                   one `supervisor pid up_ms state restarts
 *intensity period_ms version config state_dir`, then `worker name group state pid up_ms
 *restarts cycle cycle_age_ms phase error heals memory_bytes status next_ms` each, in
 *start order; fields that are not known are left out start     worker none; ok when it
 *has been started stop      worker                     none; ok when it has ended
 *	restart   worker                     none; ok when it has been started again
 *	events    [lines] [follow] [worker]  event lines as in the log, with ts= first
 *	logs      [worker] [lines] [follow]  `line worker ts text`
 *	fault     worker kind                none; ok when it has been sent (a drill)
 *
 * A request is at most CONTROL_REQUEST_MAX bytes, CONTROL_CLIENTS_MAX clients at most
 *are served, a client that does not read is closed when CONTROL_BACKLOG_MAX bytes wait
 *for it.
 */
#pragma once

#define CONTROL_SOCKET "control"
#define CONTROL_REQUEST_MAX 65536
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_BACKLOG_MAX (1 << 20)

#include <stddef.h>

struct control;
struct supervisor;

/** control_open() - listen in the runtime directory; an old socket is replaced, the
 * caller holds the lock. Return: 0, -errno. */
int control_open(struct supervisor *supervisor, struct control **ret_control);

/** control_event() - pass an event line on to the clients that follow it. */
void control_event(struct control *control, const char *line, const char *worker);

/** control_close() - send what waits, close all, remove the socket. Return: NULL. */
struct control *control_close(struct control *control);
