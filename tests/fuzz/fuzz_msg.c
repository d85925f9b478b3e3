/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a packet from a worker. It must be decoded or refused without harm, our
 * reader must agree with msgpack-c about what is msgpack, and what was decoded must
 * come back the same from the encoder.
 */
#include "common/msg.h"

#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small enough that what msgpack-c allocates for a packet's claims is no nuisance. */
static bool
claims_little(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] >= 0xdc && data[i] <= 0xdf)
			return false;
	}
	return true;
}

/* msgpack-c gives up on deep nesting, which we need not. */
static bool
is_msgpack(const uint8_t *data, size_t size, bool *ret_is_certain)
{
	msgpack_unpacked unpacked;
	msgpack_unpack_return r;
	size_t offset = 0;

	msgpack_unpacked_init(&unpacked);
	r = msgpack_unpack_next(&unpacked, (const char *)data, size, &offset);
	msgpack_unpacked_destroy(&unpacked);
	*ret_is_certain = r != MSGPACK_UNPACK_NOMEM_ERROR;
	return r == MSGPACK_UNPACK_SUCCESS && offset == size;
}

static void
compare_with_msgpack(const uint8_t *data, size_t size)
{
	struct wire wire = wire_init(data, size);
	bool ours = wire_skip(&wire, 1) && wire_at_end(&wire), certain;
	bool theirs = is_msgpack(data, size, &certain);

	if (certain && ours != theirs)
		abort();
}

static void
decode_again(const struct msg *msg)
{
	static char packet[MSG_PACKET_MAX], second[MSG_PACKET_MAX];
	struct msg again;
	long length = msg_encode(msg, packet, sizeof(packet));

	if (length <= 0 || msg_decode(packet, (size_t)length, &again) != 0)
		abort();
	if (msg_encode(&again, second, sizeof(second)) != length ||
	    memcmp(packet, second, (size_t)length) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg msg;

	if (claims_little(data, size))
		compare_with_msgpack(data, size);
	if (msg_decode(data, size, &msg) == 0)
		decode_again(&msg);
	return 0;
}
