/* SPDX-License-Identifier: MIT
 * PLAIN and LOGIN. Secrets live in memory of their own, which is wiped before it is freed. */
#include "protocol/sasl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void wipe(char *text)
{
	if (text != NULL) {
		explicit_bzero(text, strlen(text));
		free(text);
	}
}

void sasl_deinit(struct sasl *sasl)
{
	wipe(sasl->user);
	wipe(sasl->password);
	*sasl = (struct sasl){ .user = NULL };
}

void sasl_forget(struct sasl *sasl)
{
	wipe(sasl->password);
	sasl->password = NULL;
}

static int keep(char **kept_r, const char *text, size_t n)
{
	*kept_r = strndup(text, n);
	return *kept_r == NULL ? -ENOMEM : SASL_DONE;
}

int sasl_copy(struct sasl *copy_r, const struct sasl *sasl)
{
	*copy_r = (struct sasl){
		.mechanism = sasl->mechanism,
		.user = strdup(sasl->user),
		.password = strdup(sasl->password),
	};
	return copy_r->user != NULL && copy_r->password != NULL ? 0 : -ENOMEM;
}

/* Names go into queries, logs and replies: no control bytes, whatever the mechanism allows. */
static int keep_user(struct sasl *sasl, const char *text, size_t n)
{
	if (n == 0 || n > SASL_USER_MAX || text_has_control(text, n)) {
		return SASL_INVALID;
	}
	return keep(&sasl->user, text, n);
}

static int keep_password(struct sasl *sasl, const char *text, size_t n)
{
	if (n > SASL_PASSWORD_MAX || memchr(text, '\0', n) != NULL) {
		return SASL_INVALID;
	}
	return keep(&sasl->password, text, n);
}

/* authzid NUL authcid NUL password. Acting for somebody else is not offered: the first must be
 * empty or the same as the second. */
static int step_plain(struct sasl *sasl, const char *response, size_t n, const char **challenge_r)
{
	const char *user, *password;
	size_t n_authzid, n_user;
	int result;

	if (response == NULL) { /* the first response comes after an empty challenge */
		return sasl->n_steps == 1 ? SASL_CONTINUE : SASL_INVALID;
	}
	user = memchr(response, '\0', n);
	if (user == NULL) {
		return SASL_INVALID;
	}
	n_authzid = (size_t)(user - response);
	user++;
	password = memchr(user, '\0', n - n_authzid - 1);
	if (password == NULL) {
		return SASL_INVALID;
	}
	n_user = (size_t)(password - user);
	if (n_authzid > 0 && (n_authzid != n_user || memcmp(response, user, n_user) != 0)) {
		return SASL_INVALID;
	}
	result = keep_user(sasl, user, n_user);
	return result != SASL_DONE ? result
				   : keep_password(sasl, password + 1, n - n_authzid - n_user - 2);
}

static int step_login(struct sasl *sasl, const char *response, size_t n, const char **challenge_r)
{
	int result;

	if (response == NULL) {
		response = "";
	}
	if (sasl->user != NULL) {
		return keep_password(sasl, response, n);
	}
	/* An empty initial response is none: the name is asked for. */
	if (n == 0 && sasl->n_steps == 1) {
		*challenge_r = "VXNlcm5hbWU6"; /* "Username:" */
		return SASL_CONTINUE;
	}
	result = keep_user(sasl, response, n);
	*challenge_r = "UGFzc3dvcmQ6"; /* "Password:" */
	return result == SASL_DONE ? SASL_CONTINUE : result;
}

/* Both leave a name and a password, which are verified then. */
static const struct mechanism {
	const char *name;
	/* As sasl_step(), with the step counted and no challenge set. */
	int (*step)(struct sasl *sasl, const char *response, size_t n, const char **challenge_r);
} mechanisms[SASL_MECHANISMS] = {
	[SASL_PLAIN] = { "PLAIN", step_plain },
	[SASL_LOGIN] = { "LOGIN", step_login },
};

const char *sasl_name(enum sasl_mechanism mechanism)
{
	return mechanism < SASL_MECHANISMS ? mechanisms[mechanism].name : "";
}

enum sasl_mechanism sasl_find(const char *name, size_t n)
{
	unsigned i = 0;

	while (i < SASL_MECHANISMS && !text_is(name, n, mechanisms[i].name)) {
		i++;
	}
	return (enum sasl_mechanism)i;
}

int sasl_step(struct sasl *sasl, const char *response, size_t n, const char **challenge_r)
{
	*challenge_r = "";
	sasl->n_steps++;
	return mechanisms[sasl->mechanism].step(sasl, response, n, challenge_r);
}
