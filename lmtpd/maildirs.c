/* SPDX-License-Identifier: MIT
 * Where Maildirs lie is what maildir.home and maildir.path say, and whose they are is for the rows to say. */
#include "lmtpd/maildirs.h"

#include <stdio.h>
#include <sysexits.h>

#include "base/text.h"
#include "doctor/strays.h"
#include "lmtpd/config.h"
#include "lmtpd/homes.h"

/* Directories in a path without empty ones. */
static unsigned count_names(const char *path)
{
	unsigned n = path[0] != '\0';

	for (; *path != '\0'; path++) {
		n += *path == '/';
	}
	return n;
}

/* The roots that lie below no other: who walks through these meets all. */
static void list_roots(
    const struct lmtpd_config *config, const struct maildir_root *roots_r[LMTPD_ROOTS_MAX + 2])
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_roots; i++) {
		const struct maildir_root *root = &config->roots[i];
		bool is_inner = false;

		for (size_t k = 0; k < config->n_roots; k++) {
			const char *base = config->roots[k].base;

			is_inner = is_inner || (k != i && text_is_below(root->base, base) &&
						   (k < i || !text_is_below(base, root->base)));
		}
		if (!is_inner) {
			roots_r[n++] = root;
		}
	}
	roots_r[n] = NULL;
}

static int list(const struct lmtpd_config *config, bool is_json, struct error *error)
{
	const struct maildir_root *roots[LMTPD_ROOTS_MAX + 2];
	const struct strays strays = {
		.settings = &config->directory,
		.users_query = config->users_query,
		.roots = roots,
		.depth = count_names(config->home_rest) + count_names(config->path),
		.path_of = homes_write_path,
		.config = config,
	};

	list_roots(config, roots);
	return lmtpd_config_check_root(config, error) != 0 ? EX_CONFIG
							   : strays_list(&strays, is_json, error);
}

int maildirs_list(const char *config_file, bool is_json)
{
	struct error error = { "" };
	struct lmtpd_config *config = lmtpd_config_load_as_owner(config_file, &error);
	int exit_code = config == NULL ? EX_CONFIG : list(config, is_json, &error);

	if (error.text[0] != '\0') {
		fprintf(stderr, "lmtpd: %s\n", error.text);
	}
	if (config != NULL) {
		settings_free(config);
	}
	return exit_code;
}
