/* SPDX-License-Identifier: MIT
 * The names of extensions. */
#include "sieve/extension.h"

const char *const extension_names[EXTENSIONS] = {
	[EXTENSION_NONE] = "",
	[EXTENSION_BODY] = "body",
	[EXTENSION_ASCII_CASEMAP] = "comparator-i;ascii-casemap",
	[EXTENSION_ASCII_NUMERIC] = "comparator-i;ascii-numeric",
	[EXTENSION_OCTET] = "comparator-i;octet",
	[EXTENSION_COPY] = "copy",
	[EXTENSION_DATE] = "date",
	[EXTENSION_DUPLICATE] = "duplicate",
	[EXTENSION_EDITHEADER] = "editheader",
	[EXTENSION_ENCODED_CHARACTER] = "encoded-character",
	[EXTENSION_ENOTIFY] = "enotify",
	[EXTENSION_ENVELOPE] = "envelope",
	[EXTENSION_ENVIRONMENT] = "environment",
	[EXTENSION_EREJECT] = "ereject",
	[EXTENSION_EXTRACTTEXT] = "extracttext",
	[EXTENSION_FILEINTO] = "fileinto",
	[EXTENSION_FOREVERYPART] = "foreverypart",
	[EXTENSION_IHAVE] = "ihave",
	[EXTENSION_IMAP4FLAGS] = "imap4flags",
	[EXTENSION_INCLUDE] = "include",
	[EXTENSION_INDEX] = "index",
	[EXTENSION_MAILBOX] = "mailbox",
	[EXTENSION_MIME] = "mime",
	[EXTENSION_REGEX] = "regex",
	[EXTENSION_REJECT] = "reject",
	[EXTENSION_RELATIONAL] = "relational",
	[EXTENSION_SPAMTEST] = "spamtest",
	[EXTENSION_SPAMTESTPLUS] = "spamtestplus",
	[EXTENSION_SPECIAL_USE] = "special-use",
	[EXTENSION_SUBADDRESS] = "subaddress",
	[EXTENSION_VACATION] = "vacation",
	[EXTENSION_VACATION_SECONDS] = "vacation-seconds",
	[EXTENSION_VARIABLES] = "variables",
	[EXTENSION_VIRUSTEST] = "virustest",
	[EXTENSION_DOVECOT_DEBUG] = "vnd.dovecot.debug",
	[EXTENSION_DOVECOT_ENVIRONMENT] = "vnd.dovecot.environment",
	[EXTENSION_DOVECOT_TESTSUITE] = "vnd.dovecot.testsuite",
};

enum sieve_extension extension_find(struct span name)
{
	for (int i = EXTENSION_NONE + 1; i < EXTENSIONS; i++) {
		if (span_equals(span_of(extension_names[i]), name)) {
			return (enum sieve_extension)i;
		}
	}
	return EXTENSION_NONE;
}
