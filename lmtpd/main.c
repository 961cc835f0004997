/* SPDX-License-Identifier: MIT
 * lmtpd: options, and the order in which a daemon comes to life: configuration and sockets as root,
 * everything else as the owner of the mail. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lmtpd/checkup.h"
#include "lmtpd/dry_run.h"
#include "lmtpd/server.h"
#include "status/ask.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "version.h"

static const char usage[] =
    "usage: lmtpd [-c FILE]                      serve\n"
    "       lmtpd [-c FILE] --check [--json]     check the set-up\n"
    "       lmtpd [-c FILE] --check [--json] ADDRESS...\n"
    "                                            show what becomes of mail for each address\n"
    "       lmtpd [-c FILE] --status [--json | --prometheus | --watch [SECONDS]]\n"
    "                                            ask the running lmtpd how it does\n"
    "       lmtpd [-c FILE] --stdio              one LMTP session on stdin and stdout\n"
    "       lmtpd --help | --version\n"
    "\n"
    "FILE is " LMTPD_SYSCONFDIR "/lmtpd.conf if not given; see lmtpd(8) and lmtpd.conf(5).\n";

struct options {
	const char *config_file;
	bool is_check, is_json, is_stdio, is_status, is_prometheus, is_watch;
	const char *seconds_text; /* of --watch */
	unsigned seconds;
};

static bool is_misused(const struct options *options, int n_arguments)
{
	return options->is_check + options->is_stdio + options->is_status > 1 ||
	       options->is_json + options->is_prometheus + options->is_watch > 1 ||
	       (options->is_json && !options->is_check && !options->is_status) ||
	       ((options->is_prometheus || options->is_watch) && !options->is_status) ||
	       (options->is_watch && options->seconds == 0) ||
	       (n_arguments > 0 && !options->is_check);
}

/* Returns -1 to go on, or an exit code. */
static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ "stdio", no_argument, NULL, 's' },
		{ "status", no_argument, NULL, 'S' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options){ .config_file = LMTPD_SYSCONFDIR "/lmtpd.conf" };
	while ((option = getopt_long(argc, argv, "c:", names, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config_file = optarg;
			break;
		case 'k':
			options->is_check = true;
			break;
		case 'j':
			options->is_json = true;
			break;
		case 's':
			options->is_stdio = true;
			break;
		case 'S':
			options->is_status = true;
			break;
		case 'p':
			options->is_prometheus = true;
			break;
		case 'w':
			options->is_watch = true;
			options->seconds_text = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'v':
			printf("lmtpd %s\n", LMTPD_VERSION);
			return EX_OK;
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (options->is_watch) {
		options->seconds = ask_take_seconds(options->seconds_text, argc, argv);
	}
	if (is_misused(options, argc - optind)) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	return -1;
}

static int fail(const char *message)
{
	log_event(LOG_LEVEL_ERROR, "start", "%s", message);
	return EX_CONFIG;
}

/* The server lives as long as the process; it holds the read buffer, so it is not on the stack. */
static struct server server;

static int serve(const struct options *options)
{
	struct config config;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (config_load(&config, options->config_file, &error) != 0) {
		return fail(error.text);
	}
	const struct daemon_sockets sockets = {
		.specs = config.listen,
		.n_specs = config.n_listen,
		.mode = config.socket_mode,
		.user = config.socket_user,
		.group = config.socket_group,
	};
	if (privilege_find(config.user, config.group, &uid, &gid, &error) != 0 ||
	    (!options->is_stdio && daemon_listen(&server.daemon, &sockets, &error) != 0)) {
		config_free(&config);
		return fail(error.text);
	}
	if (!options->is_stdio) {
		control_prepare(config.control, uid, gid);
	}
	if (privilege_become(uid, gid, &error) != 0) {
		config_free(&config);
		return fail(error.text);
	}
	if (uid == 0) {
		log_event(LOG_LEVEL_WARNING, "start",
		    "runs as root, since maildir.user says so; mail should belong to a user of its "
		    "own");
	}
	return server_run(&server, options->config_file, &config);
}

static int show_status(const struct options *options)
{
	struct ask ask = {
		.program = "lmtpd",
		.config = options->config_file,
		.load_path = config_load_control,
		.form = options->is_json         ? DOCUMENT_JSON
			: options->is_prometheus ? DOCUMENT_PROMETHEUS
						 : DOCUMENT_TEXT,
		.seconds = options->seconds,
	};

	return ask_show(&ask);
}

int main(int argc, char **argv)
{
	struct options options;
	int result = parse_options(&options, argc, argv);

	if (result >= 0) {
		return result;
	}
	if (options.is_status) {
		return show_status(&options);
	}
	log_init();
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (directory_library_init() != 0) {
		return fail("the MySQL client library cannot be initialised");
	}
	if (options.is_check && optind < argc) {
		return dry_run(
		    options.config_file, options.is_json, argv + optind, (size_t)(argc - optind));
	}
	if (options.is_check) {
		return checkup_run(options.config_file, options.is_json);
	}
	return serve(&options);
}
