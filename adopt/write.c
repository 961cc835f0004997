/* SPDX-License-Identifier: MIT
 * Whether a file is there is asked for all before the first is made, so that a second run leaves no half. */
#include "adopt/write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	NAME_LENGTH_MAX = 64,
};

static int fail(const char *directory, const char *name)
{
	fprintf(stderr, "lmtpd: %s/%s: %s\n", directory, name, strerror(errno));
	return EX_CANTCREAT;
}

/* Returns 0, or -1 with errno. */
static int write_all(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t written = write(fd, text, n);

		if (written < 0) {
			return -1;
		}
		text += written;
		n -= (size_t)written;
	}
	return 0;
}

static int write_file(int base, const char *name, mode_t mode, const char *text)
{
	int fd = openat(base, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result = fd < 0 ? -1 : 0;

	if (result == 0 && (write_all(fd, text) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
		int why = errno;

		unlinkat(base, name, 0); /* it is ours */
		errno = why;
		result = -1;
	}
	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static void name_file(const struct side *side, const char *suffix, char name_r[NAME_LENGTH_MAX])
{
	snprintf(name_r, NAME_LENGTH_MAX, "%s.%s", side->name, suffix);
}

/* Is none of them there? Returns 0, or an exit code after it was told. */
static int check_free(const struct side *sides, size_t n, int base, const char *directory)
{
	static const char *const suffixes[] = { "conf", "password" };
	struct stat status;
	char name[NAME_LENGTH_MAX];

	for (size_t i = 0; i < 2 * n; i++) {
		name_file(&sides[i / 2], suffixes[i % 2], name);
		if (fstatat(base, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
			errno = EEXIST;
			return fail(directory, name);
		}
		if (errno != ENOENT) {
			return fail(directory, name);
		}
	}
	return EX_OK;
}

static int write_side(const struct side *side, int base, const char *directory)
{
	char name[NAME_LENGTH_MAX], password[SIDE_PASSWORD_MAX + 1];
	char *text = side_write(side, directory);
	int result;

	if (text == NULL) {
		errno = ENOMEM;
		return fail(directory, side->name);
	}
	name_file(side, "conf", name);
	result = write_file(base, name, 0644, text);
	free(text);
	if (result != 0) {
		return fail(directory, name);
	}
	printf("wrote %s/%s\n", directory, name);
	if (side->password[0] == '\0') {
		return EX_OK;
	}
	name_file(side, "password", name);
	snprintf(password, sizeof(password), "%s\n", side->password);
	result = write_file(base, name, 0600, password);
	explicit_bzero(password, sizeof(password));
	if (result != 0) {
		return fail(directory, name);
	}
	printf("wrote %s/%s\n", directory, name);
	return EX_OK;
}

static void tell_next(const char *directory, const char *sysconfdir)
{
	printf("\nNext, which changes nothing:\n"
	       "  lmtpd -c %s/lmtpd.conf --check\n"
	       "  lmtpd-auth -c %s/auth.conf --check\n",
	    directory, directory);
	if (strcmp(directory, sysconfdir) != 0) {
		printf("When both say what you want:\n"
		       "  sed -i 's|:-%s}|:-%s}|' %s/lmtpd.conf %s/auth.conf\n"
		       "  mv %s/*.conf %s/*.password %s/\n",
		    directory, sysconfdir, directory, directory, directory, directory, sysconfdir);
	}
}

int write_files(const struct side *sides, size_t n, const char *directory, const char *sysconfdir)
{
	char real[PATH_MAX];
	int base = -1, exit_code;

	/* umask is narrow, while who serves must find the files. */
	if (mkdir(directory, 0755) == 0) {
		if (chmod(directory, 0755) != 0) {
			return fail(directory, "");
		}
	} else if (errno != EEXIST) {
		return fail(directory, "");
	}
	if (realpath(directory, real) != NULL) {
		base = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (base < 0) {
		return fail(directory, "");
	}
	exit_code = strpbrk(real, "\"\\$|'}{ \n\t") != NULL ? EX_USAGE : EX_OK;
	if (exit_code != EX_OK) {
		fprintf(stderr, "lmtpd: %s: take a directory with a plain name\n", directory);
	} else {
		exit_code = check_free(sides, n, base, real);
	}
	for (size_t i = 0; i < n && exit_code == EX_OK; i++) {
		exit_code = write_side(&sides[i], base, real);
	}
	if (exit_code == EX_OK && fsync(base) != 0) {
		exit_code = fail(real, "");
	}
	if (exit_code == EX_OK) {
		tell_next(real, sysconfdir);
	}
	close(base);
	return exit_code;
}
