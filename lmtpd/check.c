/* SPDX-License-Identifier: MIT
 * --check. As root it becomes the mail's owner first, as the daemon does, so that it meets the same
 * permissions. */
#include "lmtpd/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd/config.h"
#include "lmtpd/lookup.h"
#include "runtime/report.h"
#include "maildir/maildir.h"
#include "runtime/privilege.h"

struct check {
	struct report report;
	struct config config;
	int exit_code;
};

static void say(struct check *check, enum report_status status, int exit_code, const char *what,
    const char *detail, const char *remedy)
{
	report_check(&check->report, status, what, detail, remedy);
	if (status == REPORT_FAIL && check->exit_code == EX_OK) {
		check->exit_code = exit_code;
	}
}

static void check_config_file(struct check *check, const char *file)
{
	struct stat status;

	if (stat(file, &status) == 0 && (status.st_mode & S_IROTH) != 0 &&
	    settings_text(check->config.settings, "mysql", "password")[0] != '\0') {
		say(check, REPORT_WARN, 0, "configuration", file,
		    "it holds the database password and everybody can read it: chmod o-r");
		return;
	}
	say(check, REPORT_OK, 0, "configuration", file, NULL);
}

/* Who answers on a socket, if anybody: its greeting, without line end. Nothing is sent. */
static bool read_greeting(const char *path, char *greeting_r, size_t n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 2 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t got = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		got = recv(fd, greeting_r, n - 1, 0);
		got = got < 0 ? 0 : got;
		greeting_r[got] = '\0';
		greeting_r[strcspn(greeting_r, "\r\n")] = '\0';
	}
	if (fd >= 0) {
		close(fd);
	}
	return got >= 0;
}

static void check_served_socket(struct check *check, const char *spec)
{
	char greeting[256], detail[512];

	if (!read_greeting(spec + 5, greeting, sizeof(greeting))) {
		say(check, REPORT_OK, 0, "socket", spec, NULL);
	} else if (strstr(greeting, "lmtpd") != NULL) {
		snprintf(detail, sizeof(detail), "%s, lmtpd serves it now", spec);
		say(check, REPORT_OK, 0, "socket", detail, NULL);
	} else {
		snprintf(detail, sizeof(detail), "%s: another program serves it: \"%s\"", spec,
		    greeting);
		say(check, REPORT_FAIL, EX_CONFIG, "socket", detail,
		    "before lmtpd starts, take it from that program: from Dovecot, its service "
		    "lmtp");
	}
}

static void check_socket(struct check *check, const char *spec)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)], detail[512];
	struct stat status;
	char *slash;

	if (strncmp(spec, "unix:", 5) != 0) {
		say(check, REPORT_OK, 0, "socket", spec, NULL);
		return;
	}
	snprintf(directory, sizeof(directory), "%s", spec + 5);
	if (stat(directory, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		say(check, REPORT_FAIL, EX_CONFIG, "socket", spec,
		    "something that is no socket lies there: move it away");
		return;
	}
	slash = strrchr(directory, '/');
	slash[slash == directory] = '\0';
	if (stat(directory, &status) != 0) {
		int error = errno;

		snprintf(detail, sizeof(detail), "%s: %s: %s", spec, directory, strerror(error));
		/* /var/spool/postfix/private is closed to all but root and postfix. */
		say(check, error == EACCES ? REPORT_WARN : REPORT_FAIL, EX_CONFIG, "socket", detail,
		    error == EACCES
			? "run --check as root to see it"
			: "install Postfix, or set lmtp.listen to a directory that exists");
		return;
	}
	check_served_socket(check, spec);
}

static void check_socket_owner(struct check *check)
{
	char detail[512], error[256];
	uid_t uid;
	gid_t gid;

	snprintf(detail, sizeof(detail), "%s:%s mode %04o", check->config.socket_user,
	    check->config.socket_group, (unsigned)check->config.socket_mode);
	if (privilege_find(check->config.socket_user, check->config.socket_group, &uid, &gid, error,
		sizeof(error)) != 0) {
		say(check, REPORT_FAIL, EX_CONFIG, "socket owner", error,
		    "set lmtp.socket_user and lmtp.socket_group to the ones that Postfix runs as");
		return;
	}
	say(check, REPORT_OK, 0, "socket owner", detail, NULL);
}

/* From here on the checks see the machine with the eyes of the mail's owner. */
static void check_owner(struct check *check)
{
	char detail[512], error[256];
	uid_t uid;
	gid_t gid;

	if (privilege_find(
		check->config.user, check->config.group, &uid, &gid, error, sizeof(error)) != 0) {
		say(check, REPORT_FAIL, EX_CONFIG, "mail owner", error,
		    "groupadd -g 5000 vmail; useradd -g vmail -u 5000 vmail -d /var/mail");
		return;
	}
	if (privilege_become(uid, gid, error, sizeof(error)) != 0) {
		say(check, REPORT_WARN, 0, "mail owner", error,
		    "run --check as root to see what the daemon would");
		return;
	}
	snprintf(detail, sizeof(detail), "%s:%s (%u:%u)", check->config.user, check->config.group,
	    uid, gid);
	say(check, uid == 0 ? REPORT_WARN : REPORT_OK, 0, "mail owner", detail,
	    uid == 0 ? "mail should belong to a user of its own, not to root" : NULL);
}

/* The password lies in the file, so root owns it; but a reload reads it as the owner of the mail. */
static void check_reload(struct check *check, const char *file)
{
	if (access(file, R_OK) != 0) {
		say(check, REPORT_WARN, 0, "reload", strerror(errno),
		    "SIGHUP reads the configuration as the mail owner: chgrp it to maildir.group, "
		    "mode "
		    "0640");
	}
}

static void check_mail_root(struct check *check)
{
	const char *base = check->config.base;
	char detail[1024];
	struct stat status;

	if (stat(base, &status) != 0 || access(base, R_OK | W_OK | X_OK) != 0) {
		snprintf(detail, sizeof(detail), "%s: %s", base, strerror(errno));
		say(check, REPORT_FAIL, EX_CONFIG, "mail root", detail,
		    "make it, and give it to the user and group of section maildir");
		return;
	}
	if (!S_ISDIR(status.st_mode)) {
		say(check, REPORT_FAIL, EX_CONFIG, "mail root", base, "it must be a directory");
		return;
	}
	snprintf(detail, sizeof(detail), "%s, homes at %s/%s", base, base, check->config.home_rest);
	say(check, REPORT_OK, 0, "mail root", detail, NULL);
}

static int ignore_row(
    void *data, const char *first, size_t n_first, const char *second, size_t n_second)
{
	return 0;
}

static void check_database(struct check *check)
{
	struct directory *directory = directory_new(&check->config.directory);
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	if (result != 0) {
		const char *error =
		    directory == NULL ? "out of memory" : directory_error(directory);

		if (result == DIRECTORY_BAD_QUERY) {
			say(check, REPORT_FAIL, EX_CONFIG, "database", error,
			    "correct the query in section mysql, or grant the account what it "
			    "reads");
		} else {
			say(check, REPORT_FAIL, EX_UNAVAILABLE, "database", error,
			    "see that it runs, and that hosts, user, password and dbname are "
			    "right");
		}
		directory_free(directory);
		return;
	}
	say(check, REPORT_OK, 0, "database", directory_host(directory), NULL);
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		if (check->config.directory.queries[i] == NULL) {
			continue; /* not one of lmtpd's */
		}
		/* Reserved names, RFC 2606: nobody can have this address. */
		if (directory_ask(directory, i, "nobody@lmtpd-check.invalid", ignore_row, NULL) !=
		    0) {
			say(check, REPORT_FAIL, EX_CONFIG, directory_query_name(i),
			    directory_error(directory), "correct the query in section mysql");
		} else {
			say(check, REPORT_OK, 0, directory_query_name(i),
			    check->config.directory.queries[i], NULL);
		}
	}
	directory_free(directory);
}

int check_setup(const char *config_file, bool is_json)
{
	struct check check = { .report = { .is_json = is_json } };
	char error[1024];

	report_begin(&check.report, "checks");
	if (config_load(&check.config, config_file, error, sizeof(error)) != 0) {
		say(&check, REPORT_FAIL, EX_CONFIG, "configuration", error, "correct it there");
	} else {
		check_config_file(&check, config_file);
		say(&check, REPORT_OK, 0, "hostname", check.config.hostname, NULL);
		for (size_t i = 0; i < check.config.n_listen; i++) {
			check_socket(&check, check.config.listen[i]);
		}
		check_socket_owner(&check);
		check_owner(&check);
		check_reload(&check, config_file);
		check_mail_root(&check);
		check_database(&check);
		config_free(&check.config);
	}
	report_end(&check.report, check.exit_code);
	return check.exit_code;
}

static void on_trace(void *data, enum resolver_table table, const char *key, const char *found)
{
	static const char *const names[] = {
		[RESOLVER_MAILBOX] = "mailbox",
		[RESOLVER_ALIAS] = "alias",
		[RESOLVER_DOMAIN] = "domain",
	};

	report_lookup(data, names[table], key, found);
}

static void show_mailbox(
    struct check *check, const struct maildir_root *root, const struct address *row, int *exit_r)
{
	char path[MAILDIR_PATH_MAX], whole[MAILDIR_PATH_MAX + 4096], state[256];
	const char *part = "";
	int result = config_mailbox_path(&check->config, row, path, sizeof(path)) != 0
			 ? -ENAMETOOLONG
			 : maildir_probe(root, path, &part);

	snprintf(whole, sizeof(whole), "%s/%s", check->config.base, path);
	if (result < 0) {
		snprintf(state, sizeof(state), "cannot be written: %s%s%s", part,
		    part[0] != '\0' ? ": " : "", maildir_strerror(result));
		*exit_r = EX_TEMPFAIL;
	} else {
		snprintf(state, sizeof(state), "%s",
		    result == MAILDIR_EXISTS ? "exists" : "made at the first delivery");
	}
	report_mailbox(&check->report, row->text, whole, state);
}

static int exit_code_of(enum reply reply)
{
	if (reply == REPLY_RECIPIENT_OK) {
		return EX_OK;
	}
	if (reply == REPLY_NO_DATABASE) {
		return EX_UNAVAILABLE;
	}
	return reply_is_permanent(reply) ? EX_NOUSER : EX_TEMPFAIL;
}

/* The address as it would stand between the angle brackets of RCPT. */
static int check_address(struct check *check, struct directory *directory,
    const struct maildir_root *root, const char *text)
{
	struct recipient_facts facts = { .error = "" };
	struct path path = { .text = text, .n = strlen(text) };
	struct address address;
	enum reply reply;
	char line[REPLY_LINE_MAX + 1];
	int exit_code;

	if (path.n >= 2 && text[0] == '<' && text[path.n - 1] == '>') {
		path.text++;
		path.n -= 2;
	}
	report_address(&check->report, text);
	reply = lmtp_check_path(&check->config.lmtp, &path, &address);
	if (reply == REPLY_NONE) {
		reply = lookup_resolve(
		    directory, &check->config, &address, NULL, on_trace, &check->report, &facts);
	}
	exit_code = exit_code_of(reply);
	report_mailboxes(&check->report);
	for (size_t i = 0; reply == REPLY_RECIPIENT_OK && i < facts.resolution.n_mailboxes; i++) {
		show_mailbox(check, root, &facts.resolution.mailboxes[i], &exit_code);
	}
	{
		char plain[512];

		snprintf(plain, sizeof(plain), "%.*s", (int)path.n, path.text);
		line[reply_format(line, reply, plain, NULL) - 2] = '\0';
	}
	report_reply(&check->report, line,
	    facts.error[0] != '\0'             ? facts.error
	    : facts.resolution.note[0] != '\0' ? facts.resolution.note
					       : NULL);
	resolution_deinit(&facts.resolution);
	return exit_code;
}

/* Of several addresses the exit code tells the gravest: no database, try later, unknown. */
static int graver(int a, int b)
{
	static const int order[] = { EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOUSER };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (a == order[i] || b == order[i]) {
			return order[i];
		}
	}
	return EX_OK;
}

int check_addresses(const char *config_file, bool is_json, char *const *addresses, size_t n)
{
	struct check check = { .report = { .is_json = is_json } };
	struct directory *directory;
	struct maildir_root root;
	char error[1024];
	uid_t uid;
	gid_t gid;

	if (config_load(&check.config, config_file, error, sizeof(error)) != 0) {
		fprintf(stderr, "lmtpd: %s\n", error);
		return EX_CONFIG;
	}
	if (geteuid() == 0 && (privilege_find(check.config.user, check.config.group, &uid, &gid,
				   error, sizeof(error)) != 0 ||
				  privilege_become(uid, gid, error, sizeof(error)) != 0)) {
		fprintf(stderr, "lmtpd: maildir.user: %s\n", error);
		config_free(&check.config);
		return EX_CONFIG;
	}
	maildir_root_init(&root, check.config.base, check.config.hostname);
	directory = directory_new(&check.config.directory);
	if (directory == NULL) {
		config_free(&check.config);
		return EX_OSERR;
	}
	report_begin(&check.report, "addresses");
	for (size_t i = 0; i < n; i++) {
		check.exit_code =
		    graver(check.exit_code, check_address(&check, directory, &root, addresses[i]));
	}
	report_end(&check.report, check.exit_code);
	directory_free(directory);
	config_free(&check.config);
	return check.exit_code;
}
