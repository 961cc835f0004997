/* SPDX-License-Identifier: MIT
 * Lines of an option file do nothing by themselves, or other things than they say, and tell nobody: the
 * connection that is there is looked at. */
#include "doctor/connection.h"

#include "schema/inspection.h"
#include "schema/tls.h"

const char connection_tls_remedy[] =
    "see its certificate: openssl s_client -starttls mysql -connect HOST:3306 </dev/null; and "
    "mysql.tls, mysql.tls_ca in lmtpd.conf(5)";

void connection_report(const struct directory *directory, const struct directory_settings *settings,
    struct report *report)
{
	const char *host = directory_host(directory);
	struct directory_transport transport;
	char line[TLS_LINE_MAX];

	inspection_transport(directory, &transport);
	if (transport.tls[0] != '\0') {
		report_ok(report, "database", "%s, %s", host, transport.tls);
		return;
	}
	if (transport.is_socket) {
		report_ok(report, "database", "%s", host);
		return;
	}
	report_ok(report, "database", "%s, plain text", host);
	if (settings->option_file[0] != '\0' &&
	    tls_find_line(settings->option_file, TLS_BY_LIBRARY, line)) {
		report_warn(report, "database",
		    "set mysql.tls = required, with mysql.tls_ca to verify the server, and "
		    "take "
		    "the line out",
		    "%s is reached in plain text, though %s says %s: this line alone does nothing",
		    host, settings->option_file, line);
	}
}
