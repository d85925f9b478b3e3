/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's memory over its own death: when it escalated, kept in
 * <state_dir>/service. A service that systemd starts again and again, and that
 * escalates again and again with no good cycle in between, is not to trade: it comes up
 * held. The decision is pure, with the time as an argument; the file is small.
 *
 * A supervisor that was killed or stopped has not escalated. A good cycle of any worker
 * forgets all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_FILE "service" /* in the state directory */
#define SERVICE_KEPT 100       /* and the largest service_intensity */

/** struct service - the escalations since the last good cycle */
struct service {
	int64_t times_ns[SERVICE_KEPT]; /* of the real clock, oldest first */
	size_t n;
};

/** service_escalated() - one more; the oldest makes room. */
void service_escalated(struct service *service, int64_t now_ns);

/**
 * service_count() - how many escalations lie within the period
 *
 * One in the future counts: the clock has been set back, and nobody knows by how much.
 */
size_t service_count(const struct service *service, int64_t period_ns, int64_t now_ns);

/** service_load() - Return: 0, also where there is no file; -EBADMSG: it is damaged,
 * and has been moved aside; -errno. */
int service_load(struct service *service, const char *state_dir);

/** service_store() - on the disk when it returns; no escalations: no file. Return: 0,
 * -errno. */
int service_store(const struct service *service, const char *state_dir);
