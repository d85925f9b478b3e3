/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the supervisor: made, watched, ended. supervisor_tell() and
 * supervisor_sweep_soon() (context.h) are here, too: the timer they use is the loop's.
 */
#pragma once

#include <stdbool.h>

struct supervisor;

/** loop_open() - make it, with all signals. Return: 0, -errno; loop_close() in any
 * case.
 */
int loop_open(struct supervisor *supervisor);

/** loop_watch_guardian() - start the guardian again when it ends. Return: 0, -errno. */
int loop_watch_guardian(struct supervisor *supervisor);

/** loop_try_guardian_again() - in a while: it could not be started. */
void loop_try_guardian_again(struct supervisor *supervisor);

/** loop_has_terminal() - whether there is a controlling terminal. */
bool loop_has_terminal(void);

/** loop_close() - our end is decided: no signal can change it any more. */
void loop_close(struct supervisor *supervisor);
