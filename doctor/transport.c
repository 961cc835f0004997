/* SPDX-License-Identifier: MIT
 * postconf(1) tells the maps, postmap(1) asks one. What leads where cannot be known from names alone, so it is
 * shown, and only a name that both sides use is taken for agreement. */
#include "doctor/transport.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doctor/command.h"

/* What a command says, without its line end; NULL: it fails, or says nothing. */
static char *ask(const char *const *argv)
{
	char *output = NULL;
	struct error error;

	if (command_run(argv, "MAIL_CONFIG", &output, &error) != COMMAND_OK) {
		return NULL;
	}
	output[strcspn(output, "\n")] = '\0';
	if (output[0] == '\0') {
		free(output);
		return NULL;
	}
	return output;
}

static char *ask_map(const char *map, const char *key)
{
	return ask((const char *const[]){ "postmap", "-q", key, map, NULL });
}

/* transport(5): the address, then its domain; details are the resolver's business. */
static char *ask_key_by_key(const char *map, const struct address *address)
{
	char *found = ask_map(map, address->text);

	return found != NULL ? found : ask_map(map, address_domain(address));
}

bool transport_ask(const struct address *address, char *transport_r, size_t n)
{
	char *maps = ask((const char *const[]){ "postconf", "-h", "transport_maps", NULL });
	char *found = NULL, *rest = NULL;
	bool has_maps = maps != NULL;

	for (char *map = has_maps ? strtok_r(maps, ", \t", &rest) : NULL;
	     map != NULL && found == NULL; map = strtok_r(NULL, ", \t", &rest)) {
		found = ask_key_by_key(map, address);
	}
	snprintf(transport_r, n, "%s", found == NULL ? "" : found);
	free(found);
	free(maps);
	return has_maps;
}

bool transport_names(const char *transport, const char *node)
{
	size_t n = strlen(node);

	for (const char *p = transport; n > 0 && (p = strcasestr(p, node)) != NULL; p++) {
		bool begins = p == transport || !isalnum((unsigned char)p[-1]);

		if (begins && !isalnum((unsigned char)p[n])) {
			return true;
		}
	}
	return false;
}
