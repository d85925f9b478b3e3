/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files.
 */
#include "worker/notify/place.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/paths.h"

int
place_init(struct place *place, const struct config *config)
{
	_cleanup_free_ char *state = path_state(config->state_dir);
	_cleanup_free_ char *runtime = path_runtime(config->runtime_dir);

	*place = (struct place){ 0 };
	if (!state || !runtime)
		return -ENOMEM;
	place->directory = path_join(state, ".alerts");
	place->control = path_join(runtime, "control");
	if (!place->directory || !place->control)
		return -ENOMEM;
	place->memory = path_join(place->directory, "memory");
	place->queue = path_join(place->directory, "queue");
	place->ack = path_join(place->directory, "ack");
	place->lock = path_join(place->directory, "lock");
	return place->memory && place->queue && place->ack && place->lock ? 0 : -ENOMEM;
}

void
place_deinit(struct place *place)
{
	free(place->directory);
	free(place->memory);
	free(place->queue);
	free(place->ack);
	free(place->lock);
	free(place->control);
	*place = (struct place){ 0 };
}
