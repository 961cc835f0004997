/* SPDX-License-Identifier: MIT
 * Runs a fuzz target over files, where no fuzzing engine is linked: the corpus as a plain test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FILE_MAX = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Reads a file into memory of exactly its size, so that a sanitizer sees a byte too many. */
static uint8_t *read_exactly(const char *path, size_t *n_r)
{
	static uint8_t buffer[FILE_MAX];
	FILE *file = fopen(path, "rb");
	uint8_t *data;

	if (file == NULL) {
		return NULL;
	}
	*n_r = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	data = malloc(*n_r + (*n_r == 0));
	if (data != NULL) {
		memcpy(data, buffer, *n_r);
	}
	return data;
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

int main(int argc, char **argv)
{
	int result = argc > 1 ? 0 : 1;

	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) != 0) {
			result = 1;
		}
	}
	return result;
}
