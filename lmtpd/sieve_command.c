/* SPDX-License-Identifier: MIT
 * The daemon's own compiler and machine, on files instead of mailboxes: nothing is written or sent. */
#include "lmtpd/sieve_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd/config.h"
#include "lmtpd/scripts.h"
#include "lmtpd/sieve_print.h"
#include "mail/address.h"

enum {
	MESSAGE_MAX = 256 << 20, /* bytes that are read */
	WINDOW = 1 << 16,
};

/* Reads all of a file, to be freed, and puts a NUL behind it. Returns 0 or a negative errno; -EFBIG: it has more than max bytes. */
static int read_file(FILE *file, size_t max, char **bytes_r, size_t *n_r)
{
	char *bytes = NULL;
	size_t n = 0, room = 0;

	do {
		if (n == room) {
			char *more = realloc(bytes, (room = room == 0 ? WINDOW : 2 * room) + 1);

			if (more == NULL) {
				free(bytes);
				return -ENOMEM;
			}
			bytes = more;
		}
		n += fread(bytes + n, 1, room - n, file);
	} while (!feof(file) && !ferror(file) && n <= max);
	if (ferror(file) || n > max) {
		int result = n > max ? -EFBIG : -errno;

		free(bytes);
		return result;
	}
	bytes[n] = '\0';
	*bytes_r = bytes;
	*n_r = n;
	return 0;
}

static int read_script(const char *path, char **bytes_r, size_t *n_r)
{
	FILE *file = fopen(path, "re");
	int result = file == NULL ? -errno : read_file(file, SIEVE_SCRIPT_MAX, bytes_r, n_r);

	if (file != NULL) {
		fclose(file);
	}
	return result;
}

int sieve_check(const char *path)
{
	char *bytes = NULL;
	size_t n = 0;
	struct sieve_program *program = NULL;
	struct sieve_errors *errors = calloc(1, sizeof(*errors));
	int result = errors == NULL ? -ENOMEM : read_script(path, &bytes, &n);

	if (result == 0) {
		result =
		    sieve_compile(&sieve_language, (struct span){ bytes, n }, &program, errors);
		sieve_print_errors(path, errors);
	}
	if (result < 0) {
		fprintf(stderr, "lmtpd: %s: %s\n", path,
		    result == -EFBIG ? "longer than 1 MiB" : strerror(-result));
	}
	sieve_program_free(program);
	free(errors);
	free(bytes);
	return result == 0 ? EX_OK : result > 0 ? EX_DATAERR : EX_NOINPUT;
}

struct message {
	char *bytes;
	size_t n, n_header; /* bytes, and those of the header with its empty line */
};

static void find_header(struct message *message)
{
	const char *at = message->bytes, *end = at + message->n, *line = at;

	while (line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		next = next == NULL ? end : next + 1;
		at = next;
		if (next - line <= 2 && (line[0] == '\n' || line[0] == '\r')) {
			break;
		}
		line = next;
	}
	message->n_header = (size_t)(at - message->bytes);
}

/* With CRLF at the end of each line. */
static uint64_t wire_size(const struct message *message)
{
	uint64_t size = message->n;

	for (size_t i = 0; i < message->n; i++) {
		size += message->bytes[i] == '\n' && (i == 0 || message->bytes[i - 1] != '\r');
	}
	return size;
}

/* The address in the first field of that name, without angle brackets; p is NULL: there is no such field. */
static struct span find_address(const struct message *message, const char *name)
{
	size_t n_name = strlen(name);
	const char *end = message->bytes + message->n_header, *line = message->bytes;
	const char *at, *stop;

	while (line < end && (strncasecmp(line, name, n_name) != 0 || line[n_name] != ':')) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line == NULL ? end : line + 1;
	}
	if (line == end) {
		return (struct span){ NULL, 0 };
	}
	at = line + n_name + 1;
	stop = memchr(at, '\n', (size_t)(end - at));
	stop = stop == NULL ? end : stop;
	if (memchr(at, '<', (size_t)(stop - at)) != NULL) {
		at = (const char *)memchr(at, '<', (size_t)(stop - at)) + 1;
	}
	at += strspn(at, " \t");
	return (struct span){ at, strcspn(at, "> \t\r\n,") };
}

/* As the caller says, or as the message does. */
static void find_envelope(
    const struct message *message, char *const *arguments, size_t n, struct sieve_facts *facts)
{
	facts->from = n > 1 ? span_of(arguments[1]) : find_address(message, "Return-Path");
	facts->to = n > 2 ? span_of(arguments[2]) : find_address(message, "Delivered-To");
	if (facts->to.p == NULL) {
		facts->to = find_address(message, "To");
	}
	facts->from = facts->from.p == NULL ? span_of("") : facts->from;
	facts->to = facts->to.p == NULL ? span_of("") : facts->to;
	facts->original_to = facts->to;
}

static int zone(time_t at)
{
	struct tm tm;

	return localtime_r(&at, &tm) == NULL ? 0 : (int)tm.tm_gmtoff;
}

/* Which folder has a use, or has that one it? As maildir.special_use says. */
static struct span find_use(
    const struct lmtpd_config *config, const struct sieve_question *question)
{
	for (size_t i = 0; i < config->special_use.n; i++) {
		const char *entry = config->special_use.texts[i];
		size_t n = strcspn(entry, "=");
		struct span folder = span_of(entry + n + 1);

		if (question->name.n == n && strncasecmp(question->name.p, entry, n) == 0 &&
		    (question->folder.n == 0 || span_equals(question->folder, folder))) {
			return folder;
		}
	}
	return (struct span){ NULL, 0 };
}

/* Answers all questions. Returns 0 or -ENOMEM. */
static int run_to_end(
    struct sieve_run *run, const struct lmtpd_config *config, const struct message *message)
{
	struct sieve_question question;
	int need;

	while ((need = sieve_step(run, &question)) > 0) {
		size_t left = message->n - message->n_header;
		size_t at = question.offset < left ? (size_t)question.offset : left;

		switch (need) {
		case SIEVE_NEED_BODY:
			left -= at;
			sieve_give_body(run, (struct span){ message->bytes + message->n_header + at,
						 left < WINDOW ? left : WINDOW });
			break;
		case SIEVE_NEED_SPECIAL_USE:
			sieve_answer_name(run, find_use(config, &question));
			break;
		default:
			sieve_answer(run, need == SIEVE_NEED_MAILBOX);
		}
	}
	return need;
}

/* Where it goes, if anything is sent. */
static void print_server(const struct lmtpd_config *config, const struct sieve_plan *plan)
{
	for (size_t i = 0; i < plan->n_actions; i++) {
		if (plan->actions[i].kind != SIEVE_REJECT &&
		    sieve_action_sends(&plan->actions[i]) != NULL) {
			printf("sent      over %s\n", config->sieve.submission);
			return;
		}
	}
}

static int show(const struct lmtpd_config *config, const struct scripts_chain *chain,
    const struct message *message, char *const *arguments, size_t n)
{
	char to[ADDRESS_MAX + 1];
	const char *host = config->hostname;
	const char *const no_flags[] = { NULL };
	struct sieve_facts facts = {
		.settings = &config->sieve.settings,
		.delimiters = config->lmtp.recipient_delimiter,
		.user = to,
		.hostname = host,
		.flags = no_flags,
		.now = time(NULL),
		.zone = zone,
		.header = { message->bytes,
		    message->n_header < SIEVE_HEADER_MAX ? message->n_header : SIEVE_HEADER_MAX },
		.size = wire_size(message),
		.library = chain->library,
		.n_library = chain->n_library,
	};
	struct sieve_run *run;
	int result = -ENOMEM;

	find_envelope(message, arguments, n, &facts);
	snprintf(to, sizeof(to), "%.*s", (int)facts.to.n, facts.to.p);
	facts.domain = strchr(host, '.') == NULL ? host : strchr(host, '.') + 1;
	run = sieve_run_new(&facts, chain->list, chain->n);
	if (run != NULL && (result = run_to_end(run, config, message)) == 0) {
		printf("envelope  from <");
		sieve_print_text(facts.from);
		printf("> to <");
		sieve_print_text(facts.to);
		printf(">\nassumed   every folder is there, and no message was seen before\n");
		print_server(config, sieve_run_plan(run));
		sieve_print_plan(&facts, sieve_run_plan(run));
		result = sieve_run_plan(run)->has_failed ? EX_DATAERR : EX_OK;
	}
	sieve_run_free(run);
	return result;
}

/* What the daemon, which needs a name, does not start without. */
static void name_host(struct lmtpd_config *config)
{
	size_t n = sizeof(config->machine_name);

	if (config->hostname[0] == '\0' && gethostname(config->machine_name, n - 1) == 0) {
		config->hostname = config->machine_name;
	}
}

/* Returns an exit code, or a negative errno. */
static int test(const struct lmtpd_config *config, struct scripts *scripts, char *const *arguments,
    size_t n, struct message *message)
{
	struct scripts_chain chain;
	struct error error;
	int result = scripts_open_file(scripts, config, arguments[0], &chain, &error);

	if (result == 0 && chain.n == 0) {
		sieve_print_text(span_of(chain.trouble));
		putchar('\n');
		result = EX_DATAERR;
	} else if (result == 0) {
		result = read_file(stdin, MESSAGE_MAX, &message->bytes, &message->n);
		if (result == 0) {
			find_header(message);
			result = show(config, &chain, message, arguments, n);
		}
	}
	scripts_close(scripts, &chain);
	return result;
}

int sieve_test(const char *config_file, char *const *arguments, size_t n)
{
	struct error error;
	/* Who tries a script may lack the rights to read passwords. */
	struct lmtpd_config *config = settings_read(&lmtpd_config_form, config_file, &error);
	struct scripts *scripts = scripts_new();
	struct message message = { NULL, 0, 0 };
	int result = sieve_check(arguments[0]);

	if (config == NULL) {
		fprintf(stderr, "lmtpd: %s\n", error.text);
		result = EX_CONFIG;
	} else if (scripts == NULL) {
		result = -ENOMEM;
	} else if (result == EX_OK) {
		name_host(config);
		lmtpd_config_init_sieve(config);
		result = test(config, scripts, arguments, n, &message);
	}
	if (result < 0) {
		fprintf(stderr, "lmtpd: %s\n", strerror(-result));
		result = result == -ENOMEM ? EX_OSERR : EX_NOINPUT;
	}
	free(message.bytes);
	scripts_free(scripts);
	if (config != NULL) {
		settings_free(config);
	}
	return result;
}
