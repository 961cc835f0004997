/* SPDX-License-Identifier: MIT
 * Words and lines of TLS. */
#include "schema/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tls_parse(const char *value, enum tls *tls_r)
{
	static const char *const names[] = {
		[TLS_BY_LIBRARY] = "",
		[TLS_OFF] = "off",
		[TLS_TRY] = "try",
		[TLS_REQUIRED] = "required",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			*tls_r = (enum tls)i;
			return 0;
		}
	}
	return -1;
}

int tls_check(const char *value, struct error *error)
{
	enum tls tls;

	return tls_parse(value, &tls) == 0
		   ? 0
		   : error_set(error, "\"%s\" is not \"\", off, try or required", value);
}

enum tls tls_over(const char *value, const char *name, const char *socket_path)
{
	enum tls tls = TLS_BY_LIBRARY;

	tls_parse(value, &tls);
	return tls != TLS_BY_LIBRARY && (socket_path != NULL || strcmp(name, "localhost") == 0)
		   ? TLS_OFF
		   : tls;
}

void tls_describe(const char *version, const char *cipher, char *text_r, size_t n)
{
	static const char prefix[] = "TLSv";

	if (cipher == NULL) {
		text_r[0] = '\0';
	} else if (version == NULL || strncmp(version, prefix, strlen(prefix)) != 0) {
		snprintf(text_r, n, "TLS, %s", cipher);
	} else {
		snprintf(text_r, n, "TLS %s, %s", version + strlen(prefix), cipher);
	}
}

const char *tls_advice(const char *ca)
{
	return ca[0] == '\0'
		   ? "; give it a certificate, or name it unix:/path if it is on this machine"
		   : "; it needs a certificate with the name that mysql.hosts calls it, signed by "
		     "one of mysql.tls_ca";
}

static bool is_among(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0) {
			return true;
		}
	}
	return false;
}

/* "[client]" */
static bool is_group_read(char *line)
{
	static const char *const groups[] = { "lmtpd", "client", "client-server", "client-mariadb",
		NULL };

	line[strcspn(line, "]")] = '\0';
	return is_among(groups, line + 1);
}

static bool is_of_tls(const char *name)
{
	static const char *const switches[] = { "skip-", "disable-", "enable-", "loose-", NULL };

	for (size_t i = 0; switches[i] != NULL; i++) {
		if (strncmp(name, switches[i], strlen(switches[i])) == 0) {
			name += strlen(switches[i]);
			break;
		}
	}
	return strncmp(name, "ssl", 3) == 0 || strncmp(name, "tls", 3) == 0;
}

/* Lines that say how, and leave open whether, and who is verified. */
static bool is_beside_a_key(const char *name)
{
	static const char *const names[] = { "ssl-cert", "ssl-key", "ssl-cipher", "ssl-crl",
		"ssl-crlpath", "tls-version", "tls-passphrase", "tls-ciphersuites", NULL };

	return is_among(names, name);
}

/* "ssl_ca = /file" becomes "ssl-ca". */
static void cut_to_name(char *line)
{
	line[strcspn(line, "= \t\r\n")] = '\0';
	for (; *line != '\0'; line++) {
		*line = *line == '_' ? '-' : *line;
	}
}

bool tls_find_line(const char *option_file, enum tls tls, char line_r[TLS_LINE_MAX])
{
	FILE *file = fopen(option_file, "re");
	char *line = NULL;
	size_t cap = 0;
	bool is_read = false, is_found = false;

	while (file != NULL && !is_found && getline(&line, &cap, file) > 0) {
		char *name = line + strspn(line, " \t");

		if (*name == '[') {
			is_read = is_group_read(name);
			continue;
		}
		cut_to_name(name);
		is_found = *name == '!' ? tls != TLS_BY_LIBRARY
					: is_read && is_of_tls(name) &&
					      (tls == TLS_BY_LIBRARY || tls == TLS_OFF ||
						  !is_beside_a_key(name));
		if (is_found) {
			snprintf(line_r, TLS_LINE_MAX, "%s", name);
		}
	}
	free(line);
	if (file != NULL) {
		fclose(file);
	}
	return is_found;
}
