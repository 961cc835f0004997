/* SPDX-License-Identifier: MIT
 * How lines of the log leave: by stderr. Who reads there (the journal, a pipe) may stand still, and nobody may
 * stand still with him: what he does not take at once is kept, and a thread of its own writes it when he
 * does. What is too much is lost, and counted. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	LOG_OUTPUT_MAX = 1 << 20, /* bytes that are kept */
};

/* Writes or keeps a line, which ends in LF. Returns how many were lost before it, since that was last told;
 * 0 when this one is lost too. */
uint64_t log_output(const char *line, size_t n);

/* At the end of the process: waits until all is written, for so many milliseconds at most. */
void log_output_flush(unsigned ms);
