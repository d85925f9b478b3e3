/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page, compiled in: page/page.html, .css and .js (embed.py).
 */
#pragma once

#include <stddef.h>

struct page_part {
	const char *bytes;
	const size_t *length;
};

extern const struct page_part page_html, page_css, page_js;
