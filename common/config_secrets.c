/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which variables of the environment hold keys, and which workers take theirs from
 * there. Reading them is the worker's business.
 */
#include <string.h>

#include "common/cleanup.h"
#include "common/config_trading.h"

#define ALPACA_ID 1u
#define ALPACA_SECRET 2u
#define FLOW_ALERTS 4u

static const struct {
	const char *name;
	unsigned bit;
} variables[] = {
	{ "APCA_API_KEY_ID", ALPACA_ID },
	{ "APCA_API_SECRET_KEY", ALPACA_SECRET },
	{ "FLOW_ALERTS_TOKEN", FLOW_ALERTS },
};

unsigned
config_secret_variable(const char *assignment)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		size_t length = strlen(variables[i].name);

		if (strncmp(assignment, variables[i].name, length) == 0 &&
		    assignment[length] == '=')
			return variables[i].bit;
	}
	return 0;
}

unsigned
config_secrets_of(const struct config_worker *worker)
{
	const struct config_trading *trading = worker->trading;
	unsigned bits = 0;

	if (!trading)
		return 0;
	if (trading->broker == BROKER_ALPACA || trading->feed == FEED_ALPACA) {
		bits |= trading->alpaca.key_id_file ? 0 : ALPACA_ID;
		bits |= trading->alpaca.secret_key_file ? 0 : ALPACA_SECRET;
	}
	if (trading->feed == FEED_FLOW_ALERTS && !trading->flow_alerts.token_file)
		bits |= FLOW_ALERTS;
	return bits;
}
