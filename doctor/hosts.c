/* SPDX-License-Identifier: MIT
 * A node of Galera that is on its own lets clients in and answers no question, and a replica answers with
 * what it knows so far: both show only when a query is asked, and the server is asked what it is. */
#include "doctor/hosts.h"

#include "doctor/connection.h"
#include "schema/inspection.h"

static const char *remedy_of(enum directory_fault fault)
{
	switch (fault) {
	case DIRECTORY_NOT_READY:
		return "of Galera: SHOW STATUS LIKE 'wsrep_cluster_status' there must say "
		       "Primary; the other hosts are asked meanwhile";
	case DIRECTORY_NO_TLS:
		return connection_tls_remedy;
	case DIRECTORY_BAD_ACCOUNT:
	case DIRECTORY_NO_GRANT:
		return "make the account on this host too, with the same grants";
	default:
		return "see that it runs, and has the tables; the other hosts are asked meanwhile";
	}
}

static void check_host(struct directory *directory, const struct directory_settings *settings,
    enum directory_query asked, struct report *report)
{
	bool is_read_only = false;

	if (directory_connect(directory) != 0 || inspection_try(directory, asked) != 0) {
		report_warn(report, "database", remedy_of(directory_fault(directory)), "%s",
		    directory_error(directory));
		return;
	}
	if (inspection_read_only(directory, &is_read_only) == 0 && is_read_only) {
		report_warn(report, "database",
		    "if it is a replica, name in mysql.hosts only servers that get each change at "
		    "once: the primary, nodes of Galera",
		    "%s is read-only: a replica may not know yet what was changed a moment ago, "
		    "and who is missing there is refused for good",
		    directory_host(directory));
		return;
	}
	connection_report(directory, settings, report);
}

void hosts_check(
    const struct directory_settings *settings, enum directory_query asked, struct report *report)
{
	for (size_t i = 0; i < settings->hosts.n; i++) {
		struct directory_settings alone = *settings;
		struct directory *directory;

		alone.hosts = (struct settings_list){ .texts = settings->hosts.texts + i, .n = 1 };
		directory = directory_new(&alone);
		if (directory != NULL) {
			check_host(directory, &alone, asked, report);
		}
		directory_free(directory);
	}
}
