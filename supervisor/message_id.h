/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MESSAGE_ID of an event in the journal (systemd.journal-fields(7)), by which
 * journalctl(1) finds its explanation in the catalog, etc/journal/tradesup.catalog.
 */
#pragma once

#define MESSAGE_ID_TEXT_MAX 33

/**
 * message_id() - 128 bits of the event's name, in 32 hexadecimal digits
 *
 * 64-bit FNV-1a of the name, and of the name with "tradesup" before it, marked as a
 * UUID of version 8 (RFC 9562, 5.8). The same name always gives the same id, so it is
 * interface as the name is.
 */
void message_id(const char *event, char ret_text[MESSAGE_ID_TEXT_MAX]);
