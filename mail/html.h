/* SPDX-License-Identifier: MIT
 * The text of HTML, for whoever looks for words in it: no layout, and no parser of all that is HTML. */
#pragma once

#include "base/arena.h"

enum {
	HTML_KEPT_MAX = 12, /* bytes of the longest name that is known, and one */
};

/* All zero at the beginning. */
struct html_stream {
	unsigned char state;
	char quote;  /* inside of a tag: what ends it */
	char hidden; /* the first letter of script or style, whose end is looked for */
	char kept[HTML_KEPT_MAX];
	unsigned n_kept;
};

/* Takes tags, comments, scripts and styles out of UTF-8 text, and puts characters for entities; tags that do not stand inside of a
 * word become a blank. Writes at most in.n + HTML_KEPT_MAX bytes. Returns how many. */
size_t html_text(struct html_stream *stream, struct span in, bool is_end, char *out);
