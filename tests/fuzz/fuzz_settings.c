/* SPDX-License-Identifier: MIT
 * Fuzz target of lmtpd.conf: any bytes are a configuration or an error that names the file, what was
 * read before makes no difference, and a mailbox's path stays within its bounds.
 *
 * An input is a file. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lmtpd/homes.h"

/* Of the linker's --wrap: a configuration may name any file as that of its password, and reading
 * those would make a run depend on the machine, or wait for ever. */
int __real_directory_settings_open(struct directory_settings *settings, struct error *error);
int __wrap_directory_settings_open(struct directory_settings *settings, struct error *error);

int __wrap_directory_settings_open(struct directory_settings *settings, struct error *error)
{
	if (settings->password_file[0] != '\0') {
		return error_set(error, "mysql.password_file is not read here");
	}
	return __real_directory_settings_open(settings, error);
}

static char path[64];

static void write_file(const void *bytes, size_t n)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("lmtpd.conf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_require(
	    ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n, "the file is there");
}

/* Homes of rows: as they should be, and as nobody should write them. */
static void check_maildirs(const struct lmtpd_config *config)
{
	static const char *const homes[] = { NULL, "/var/mail/vhosts/a/b", "/", "", "/../x",
		"//var//mail/./x/" };
	static const char *const paths[] = { NULL, "", "Maildir", "../x", "/x", "./a//b/" };

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
			struct mailbox mailbox = { .home = (char *)(size_t)homes[i],
				.path = (char *)(size_t)paths[k] };
			const char *row = k % 2 == 0 ? "User.Name+x@Example.COM" : "a@b";
			struct home home;
			struct error error;

			fuzz_require(
			    address_from_text(&mailbox.address, row, strlen(row)) == ADDRESS_OK,
			    "a row");
			memset(&home, 'x', sizeof(home));
			if (homes_find(config, &mailbox, &home, &error) == 0) {
				fuzz_require(memchr(home.path, '\0', sizeof(home.path)) != NULL,
				    "a path ends");
				fuzz_require(maildir_path_is_plain(home.path), "a path is plain");
				fuzz_require(home.root->base[0] == '/', "a root is absolute");
			}
		}
	}
}

static void check_quota(const struct lmtpd_config *config)
{
	const struct account_rules *rules = &config->rules;
	size_t n = 0;

	while (rules->style.ignored != NULL && rules->style.ignored[n] != NULL) {
		fuzz_require(!usage_counts_folder(&rules->style, rules->style.ignored[n]),
		    "a folder that is ignored does not count");
		n++;
	}
	fuzz_require(n == config->ignored_folders.n, "all that are named are ignored");
	fuzz_require(!rules->grace.is_percent || rules->grace.n <= 999, "a grace is one");
	fuzz_require(rules->style.is_virtual == (strcmp(config->count, "virtual") == 0),
	    "sizes are those that are named");
}

static void check_tls(const struct directory_settings *settings)
{
	bool is_required = strcmp(settings->tls, "required") == 0;

	fuzz_require(is_required || settings->tls[0] == '\0' || strcmp(settings->tls, "off") == 0 ||
			 strcmp(settings->tls, "try") == 0,
	    "TLS is a word that is known");
	fuzz_require(is_required || settings->tls_ca[0] == '\0', "a CA verifies somebody");
}

static void check_config(const struct lmtpd_config *config)
{
	fuzz_require(config->hostname[0] != '\0', "there is a name");
	fuzz_require(config->daemon.second != NULL, "a second door has a socket or none");
	fuzz_require(config->daemon.listen.n > 0 && config->directory.hosts.n > 0,
	    "there is somebody to talk to");
	fuzz_require(
	    config->daemon.socket_mode >= 0 && config->daemon.socket_mode <= 0777, "a mode is one");
	fuzz_require(
	    config->idle_timeout >= 1 && config->idle_timeout <= 86400 && config->writers >= 1 &&
		config->writers <= 512 && config->lmtp.recipient_limit >= 1 &&
		config->lmtp.recipient_limit <= 10000 &&
		config->lmtp.message_size_limit <= (uint64_t)1 << 50 &&
		config->directory.connections >= 1 && config->directory.connections <= 256 &&
		config->directory.timeout >= 1 && config->directory.timeout <= 60,
	    "numbers keep to their limits");
	fuzz_require(
	    config->base[0] == '/' && strpbrk(config->lmtp.recipient_delimiter, "@/ ") == NULL,
	    "texts keep to their form");
	fuzz_require(strstr(config->home, "//") == NULL && strstr(config->home, "/./") == NULL &&
			 strstr(config->home, "/../") == NULL &&
			 config->home[strlen(config->home) - 1] != '/' &&
			 (config->path[0] == '\0' || maildir_path_is_plain(config->path)),
	    "paths hold names alone");
	fuzz_require(strchr(config->marker, '/') == NULL && strcmp(config->marker, "..") != 0,
	    "a marker is a name");
	check_quota(config);
	check_tls(&config->directory);
	fuzz_require(config->daemon.user[0] != '\0' && config->daemon.group[0] != '\0',
	    "somebody owns the mail");
	check_maildirs(config);
}

/* What a file means: its error, or some of its values. */
static void load(const void *bytes, size_t n, char *meaning_r, size_t n_meaning)
{
	struct lmtpd_config *config;
	struct error error = { "" };

	write_file(bytes, n);
	config = settings_load(&lmtpd_config_form, path, &error);
	if (config == NULL) {
		fuzz_require(
		    strncmp(error.text, path, strlen(path)) == 0 && error.text[strlen(path)] == ':',
		    "an error names the file");
		snprintf(meaning_r, n_meaning, "%s", error.text);
		return;
	}
	check_config(config);
	snprintf(meaning_r, n_meaning, "%.200s|%.200s|%.200s|%.200s|%zu",
	    config->lmtp.recipient_delimiter, config->base, config->home_rest,
	    config->directory.dbname, config->daemon.listen.n);
	settings_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char plain[] = "hostname = \"mx\"\nmysql {\n  dbname = \"it's\" # one\n}\n";
	char first[ERROR_MAX], second[ERROR_MAX];

	load(data, n, first, sizeof(first));
	load(plain, strlen(plain), second, sizeof(second));
	fuzz_require(strcmp(second, "+|/var/mail/vhosts|%d/%n|it's|1") == 0,
	    "the next file is read as ever");
	load(data, n, second, sizeof(second));
	fuzz_require(strcmp(first, second) == 0, "a file means the same twice");
	return 0;
}
