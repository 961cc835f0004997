/* SPDX-License-Identifier: MIT
 * --verify and --hash. As root --verify becomes the daemon's user first, so that it meets the same
 * permissions. */
#include "auth/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "auth/config.h"
#include "auth/credentials.h"
#include "auth/terminal.h"
#include "runtime/privilege.h"

enum {
	EX_WRONG_PASSWORD = EX_NOPERM,
};

static int complain(int exit_code, const char *message)
{
	fprintf(stderr, "lmtpd-auth: %s\n", message);
	return exit_code;
}

static int verify(struct directory *directory, const char *user, const char *password)
{
	/* Postfix's service, and a client of which nothing is known. */
	const struct directory_login login = { user, "smtp", "" };
	const struct credential *checked;
	struct credentials credentials;
	int exit_code = EX_TEMPFAIL, result;

	if (directory == NULL) {
		return complain(EX_OSERR, "out of memory");
	}
	switch (credentials_find(directory, &login, &credentials)) {
	case CREDENTIALS_FOUND:
		break;
	case CREDENTIALS_NONE:
		return complain(EX_NOUSER, "no such user");
	case CREDENTIALS_LOCKED:
		return complain(EX_WRONG_PASSWORD, "the account is locked");
	case CREDENTIALS_TOO_MANY:
		return complain(EX_TEMPFAIL, "the user has more than 8 passwords");
	default:
		return complain(EX_UNAVAILABLE, directory_error(directory));
	}
	result = credentials_check(&credentials, password, &checked);
	if (result == PASSWORD_RIGHT) {
		printf("%s: right\n", checked->user);
		exit_code = EX_OK;
	} else if (result == PASSWORD_WRONG) {
		exit_code = complain(EX_WRONG_PASSWORD, "wrong password");
	} else if (result == CREDENTIALS_TOO_SLOW) {
		complain(exit_code,
		    "the user's passwords take too long to hash, and not all were tried");
	} else if (result == -ENOMEM) {
		exit_code = complain(EX_OSERR, "out of memory");
	} else {
		complain(exit_code, "a stored hash cannot be checked here");
	}
	explicit_bzero(&credentials, sizeof(credentials));
	return exit_code;
}

int commands_verify(const struct program_call *call)
{
	struct error error;
	char password[SASL_PASSWORD_MAX + 1];
	struct directory *directory;
	struct auth_config *config;
	int exit_code;

	config = settings_load(&auth_config_form, call->config_file, &error);
	if (config == NULL) {
		return complain(EX_CONFIG, error.text);
	}
	if (privilege_leave_root(config->daemon.user, config->daemon.group, &error) != 0) {
		exit_code = complain(EX_CONFIG, error.text);
	} else if (terminal_read_password(password, sizeof(password), false, &error) != 0) {
		exit_code = complain(EX_USAGE, error.text);
	} else {
		directory = directory_new(&config->directory);
		exit_code = verify(directory, call->argument, password);
		explicit_bzero(password, sizeof(password));
		directory_free(directory);
	}
	settings_free(config);
	return exit_code;
}

int commands_hash(const struct program_call *call)
{
	const char *method = call->n_arguments == 0 ? "sha512crypt" : call->arguments[0];
	struct error error;
	char password[SASL_PASSWORD_MAX + 1], hash[PASSWORD_HASH_MAX];
	int result;

	if (strcmp(method, "sha512crypt") != 0 && strcmp(method, "yescrypt") != 0 &&
	    strcmp(method, "bcrypt") != 0 && strcmp(method, "argon2id") != 0) {
		return complain(EX_USAGE, "methods are sha512crypt, yescrypt, bcrypt and argon2id");
	}
	if (terminal_read_password(password, sizeof(password), true, &error) != 0) {
		return complain(EX_USAGE, error.text);
	}
	result = password_hash(hash, password, method);
	explicit_bzero(password, sizeof(password));
	switch (result) {
	case 0:
		break;
	case -E2BIG:
		return complain(EX_USAGE,
		    "bcrypt looks at the first 72 bytes alone, and the password "
		    "is longer: take sha512crypt or yescrypt");
	case -ERANGE:
		return complain(EX_USAGE, "the password is too long");
	default:
		return complain(EX_USAGE, strerror(-result));
	}
	puts(hash);
	return EX_OK;
}
