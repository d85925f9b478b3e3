/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our own decoder makes of packets, for tests of other implementations: reads one
 * packet in hexadecimal from each line, and prints "bad", "unknown", or the packet that
 * our encoder makes of the message.
 */
#include <stdio.h>
#include <string.h>

#include "common/msg.h"

static size_t
read_hex(const char *line, unsigned char *packet, size_t size)
{
	size_t length = 0;
	unsigned byte;

	while (length < size && sscanf(line + 2 * length, "%2x", &byte) == 1)
		packet[length++] = (unsigned char)byte;
	return length;
}

int
main(void)
{
	static char line[4 * MSG_PACKET_MAX];
	static unsigned char packet[2 * MSG_PACKET_MAX];
	struct msg msg;

	while (fgets(line, sizeof(line), stdin)) {
		size_t length = read_hex(line, packet, sizeof(packet));
		int r = msg_decode(packet, length, &msg);
		long n = r == 0 ? msg_encode(&msg, packet, sizeof(packet)) : 0;

		if (r)
			fputs(r == MSG_E_UNKNOWN ? "unknown" : "bad", stdout);
		for (long i = 0; i < n; i++)
			printf("%02x", packet[i]);
		putchar('\n');
	}
	return 0;
}
