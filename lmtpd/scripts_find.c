/* SPDX-License-Identifier: MIT
 * ManageSieve keeps scripts in a directory and lets a symbolic link lead to the one that is active. A link could lead
 * anywhere: so no more of it is used than the name of a script. */
#include "lmtpd/scripts_find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "lmtpd/scripts.h"
#include "maildir/home.h"

static const char suffix[] = ".sieve";

bool scripts_is_final(int result)
{
	static const int final[] = { ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, EXDEV, EISDIR, ENXIO,
		ENAMETOOLONG, EINVAL };

	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		if (result == -final[i]) {
			return true;
		}
	}
	return false;
}

const char *scripts_own_path(const char *value)
{
	return value + strlen("~/");
}

static bool has_suffix(const char *name)
{
	size_t n = strlen(name), n_suffix = strlen(suffix);

	return n > n_suffix && strcmp(name + n - n_suffix, suffix) == 0;
}

void scripts_name(const char *path, char name_r[SIEVE_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	size_t n = strlen(name) - (has_suffix(name) ? strlen(suffix) : 0);

	snprintf(name_r, SIEVE_NAME_MAX + 1, "%.*s", (int)n, name);
}

/* Puts components behind an absolute path, "." and ".." as they are meant. False: it is too long. */
static bool append(char *whole, size_t cap, const char *path)
{
	size_t at = strlen(whole), n;

	for (; *path != '\0'; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (text_is(path, n, "..")) {
			while (at > 0 && whole[--at] != '/') {
			}
		} else if (n > 0 && !text_is(path, n, ".")) {
			if (at + n + 2 > cap) {
				return false;
			}
			whole[at] = '/';
			memcpy(whole + at + 1, path, n);
			at += n + 1;
		}
		whole[at] = '\0';
	}
	return true;
}

bool scripts_resolve_link(const char *home, const char *active, const char *storage,
    const char *target, char path_r[SCRIPT_PATH_MAX])
{
	char link[2 * PATH_MAX] = "", directory[2 * PATH_MAX] = "";
	const char *name;
	size_t n;

	if (target[0] != '/' &&
	    (!append(link, sizeof(link), home) || !append(link, sizeof(link), active) ||
		!append(link, sizeof(link), ".."))) {
		return false;
	}
	if (!append(link, sizeof(link), target) || !append(directory, sizeof(directory), home) ||
	    !append(directory, sizeof(directory), storage)) {
		return false;
	}
	n = strlen(directory);
	name = link + n + 1;
	return strncmp(link, directory, n) == 0 && link[n] == '/' && strchr(name, '/') == NULL &&
	       has_suffix(name) && strlen(name) - strlen(suffix) <= SIEVE_NAME_MAX &&
	       !text_has_control(name, strlen(name)) &&
	       snprintf(path_r, SCRIPT_PATH_MAX, "%s/%s", storage, name) < SCRIPT_PATH_MAX;
}

static int say(struct scripts_own *own, bool is_there, const char *what, const char *why)
{
	own->is_there = is_there;
	snprintf(own->why, sizeof(own->why), "%.100s: %.140s", what, why);
	return 0;
}

/* As ManageSieve makes it. */
static int follow(const struct sieve_config *config, int home_fd, const struct scripts_home *home,
    int link_fd, struct scripts_own *own)
{
	const char *active = scripts_own_path(config->active);
	char whole[2 * MAILDIR_PATH_MAX], target[PATH_MAX], why[SCRIPT_WHY_MAX];
	ssize_t n = readlinkat(link_fd, "", target, sizeof(target) - 1);

	if (n < 0) {
		return -errno;
	}
	target[n] = '\0';
	snprintf(whole, sizeof(whole), "%s/%s", home->root->base, home->path);
	if (!scripts_resolve_link(
		whole, active, scripts_own_path(config->storage), target, own->path)) {
		snprintf(why, sizeof(why),
		    "a link that does not lead to a script in %s: activate a script anew",
		    config->storage);
		return say(own, false, config->active, why);
	}
	own->fd = home_open_beneath(home_fd, own->path, O_PATH);
	if (own->fd == -ENOENT) {
		return say(own, false, config->active, "a link to a script that is gone");
	}
	own->is_there = true;
	return own->fd >= 0 || scripts_is_final(own->fd) ? 1 : own->fd;
}

/* What is no link is the script itself, whose file descriptor is the same then. */
static int look(const struct sieve_config *config, int home_fd, const struct scripts_home *home,
    int fd, struct scripts_own *own)
{
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return -errno;
	}
	if (S_ISLNK(status.st_mode)) {
		return follow(config, home_fd, home, fd, own);
	}
	if (!S_ISREG(status.st_mode)) {
		return say(own, false, config->active, "no file");
	}
	own->is_there = true;
	own->fd = fd;
	snprintf(own->path, sizeof(own->path), "%s", scripts_own_path(config->active));
	return 1;
}

int scripts_find(const struct sieve_config *config, int home_fd, const struct scripts_home *home,
    struct scripts_own *own_r)
{
	int fd = home_open_beneath(home_fd, scripts_own_path(config->active), O_PATH | O_NOFOLLOW);
	int result;

	*own_r = (struct scripts_own){ .fd = -ENOENT };
	if (fd == -ENOENT) {
		return 0;
	}
	if (fd < 0) {
		return scripts_is_final(fd)
			   ? say(own_r, true, config->active, maildir_strerror(fd, ""))
			   : fd;
	}
	result = look(config, home_fd, home, fd, own_r);
	if (own_r->fd != fd) {
		close(fd);
	}
	return result;
}
