/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that are handed to another program by a descriptor and cannot be changed any
 * more, by nobody: a sealed memfd.
 */
#pragma once

#include <stddef.h>

/**
 * sealed_new() - @name: for people, in /proc
 *
 * Return: a descriptor, close-on-exec, its position at the end; -errno.
 */
int sealed_new(const char *name, const void *bytes, size_t length);
