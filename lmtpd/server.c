/* SPDX-License-Identifier: MIT
 * The table that lmtpd is, and how its sessions come and go. */
#include "lmtpd/server.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "adopt/adopt.h"
#include "auth/config.h"
#include "lmtpd/checkup.h"
#include "lmtpd/dry_run.h"
#include "lmtpd/lookup.h"
#include "lmtpd/maildirs.h"
#include "lmtpd/notices.h"
#include "lmtpd/policy.h"
#include "lmtpd/quota_list.h"
#include "lmtpd/session.h"
#include "lmtpd/sieve_command.h"
#include "lmtpd/submitter.h"
#include "lmtpd/homes.h"
#include "runtime/log.h"
#include "schema/directory.h"
#include "schema/inspection.h"
#include "status/ask.h"
#include "version.h"

enum {
	WRITER_DESCRIPTORS = 32, /* of one delivery, but for long lists */
	SCRIPT_DESCRIPTORS = 8,  /* of one run, but for what its delivery holds */
	SUBMISSION_THREADS = 4,
	SUBMISSION_DESCRIPTORS = 4, /* a connection, and marks of a home */
};

static const char usage[] =
    "usage: lmtpd [-c FILE]                      serve\n"
    "       lmtpd [-c FILE] --check [--json]     check the set-up\n"
    "       lmtpd [-c FILE] --check [--json] ADDRESS...\n"
    "                                            show what becomes of mail for each address\n"
    "       lmtpd [-c FILE] --maildirs [--json]  list Maildirs without a row, and rows without "
    "one\n"
    "       lmtpd [-c FILE] --quota [--json] [ADDRESS...]\n"
    "                                            list what mailboxes hold, and their limits\n"
    "       lmtpd [-c FILE] --status [--json | --prometheus | --quiet | --watch [SECONDS]]\n"
    "                                            ask the running lmtpd how it does\n"
    "       lmtpd --sieve-check SCRIPT           say what is wrong with a Sieve script\n"
    "       lmtpd [-c FILE] --sieve-test SCRIPT [SENDER [RECIPIENT]] <MESSAGE\n"
    "                                            say what it would do with a message\n"
    "       lmtpd [-c FILE] --stdio              one LMTP session on stdin and stdout\n"
    "       lmtpd [-c FILE] --storage            leave what superblocks say, for the daemon: as "
    "root\n"
    "       lmtpd --adopt [--write DIR]          print, or write into DIR, the lmtpd.conf and "
    "auth.conf "
    "that\n"
    "                                            say what this machine's Postfix and Dovecot say\n"
    "       lmtpd --help | --version\n"
    "\n"
    "FILE is " LMTPD_SYSCONFDIR "/lmtpd.conf if not given; see lmtpd(8) and lmtpd.conf(5).\n";

/* There is one, and it lives as long as the process. */
static struct lmtpd_server server;

static unsigned count_processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static void lmtpd_lanes(void *data, struct lane_settings settings_r[SERVICE_LANES])
{
	struct lmtpd_config *config = data;
	struct lane_settings *lookups = &settings_r[SERVICE_LOOKUPS];

	lookups->n_threads = (unsigned)config->directory.connections;
	lookups->patience = directory_patience(&config->directory) * 1000;
	lookups->run_together = lookup_run_together;
	lookups->n_together = DIRECTORY_TOGETHER_MAX;
	lookups->start = directory_thread_begin;
	lookups->stop = directory_thread_end;
	lookups->data = &config->directory;
	settings_r[SERVICE_WORKERS] = (struct lane_settings){
		.name = "writer",
		.n_threads = (unsigned)config->writers,
		.n_descriptors = WRITER_DESCRIPTORS,
		.patience = DELIVERY_PATIENCE * 1000,
	};
	settings_r[SERVICE_SCRIPTS] = (struct lane_settings){
		.name = "scripts",
		.n_threads = config->sieve.is_enabled ? count_processors() : 0,
		.n_descriptors = SCRIPT_DESCRIPTORS,
		.patience = DELIVERY_PATIENCE * 1000,
	};
	settings_r[SERVICE_SUBMISSIONS] = (struct lane_settings){
		.name = "submission",
		.n_threads = config->sieve.is_enabled ? SUBMISSION_THREADS : 0,
		.n_descriptors = SUBMISSION_DESCRIPTORS,
		.patience = DELIVERY_PATIENCE * 1000,
		.idle = SUBMITTER_IDLE_MS,
		.start = submitter_start,
		.stop = submitter_stop,
		.on_idle = submitter_on_idle,
	};
	notices_lane(config, &settings_r[SERVICE_NOTICES]);
	for (size_t i = 0; i < config->n_roots; i++) {
		devices_expect(&server.devices, &config->roots[i]);
	}
	for (unsigned share = 0; share < QUEUE_SHARES; share++) {
		for (size_t i = SERVICE_WORKERS; i <= SERVICE_SUBMISSIONS; i++) {
			settings_r[i].max[share] =
			    devices_limit(&server.devices, share, settings_r[i].n_threads);
		}
	}
}

static void lmtpd_prepare(const struct daemon_settings *settings, uid_t uid, gid_t gid)
{
	const struct lmtpd_config *config = (const struct lmtpd_config *)settings;
	const char *bases[LMTPD_ROOTS_MAX + 2];

	control_prepare(settings, uid, gid);
	if (geteuid() == 0 && config->words[0] != '\0') {
		homes_list_roots(config, bases);
		storage_examine(bases, config->words); /* without it all ext4 is strict */
	}
}

static void lmtpd_tried(struct daemon *daemon, const char *why_not)
{
	vitals_asked(&server.status.vitals, why_not);
}

static int lmtpd_begin(struct daemon *daemon)
{
	accounts_init(&server.accounts);
	server.scripts = scripts_new();
	if (server.scripts == NULL || outbound_init(&server.outbound) != 0) {
		log_event(LOG_LEVEL_ERROR, "start", "out of memory");
		return -1;
	}
	snprintf(server.id_prefix, sizeof(server.id_prefix), "%llx-%x-", (long long)time(NULL),
	    (unsigned)getpid());
	vitals_begin(&server.status.vitals, daemon, "lmtpd", status_write);
	if (daemon->n_listeners > 0) {
		log_event(LOG_LEVEL_INFO, "start", "lmtpd %s serves %zu sockets, mail below %s",
		    LMTPD_VERSION, daemon->n_listeners, lmtpd_config_of(daemon->service)->base);
	}
	return 0;
}

static void lmtpd_end(struct daemon *daemon)
{
	vitals_end(&server.status.vitals);
	notices_end(daemon);
}

static int run_check(const struct program_call *call)
{
	bool is_json = (call->forms & PROGRAM_JSON) != 0;

	return call->n_arguments == 0
		   ? lmtpd_checkup(call->config_file, is_json)
		   : dry_run(call->config_file, is_json, call->arguments, call->n_arguments);
}

static int run_maildirs(const struct program_call *call)
{
	return maildirs_list(call->config_file, (call->forms & PROGRAM_JSON) != 0);
}

static int run_quota(const struct program_call *call)
{
	return quota_list(call->config_file, (call->forms & PROGRAM_JSON) != 0, call->arguments,
	    call->n_arguments);
}

static int run_stdio(const struct program_call *call)
{
	return program_serve(call, false);
}

static int run_sieve_check(const struct program_call *call)
{
	return call->n_arguments == 0 ? program_misused(call->program)
				      : sieve_check(call->arguments[0]);
}

/* Scripts are tried on machines that have no lmtpd, too. */
static int run_sieve_test(const struct program_call *call)
{
	const char *usual = call->program->config_file, *file = call->config_file;

	if (call->n_arguments == 0) {
		return program_misused(call->program);
	}
	if (file == usual && access(file, F_OK) != 0 && errno == ENOENT) {
		fprintf(stderr, "lmtpd: %s: not there, so the defaults count\n", file);
		file = "/dev/null";
	}
	return sieve_test(file, call->arguments, call->n_arguments);
}

static int run_adopt(const struct program_call *call)
{
	return adopt_run(&lmtpd_config_form, &auth_config_form, LMTPD_SYSCONFDIR, call->directory);
}

/* For a unit that lets the daemon see no devices: root looks for it. */
static int run_storage(const struct program_call *call)
{
	struct error error;
	struct lmtpd_config *config = settings_load(&lmtpd_config_form, call->config_file, &error);
	const char *bases[LMTPD_ROOTS_MAX + 2];
	int result;

	if (config == NULL) {
		fprintf(stderr, "lmtpd: %s\n", error.text);
		return EX_CONFIG;
	}
	homes_list_roots(config, bases);
	result = storage_examine(bases, config->words);
	if (result < 0) {
		fprintf(stderr, "lmtpd: %s: %s\n", config->words, strerror(-result));
	}
	settings_free(config);
	return result < 0 ? EX_OSERR : EX_OK;
}

static const struct program_command commands[] = {
	{ "adopt", run_adopt, 0, no_argument, PROGRAM_WRITE },
	{ "check", run_check, SIZE_MAX, no_argument, PROGRAM_JSON },
	{ "maildirs", run_maildirs, 0, no_argument, PROGRAM_JSON },
	{ "quota", run_quota, SIZE_MAX, no_argument, PROGRAM_JSON },
	{ "sieve-check", run_sieve_check, 1, no_argument, PROGRAM_TEXT },
	{ "sieve-test", run_sieve_test, 3, no_argument, PROGRAM_TEXT },
	{ "status", ask_run, 0, no_argument,
	    PROGRAM_JSON | PROGRAM_PROMETHEUS | PROGRAM_QUIET | PROGRAM_WATCH },
	{ "stdio", run_stdio, 0, no_argument, PROGRAM_TEXT },
	{ "storage", run_storage, 0, no_argument, PROGRAM_TEXT },
	{ NULL, NULL, 0, no_argument, PROGRAM_TEXT },
};

static const struct program_door doors[] = {
	{ "lmtp", session_open },
	{ "policy", policy_open },
};

static const struct program lmtpd_program = {
	.name = "lmtpd",
	.usage = usage,
	.config_file = LMTPD_SYSCONFDIR "/lmtpd.conf",
	.commands = commands,
	.daemon = &server.daemon,
	.init = directory_library_init,
	.form = &lmtpd_config_form,
	.check = lmtpd_config_check_root,
	.fixed_keys = "lmtp.listen, policy, socket_*, control, maildir.user and group",
	.root_warning = "maildir.user says so; mail should belong to a user of its own",
	.lanes = lmtpd_lanes,
	.try = directory_try,
	.ask = inspection_ask_nobody,
	.store = homes_probe,
	.tried = lmtpd_tried,
	.prepare = lmtpd_prepare,
	.begin = lmtpd_begin,
	.end = lmtpd_end,
	.doors = doors,
	.n_doors = sizeof(doors) / sizeof(doors[0]),
};

int main(int argc, char **argv)
{
	return program_main(&lmtpd_program, argc, argv);
}
