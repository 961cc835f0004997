/* SPDX-License-Identifier: MIT
 * What every unit test stands on. */
#include "tests/unit/unit.h"

#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SHOWN_MAX = 8192,
	SHOWN_SLOTS = 4,
};

const char *shown(const void *bytes, size_t n)
{
	static char slots[SHOWN_SLOTS][SHOWN_MAX];
	static unsigned next;
	const unsigned char *p = bytes;
	char *out = slots[next++ % SHOWN_SLOTS];
	size_t o = 0;

	for (size_t i = 0; i < n && o + 8 < SHOWN_MAX; i++) {
		if (p[i] == '\r' || p[i] == '\n') {
			o += (size_t)sprintf(out + o, p[i] == '\r' ? "\\r" : "\\n");
		} else if (p[i] < 0x20 || p[i] >= 0x7f) {
			o += (size_t)sprintf(out + o, "\\x%02x", p[i]);
		} else {
			out[o++] = (char)p[i];
		}
	}
	out[o] = '\0';
	return out;
}

void expect_bytes(const char *what, const void *got, size_t n_got, const void *want, size_t n_want)
{
	if (n_got != n_want || (n_got > 0 && memcmp(got, want, n_got) != 0)) {
		fail_msg("%s\n  got  (%zu): %s\n  want (%zu): %s", what, n_got, shown(got, n_got),
		    n_want, shown(want, n_want));
	}
}

void expect_text(const char *what, const char *got, const char *want)
{
	expect_bytes(what, got, strlen(got), want, strlen(want));
}

void expect_printed(const char *what, void (*say)(void *data), void *data, const char *want)
{
	int kept = dup(STDOUT_FILENO), fd = memfd_create("stdout", MFD_CLOEXEC);
	char got[SHOWN_MAX];
	ssize_t n;

	fflush(stdout);
	assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	say(data);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	n = pread(fd, got, sizeof(got), 0);
	close(kept);
	close(fd);
	assert_true(n >= 0);
	expect_bytes(what, got, (size_t)n, want, strlen(want));
}

void add_text(char *out, size_t n, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(out + used, n - used, format, args);
	va_end(args);
	assert_true(added >= 0 && used + (size_t)added < n);
}

size_t enhanced_code_length(const char *s, char class)
{
	size_t n = 1;

	if (s[0] != class) {
		return 0;
	}
	for (unsigned part = 0; part < 2; part++) {
		size_t n_digits = s[n] == '.' ? strspn(s + n + 1, "0123456789") : 0;

		if (n_digits < 1 || n_digits > 3) {
			return 0;
		}
		n += 1 + n_digits;
	}
	return n;
}

uint64_t random_below(uint64_t *seed, uint64_t limit)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return (x ^ (x >> 31)) % limit;
}

void directory_make(char *path_r, size_t n)
{
	const char *base = getenv("TMPDIR");

	snprintf(path_r, n, "%s/lmtpd-unit-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(path_r));
}

void directory_make_in_memory(char *path_r, size_t n)
{
	snprintf(path_r, n, "/dev/shm/lmtpd-unit-XXXXXX");
	if (mkdtemp(path_r) == NULL) {
		directory_make(path_r, n);
	}
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return remove(path);
}

void directory_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int place_set_up(void **state, const char *file)
{
	struct place *place = calloc(1, sizeof(*place));

	directory_make(place->directory, sizeof(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/%s", place->directory, file);
	*state = place;
	return 0;
}

int place_tear_down(void **state)
{
	struct place *place = *state;

	directory_remove(place->directory);
	free(place);
	return 0;
}
