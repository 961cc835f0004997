/* SPDX-License-Identifier: MIT
 * Options, and the order in which a daemon comes to life. */
#include "runtime/program.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "runtime/reload.h"
#include "version.h"

enum {
	COMMANDS_MAX = 16,
	FIRST_COMMAND = 256, /* getopt_long()'s value for commands[0] */
};

static const struct option common_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "prometheus", no_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "watch", optional_argument, NULL, 'w' },
	{ "write", required_argument, NULL, 'W' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
};

enum {
	N_COMMON = sizeof(common_options) / sizeof(common_options[0])
};

int program_misused(const struct program *program)
{
	fputs(program->usage, stderr);
	return EX_USAGE;
}

static void list_options(
    const struct program *program, struct option options_r[N_COMMON + COMMANDS_MAX + 1])
{
	size_t n = N_COMMON;

	memcpy(options_r, common_options, sizeof(common_options));
	for (size_t i = 0; i < COMMANDS_MAX && program->commands[i].name != NULL; i++) {
		options_r[n++] = (struct option){ program->commands[i].name,
			program->commands[i].has_argument, NULL, FIRST_COMMAND + (int)i };
	}
	options_r[n] = (struct option){ NULL, 0, NULL, 0 };
}

/* At most one command, one form that it knows, and no argument too many. */
static bool is_misused(const struct program_call *call)
{
	const struct program_command *command = call->command;
	unsigned known = command == NULL ? 0 : command->forms;
	size_t arguments_max = command == NULL ? 0 : command->arguments_max;

	return (call->forms & ~known) != 0 || (call->forms & (call->forms - 1)) != 0 ||
	       call->n_arguments > arguments_max;
}

/* Takes one option. Returns -1 to go on, or an exit code. */
static int take_option(struct program_call *call, int option)
{
	const struct program *program = call->program;

	switch (option) {
	case 'c':
		call->config_file = optarg;
		return -1;
	case 'j':
		call->forms |= PROGRAM_JSON;
		return -1;
	case 'p':
		call->forms |= PROGRAM_PROMETHEUS;
		return -1;
	case 'q':
		call->forms |= PROGRAM_QUIET;
		return -1;
	case 'w':
		call->forms |= PROGRAM_WATCH;
		call->seconds = optarg;
		return -1;
	case 'W':
		call->forms |= PROGRAM_WRITE;
		call->directory = optarg;
		return -1;
	case 'h':
		fputs(program->usage, stdout);
		return EX_OK;
	case 'v':
		printf("%s %s\n", program->name, LMTPD_VERSION);
		return EX_OK;
	default:
		if (option < FIRST_COMMAND ||
		    (call->command != NULL &&
			call->command != &program->commands[option - FIRST_COMMAND])) {
			return program_misused(program);
		}
		call->command = &program->commands[option - FIRST_COMMAND];
		call->argument = optarg;
		return -1;
	}
}

/* Returns -1 to go on, or an exit code. */
static int parse_call(struct program_call *call, int argc, char **argv)
{
	struct option options[N_COMMON + COMMANDS_MAX + 1];
	int option, result = -1;

	list_options(call->program, options);
	while (result < 0 && (option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		result = take_option(call, option);
	}
	if (result >= 0) {
		return result;
	}
	/* --watch SECONDS, beside --watch=SECONDS */
	if ((call->forms & PROGRAM_WATCH) != 0 && call->seconds == NULL && optind < argc) {
		call->seconds = argv[optind++];
	}
	call->arguments = argv + optind;
	call->n_arguments = (size_t)(argc - optind);
	return is_misused(call) ? program_misused(call->program) : -1;
}

static int fail(const struct error *error)
{
	log_event(LOG_LEVEL_ERROR, "start", "%s", error->text);
	return EX_CONFIG;
}

/* What only root can do, and giving root up. */
static int settle_privileges(const struct program_call *call,
    const struct daemon_settings *settings, bool is_listening, struct error *error)
{
	const struct program *program = call->program;
	uid_t uid;
	gid_t gid;

	if (privilege_find(settings->user, settings->group, &uid, &gid, error) != 0 ||
	    (is_listening && daemon_listen(program->daemon, settings, error) != 0)) {
		return -1;
	}
	if (is_listening) {
		program->prepare(settings, uid, gid);
	}
	if (privilege_become(uid, gid, error) != 0) {
		return -1;
	}
	if (uid == 0) {
		log_event(
		    LOG_LEVEL_WARNING, "start", "runs as root, since %s", program->root_warning);
	}
	return 0;
}

int program_serve(const struct program_call *call, bool is_listening)
{
	const struct program *program = call->program;
	struct error error;
	void *config;

	daemon_init(program->daemon, program, call->config_file);
	config = settings_load(program->form, call->config_file, &error);
	if (config == NULL) {
		return fail(&error);
	}
	if ((program->check != NULL && program->check(config, &error) != 0) ||
	    settle_privileges(call, config, is_listening, &error) != 0) {
		settings_free(config);
		return fail(&error);
	}
	return daemon_serve(program->daemon, config);
}

int program_main(const struct program *program, int argc, char **argv)
{
	struct program_call call = { .program = program, .config_file = program->config_file };
	struct error error;
	int result = parse_call(&call, argc, argv);

	if (result >= 0) {
		return result;
	}
	log_init();
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (program->init(&error) != 0) {
		return fail(&error);
	}
	return call.command == NULL ? program_serve(&call, true) : call.command->run(&call);
}
