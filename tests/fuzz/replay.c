/* SPDX-License-Identifier: MIT
 * Runs a fuzz target over the files of directories, where no fuzzing engine is linked: the corpus as a
 * plain test. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILE_MAX = 1 << 20
};

/* Reads a file into memory of exactly its size, so that a sanitizer sees a byte too many. */
static uint8_t *read_exactly(const char *path, size_t *n_r)
{
	static uint8_t buffer[FILE_MAX];
	FILE *file = fopen(path, "rb");

	if (file == NULL) {
		return NULL;
	}
	*n_r = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	return fuzz_copy(buffer, *n_r);
}

static int replay(const char *path)
{
	size_t n;
	uint8_t *data = read_exactly(path, &n);

	if (data == NULL) {
		perror(path);
		return -1;
	}
	fprintf(stderr, "%s: %zu bytes\n", path, n);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

static int replay_directory(const char *directory)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, NULL, alphasort), n_files = 0, result = 0;

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			n_files++;
			result |= replay(path);
		}
		free(entries[i]);
	}
	if (n >= 0) {
		free(entries);
	}
	return n_files > 0 ? result : -1; /* a corpus that is not there tests nothing */
}

int main(int argc, char **argv)
{
	int result = argc > 1 ? 0 : 1;

	for (int i = 1; i < argc; i++) {
		if (replay_directory(argv[i]) != 0) {
			result = 1;
		}
	}
	return result;
}
