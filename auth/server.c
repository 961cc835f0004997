/* SPDX-License-Identifier: MIT
 * The table that lmtpd-auth is, and how its clients come and go. */
#include "auth/server.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/checkup.h"
#include "auth/client.h"
#include "auth/commands.h"
#include "auth/verification.h"
#include "runtime/log.h"
#include "schema/directory.h"
#include "schema/inspection.h"
#include "status/ask.h"
#include "version.h"

enum {
	/* Hashing gives way to everything else on the machine that wants to run: the loop that answers,
	 * and the delivery of mail. */
	CRYPT_NICE = 5,
	/* Who has waited so long, in ms, to be hashed, waits because of a flood: what comes in then goes
	 * first, so that some have their answers soon, and not all of them too late. */
	CRYPT_OVERLOAD = 2000,
};

static const char usage[] =
    "usage: lmtpd-auth [-c FILE]                  serve\n"
    "       lmtpd-auth [-c FILE] --check [--json] check the set-up\n"
    "       lmtpd-auth [-c FILE] --status [--json | --prometheus | --quiet | --watch [SECONDS]]\n"
    "                                             ask the running lmtpd-auth how it does\n"
    "       lmtpd-auth [-c FILE] --verify USER    verify a password from the terminal or stdin\n"
    "       lmtpd-auth --hash [METHOD]            hash a password from the terminal or stdin:\n"
    "                                             sha512crypt (default), yescrypt, bcrypt or\n"
    "                                             argon2id\n"
    "       lmtpd-auth --help | --version\n"
    "\n"
    "FILE is " LMTPD_SYSCONFDIR "/auth.conf if not given; see lmtpd-auth(8) and auth.conf(5).\n";

/* There is one, and it lives as long as the process. */
static struct auth_server server;

static int auth_init(struct error *error)
{
	/* Passwords in memory must not end up in a core file; either is enough. */
	static const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	return directory_library_init(error);
}

static void *start_crypt(void *data)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), CRYPT_NICE); /* of this thread, on Linux */
	return data;
}

static void auth_lanes(void *data, struct lane_settings settings_r[SERVICE_LANES])
{
	struct auth_config *config = data;
	struct lane_settings *lookups = &settings_r[SERVICE_LOOKUPS];
	unsigned patience = directory_patience(&config->directory);
	long n_cores = sysconf(_SC_NPROCESSORS_ONLN);

	lookups->n_threads = (unsigned)config->directory.connections;
	lookups->patience =
	    (patience < VERIFICATION_PATIENCE ? patience : VERIFICATION_PATIENCE) * 1000;
	lookups->start = directory_thread_begin;
	lookups->stop = directory_thread_end;
	lookups->data = &config->directory;
	settings_r[SERVICE_WORKERS] = (struct lane_settings){
		.name = "crypt",
		.n_threads = n_cores > 0 ? (unsigned)n_cores : 1,
		.patience = VERIFICATION_PATIENCE * 1000,
		.overload = CRYPT_OVERLOAD,
		.is_dispensable = true,
		.start = start_crypt,
	};
}

static void auth_tried(struct daemon *daemon, const char *why_not)
{
	vitals_asked(&server.status.vitals, why_not);
}

static int auth_begin(struct daemon *daemon)
{
	if (getrandom(&server.failures.seed, sizeof(server.failures.seed), 0) < 0) {
		server.failures.seed = 0;
	}
	if (password_hash(server.dummy, "", "sha512crypt") < 0) {
		log_event(LOG_LEVEL_ERROR, "start", "cannot hash with sha512crypt");
		return -1;
	}
	vitals_begin(&server.status.vitals, daemon, "lmtpd_auth", status_write);
	log_event(LOG_LEVEL_INFO, "start", "lmtpd-auth %s serves %zu sockets", LMTPD_VERSION,
	    daemon->n_listeners);
	return 0;
}

static void auth_end(struct daemon *daemon)
{
	vitals_end(&server.status.vitals);
}

static int run_check(const struct program_call *call)
{
	return auth_checkup(call->config_file, (call->forms & PROGRAM_JSON) != 0);
}

static const struct program_command commands[] = {
	{ "check", run_check, 0, no_argument, PROGRAM_JSON },
	{ "status", ask_run, 0, no_argument,
	    PROGRAM_JSON | PROGRAM_PROMETHEUS | PROGRAM_QUIET | PROGRAM_WATCH },
	{ "verify", commands_verify, 0, required_argument, PROGRAM_TEXT },
	{ "hash", commands_hash, 1, no_argument, PROGRAM_TEXT },
	{ NULL, NULL, 0, no_argument, PROGRAM_TEXT },
};

static const struct program_door door = { "auth", client_open };

static const struct program auth_program = {
	.name = "lmtpd-auth",
	.usage = usage,
	.config_file = LMTPD_SYSCONFDIR "/auth.conf",
	.commands = commands,
	.daemon = &server.daemon,
	.init = auth_init,
	.form = &auth_config_form,
	.fixed_keys = "auth.listen, socket_*, control, user and group",
	.root_warning = "auth.user says so; it needs no rights at all: give it a user of its own",
	.lanes = auth_lanes,
	.try = directory_try,
	.ask = inspection_ask_nobody,
	.tried = auth_tried,
	.prepare = control_prepare,
	.begin = auth_begin,
	.end = auth_end,
	.doors = &door,
	.n_doors = 1,
};

int main(int argc, char **argv)
{
	return program_main(&auth_program, argc, argv);
}
