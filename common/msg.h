/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker protocol, version 1: typed messages and their msgpack form, one array
 * [type, field…] a packet. tradesup-protocol(7) is the reference.
 *
 * Decoding trusts neither a type nor a length. Unknown types and extra trailing fields
 * are ignored, so that versions can grow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

#define MSG_VERSION 1
#define MSG_PACKET_MAX 65536
#define MSG_TEXT_MAX                                                                   \
	1024 /* longest text field, in bytes; a longer one is cut when decoded */
#define MSG_FD_ENV "TRADESUP_FD"

enum msg_type {
	/* worker to supervisor */
	MSG_HELLO,
	MSG_READY,
	MSG_HEARTBEAT,
	MSG_CYCLE,
	MSG_HEAL,
	MSG_STATUS,
	MSG_RESTART,
	MSG_BYE,
	MSG_EVENT,
	MSG_FIGURES,
	/* supervisor to worker */
	MSG_STOP,
	MSG_RELOAD,
	MSG_FAULT,
	MSG_HOLD,
	MSG_TYPE_COUNT
};

/** struct msg - one message; which member counts is told by @type. */
struct msg {
	enum msg_type type;
	union {
		struct {
			int64_t version;
			char name[MSG_TEXT_MAX];
			int64_t pid;
		} hello;
		struct {
			int64_t cycle;
			char phase[64];
		} heartbeat;
		struct {
			int64_t cycle, clusters, orders;
			char error[MSG_TEXT_MAX]; /* "" and nil on the wire: a good
						     cycle */
			bool healed;
			int64_t duration_ns;
		} cycle;
		struct {
			int64_t level; /* 1 or 2; a worker cannot report 3 or 4 */
			enum fault_kind kind;
			enum heal_outcome outcome;
			char detail[MSG_TEXT_MAX];
		} heal;
		struct {
			char text[MSG_TEXT_MAX];
		} status, restart; /* restart: the reason */
		struct {
			int64_t deadline_ms; /* -1: no deadline */
		} stop;
		struct {
			enum fault_kind kind;
		} fault;
		struct {
			int64_t level; /* of enum log_level */
			char name[64];
			char fields[MSG_TEXT_MAX]; /* logfmt */
		} event;
		struct {
			char fields[MSG_TEXT_MAX]; /* logfmt */
		} figures;
		struct {
			bool on;
			char reason[MSG_TEXT_MAX];
		} hold;
	};
};

/** msg_encode() - Return: the packet's length; -EMSGSIZE if @size is too small. */
long msg_encode(const struct msg *msg, void *packet, size_t size);

#define MSG_E_UNKNOWN                                                                  \
	1 /* a well-formed array whose type this version does not know                 \
	   */

/**
 * msg_decode() - read one packet
 *
 * Return: 0; MSG_E_UNKNOWN, to be ignored; -EBADMSG for what is no msgpack, no array,
 * of a wrong shape or range, or longer than MSG_PACKET_MAX. Allocates nothing. @ret_msg
 * holds something only after 0, and then only the members of its type.
 */
int msg_decode(const void *packet, size_t length, struct msg *ret_msg);
