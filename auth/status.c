/* SPDX-License-Identifier: MIT
 * The names and words of the document are a promise: lmtpd-auth(8), STATUS. */
#include "auth/status.h"

#include <stdio.h>

#include "auth/server.h"
#include "auth/verification.h"

const char *status_name(enum status_result result)
{
	static const char *const names[STATUS_RESULTS] = {
		[STATUS_OK] = "ok",
		[STATUS_FAIL] = "fail",
		[STATUS_ERROR] = "error",
	};

	return names[result];
}

void status_verified(struct auth_status *status, const struct verification *verification)
{
	if (verification->is_asked) {
		histogram_add(&status->lookups, verification->lookup_took);
		vitals_asked(
		    &status->vitals, verification->is_database_error ? verification->reason : NULL);
	}
	if (verification->is_hashed) {
		histogram_add(&status->hashings, verification->hashing_took);
		histogram_add(&status->verifications, uv_hrtime() - verification->began);
	}
}

static void write_logins(const struct auth_status *status, struct document *document)
{
	document_group(document, "logins");
	for (unsigned result = 0; result < STATUS_RESULTS; result++) {
		uint64_t n = 0;

		for (unsigned mechanism = 0; mechanism <= SASL_MECHANISMS; mechanism++) {
			n += status->logins[mechanism][result];
		}
		document_counter(document, status_name(result), NULL, NULL, n);
	}
}

static void write_mechanisms(const struct auth_status *status, struct document *document)
{
	char name[32], labels[64];
	struct document_value value = {
		.name = name,
		.metric = "logins_total",
		.labels = labels,
		.help = "Logins by mechanism and result.",
		.is_counter = true,
		.is_left_out_at_0 = true,
	};

	document_group(document, "mechanisms");
	for (unsigned mechanism = 0; mechanism <= SASL_MECHANISMS; mechanism++) {
		const char *word = mechanism == SASL_MECHANISMS ? "other" : sasl_name(mechanism);

		for (unsigned result = 0; result < STATUS_RESULTS; result++) {
			snprintf(name, sizeof(name), "%s %s", word, status_name(result));
			snprintf(labels, sizeof(labels), "mechanism=\"%s\",result=\"%s\"", word,
			    status_name(result));
			document_number(document, &value, status->logins[mechanism][result]);
		}
	}
}

static void write_errors(const struct auth_status *status, struct document *document)
{
	static const char *const names[STATUS_ERRORS] = {
		[STATUS_DATABASE] = "database",
		[STATUS_ROW] = "row",
		[STATUS_HASH] = "hash",
		[STATUS_OVERLOAD] = "overload",
		[STATUS_MEMORY] = "memory",
		[STATUS_LEFT] = "client left",
	};
	char labels[64];
	struct document_value value = {
		.metric = "login_errors_total",
		.labels = labels,
		.help = "Logins of which nothing could be said, by reason.",
		.is_counter = true,
		.is_left_out_at_0 = true,
	};

	document_group(document, "errors");
	for (unsigned error = 0; error < STATUS_ERRORS; error++) {
		value.name = names[error];
		snprintf(labels, sizeof(labels), "reason=\"%s\"", names[error]);
		document_number(document, &value, status->errors[error]);
	}
}

void status_write(struct daemon *daemon, struct document *document)
{
	const struct auth_status *status = &((const struct auth_server *)daemon)->status;

	write_logins(status, document);
	write_mechanisms(status, document);
	write_errors(status, document);
	document_group(document, "verifications");
	document_histogram(document, "verification_duration_seconds",
	    "How long a login took from its request to the verdict.", &status->verifications);
	document_group(document, "lookups");
	document_histogram(document, "lookup_duration_seconds",
	    "How long the database took for one login.", &status->lookups);
	vitals_write_lane(&status->vitals, document, SERVICE_LOOKUPS, "lookup");
	document_group(document, "hashings");
	document_histogram(document, "hashing_duration_seconds",
	    "How long the hash of one password took.", &status->hashings);
	vitals_write_lane(&status->vitals, document, SERVICE_WORKERS, "hashing");
}
