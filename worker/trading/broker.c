/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of brokers. What each of them does is in a file of its own.
 */
#include "worker/trading/broker.h"

static const struct broker_ops *const brokers[] = {
	[BROKER_PAPER] = &broker_paper,
	[BROKER_ALPACA] = &broker_alpaca,
};

const struct broker_ops *
broker_find(enum broker_kind kind)
{
	return brokers[kind];
}

bool
broker_is_same_symbol(const char *a, const char *b)
{
	while (*a || *b) {
		a += *a == '/';
		b += *b == '/';
		if (*a != *b)
			return false;
		if (*a) {
			a++;
			b++;
		}
	}
	return true;
}
