/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named steps between two writes, at which a test can end the worker as a power cut
 * would: TRADESUP_KILL_AT=NAME:N sends SIGKILL to the process when the step is reached
 * for the N-th time; NAME is `*` for any step. Compiled in only with
 * -Dkill_points=true; every name stands in the list below.
 */
#pragma once

#ifdef TRADESUP_KILL_POINTS
#define KILL_POINTS(X)                                                                 \
	X("journal.before_rename")                                                     \
	X("journal.after_rename")                                                      \
	X("journal.migrating")                                                         \
	X("journal.migrated")                                                          \
	X("journal.begun")                                                             \
	X("journal.cluster_written")                                                   \
	X("journal.intent_written")                                                    \
	X("journal.order_open")                                                        \
	X("journal.fill_written")                                                      \
	X("journal.order_settled")                                                     \
	X("journal.order_canceled")                                                    \
	X("journal.prices_written")                                                    \
	X("journal.state_written")                                                     \
	X("journal.snapshot_written")                                                  \
	X("journal.before_commit")                                                     \
	X("journal.after_commit")                                                      \
	X("cursor.before_write")                                                       \
	X("cursor.after_write")                                                        \
	X("heartbeat.before_rename")                                                   \
	X("heartbeat.after_rename")                                                    \
	X("fail_counter.after_rename")                                                 \
	X("order.fill_written")                                                        \
	X("order.change_written")                                                      \
	X("order.change_committed")                                                    \
	X("order.looked_up")                                                           \
	X("order.posting_recorded")                                                    \
	X("order.posted")                                                              \
	X("order.taking_back")                                                         \
	X("order.taken_back")                                                          \
	X("reconcile.read")                                                            \
	X("reconcile.accepting")                                                       \
	X("reconcile.accepted")

/** kill_point() - @name must stand in the list; an unknown one is a bug and asserts. */
void kill_point(const char *name);

/** kill_points_print() - the names, a line each: `tradesup-worker --kill-points`. */
void kill_points_print(void);
#else
static inline void
kill_point(const char *name)
{
	(void)name;
}
#endif
