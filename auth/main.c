/* SPDX-License-Identifier: MIT
 * lmtpd-auth: options, and the order in which the daemon comes to life: configuration and sockets as
 * root, everything else as a user that owns nothing. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "auth/checkup.h"
#include "auth/commands.h"
#include "auth/server.h"
#include "status/ask.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "version.h"

static const char usage[] =
    "usage: lmtpd-auth [-c FILE]                  serve\n"
    "       lmtpd-auth [-c FILE] --check [--json] check the set-up\n"
    "       lmtpd-auth [-c FILE] --status [--json | --prometheus | --watch [SECONDS]]\n"
    "                                             ask the running lmtpd-auth how it does\n"
    "       lmtpd-auth [-c FILE] --verify USER    verify a password from the terminal or stdin\n"
    "       lmtpd-auth --hash [METHOD]            hash a password from the terminal or stdin:\n"
    "                                             sha512crypt (default), yescrypt or bcrypt\n"
    "       lmtpd-auth --help | --version\n"
    "\n"
    "FILE is " LMTPD_SYSCONFDIR "/auth.conf if not given; see lmtpd-auth(8) and auth.conf(5).\n";

enum mode {
	MODE_SERVE,
	MODE_CHECK,
	MODE_STATUS,
	MODE_HASH,
	MODE_VERIFY,
};

struct options {
	const char *config_file, *argument;
	enum mode mode;
	bool is_json, is_prometheus, is_watch;
	const char *seconds_text; /* of --watch */
	unsigned seconds;
};

static int misuse(void)
{
	fputs(usage, stderr);
	return EX_USAGE;
}

static bool is_misused(const struct options *options)
{
	bool is_status = options->mode == MODE_STATUS;

	return options->is_json + options->is_prometheus + options->is_watch > 1 ||
	       (options->is_json && options->mode != MODE_CHECK && !is_status) ||
	       ((options->is_prometheus || options->is_watch) && !is_status) ||
	       (options->is_watch && options->seconds == 0);
}

static const struct option names[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'k' },
	{ "json", no_argument, NULL, 'j' },
	{ "status", no_argument, NULL, 'S' },
	{ "prometheus", no_argument, NULL, 'p' },
	{ "watch", optional_argument, NULL, 'w' },
	{ "hash", no_argument, NULL, 'H' },
	{ "verify", required_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

/* Returns -1 to go on, or an exit code. */
static int parse_options(struct options *options, int argc, char **argv)
{
	unsigned n_modes = 0;
	int option;

	*options = (struct options){ .config_file = LMTPD_SYSCONFDIR "/auth.conf" };
	while ((option = getopt_long(argc, argv, "c:", names, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config_file = optarg;
			break;
		case 'k':
			options->mode = MODE_CHECK;
			n_modes++;
			break;
		case 'j':
			options->is_json = true;
			break;
		case 'S':
			options->mode = MODE_STATUS;
			n_modes++;
			break;
		case 'p':
			options->is_prometheus = true;
			break;
		case 'w':
			options->is_watch = true;
			options->seconds_text = optarg;
			break;
		case 'H':
			options->mode = MODE_HASH;
			options->argument = "sha512crypt";
			n_modes++;
			break;
		case 'V':
			options->mode = MODE_VERIFY;
			options->argument = optarg;
			n_modes++;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'v':
			printf("lmtpd-auth %s\n", LMTPD_VERSION);
			return EX_OK;
		default:
			return misuse();
		}
	}
	if (options->mode == MODE_HASH && optind < argc) {
		options->argument = argv[optind++];
	}
	if (options->is_watch) {
		options->seconds = ask_take_seconds(options->seconds_text, argc, argv);
	}
	return n_modes > 1 || optind < argc || is_misused(options) ? misuse() : -1;
}

static int fail(const char *message)
{
	log_event(LOG_LEVEL_ERROR, "start", "%s", message);
	return EX_CONFIG;
}

/* The server lives as long as the process; it holds the read buffer, so it is not on the stack. */
static struct server server;

static int serve(const char *config_file)
{
	struct config config;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (config_load(&config, config_file, &error) != 0) {
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
	    daemon_listen(&server.daemon, &sockets, &error) != 0) {
		config_free(&config);
		return fail(error.text);
	}
	control_prepare(config.control, uid, gid);
	if (privilege_become(uid, gid, &error) != 0) {
		config_free(&config);
		return fail(error.text);
	}
	return server_run(&server, config_file, &config);
}

static int show_status(const struct options *options)
{
	struct ask ask = {
		.program = "lmtpd-auth",
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
	if (options.mode == MODE_STATUS) {
		return show_status(&options);
	}
	log_init();
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	/* Passwords in memory must not end up in a core file. */
	prctl(PR_SET_DUMPABLE, 0);
	if (options.mode == MODE_HASH) {
		return commands_hash(options.argument);
	}
	if (directory_library_init() != 0) {
		return fail("the MySQL client library cannot be initialised");
	}
	switch (options.mode) {
	case MODE_CHECK:
		return checkup_run(options.config_file, options.is_json);
	case MODE_VERIFY:
		return commands_verify(options.config_file, options.argument);
	default:
		return serve(options.config_file);
	}
}
