/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down when the urgent part is over: crash reports and healing
 * statistics. Restarts come first; the files follow when the loop has nothing better to
 * do, a few at a time, and all before we exit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "supervisor/child.h"
#include "supervisor/history.h"

struct aftermath;

/** aftermath_new() - read what earlier lives wrote. NULL: out of memory. A corrupt
 * statistics file is moved aside, and that is logged. */
struct aftermath *aftermath_new(struct supervisor *supervisor);

/** aftermath_free() - write everything that is still to be written. Return: NULL. */
struct aftermath *aftermath_free(struct aftermath *aftermath);

/** aftermath_crash() - a worker ended abnormally; @action: what was decided. */
void aftermath_crash(
    struct aftermath *aftermath, struct child *child, const char *action);

/** aftermath_forget() - the child is about to be freed: write its reports now. */
void aftermath_forget(struct aftermath *aftermath, const struct child *child);

/** aftermath_each() - the healing statistics as they are now, row by row. */
struct healing_row;
void aftermath_each(const struct aftermath *aftermath,
    void (*call)(const struct healing_row *row, void *data), void *data);

/** aftermath_each_hour() - as history_each_hour(). */
struct history_counts;
void aftermath_each_hour(const struct aftermath *aftermath,
    void (*call)(int64_t hour, const struct history_counts *counts, void *data),
    void *data);

/** aftermath_heal() - levels 1 and 2: a step has ended. */
void aftermath_heal(struct aftermath *aftermath, const struct history_step *step,
    enum heal_outcome outcome);

/** aftermath_try() - levels 3 and 4: tried; what became of it shows later. */
void aftermath_try(struct aftermath *aftermath, const struct history_step *step);

/** aftermath_bad_cycle() - a cycle ended with an error; @interval_ns: between its cycles
 * as usual, 0: not known. */
void aftermath_bad_cycle(
    struct aftermath *aftermath, const char *worker, int64_t interval_ns);

/** aftermath_stopped() - a person wants it to stop. */
void aftermath_stopped(struct aftermath *aftermath, const char *worker);

/** aftermath_healed() - a good cycle: what was tried for this worker has worked. */
void aftermath_healed(struct aftermath *aftermath, const char *worker);

/** aftermath_flush() - write everything now, and go on. */
void aftermath_flush(struct aftermath *aftermath);
