/* SPDX-License-Identifier: MIT
 * File names. Readers sort new messages by the seconds and the digits behind M, so these two stay
 * in front; pid and counter make the name unique within the machine, the host among machines that
 * share a disk. Any thread. */
#include "maildir/name.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void name_make(char *name_r, const struct timespec *now, const char *host)
{
	static atomic_ulong counter;
	unsigned long n = atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);

	snprintf(name_r, MAILDIR_NAME_MAX + 1, "%lld.M%06ldP%ldQ%lu.%.*s", (long long)now->tv_sec,
	    now->tv_nsec / 1000, (long)getpid(), n, MAILDIR_HOST_MAX, host);
}

void name_make_now(char *name_r, const char *host)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	name_make(name_r, &now, host);
}

void name_add_sizes(char *name, uint64_t size, uint64_t wire_size)
{
	size_t n = strlen(name);

	snprintf(name + n, MAILDIR_NAME_MAX + 1 - n, ",S=%" PRIu64 ",W=%" PRIu64, size, wire_size);
}

void name_add_flags(char *name, const char *flags, const char *letters)
{
	char *out = name + strlen(name);

	memcpy(out, ":2,", 3);
	out += 3;
	for (const char *flag = NAME_FLAGS; *flag != '\0'; flag++) {
		if (strchr(flags, *flag) != NULL) {
			*out++ = *flag;
		}
	}
	memcpy(out, letters, strlen(letters) + 1);
}

void name_drop_flags(char *name)
{
	name[strcspn(name, ":")] = '\0';
}

void name_escape_host(char *out, size_t cap, const char *host)
{
	size_t o = 0;

	for (; *host != '\0' && o + 5 <= cap; host++) {
		unsigned char c = (unsigned char)*host;

		if (c == '/' || c == ':') {
			memcpy(out + o, c == '/' ? "\\057" : "\\072", 4);
			o += 4;
		} else {
			out[o++] = c <= ' ' || c >= 0x7f || c == ',' ? '_' : *host;
		}
	}
	out[o] = '\0';
}
