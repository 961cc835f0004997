/* SPDX-License-Identifier: MIT
 * What a script can require, and where each is defined. */
#pragma once

#include <stdint.h>

#include "base/text.h"

enum sieve_extension {
	EXTENSION_NONE = 0, /* RFC 5228 itself */
	EXTENSION_BODY,     /* RFC 5173 */
	EXTENSION_ASCII_CASEMAP,
	EXTENSION_ASCII_NUMERIC,
	EXTENSION_OCTET,             /* comparators, RFC 4790 */
	EXTENSION_COPY,              /* RFC 3894 */
	EXTENSION_DATE,              /* RFC 5260 */
	EXTENSION_DUPLICATE,         /* RFC 7352 */
	EXTENSION_EDITHEADER,        /* RFC 5293 */
	EXTENSION_ENCODED_CHARACTER, /* RFC 5228 2.4.2.4 */
	EXTENSION_ENOTIFY,           /* RFC 5435, 5436 */
	EXTENSION_ENVELOPE,          /* RFC 5228 5.4 */
	EXTENSION_ENVIRONMENT,       /* RFC 5183 */
	EXTENSION_EREJECT,           /* RFC 5429 */
	EXTENSION_EXTRACTTEXT,       /* RFC 5703 */
	EXTENSION_FILEINTO,          /* RFC 5228 4.1 */
	EXTENSION_FOREVERYPART,      /* RFC 5703 */
	EXTENSION_IHAVE,             /* RFC 5463 */
	EXTENSION_IMAP4FLAGS,        /* RFC 5232 */
	EXTENSION_INCLUDE,           /* RFC 6609 */
	EXTENSION_INDEX,             /* RFC 5260 */
	EXTENSION_MAILBOX,           /* RFC 5490 */
	EXTENSION_MIME,              /* RFC 5703 */
	EXTENSION_REGEX,             /* draft-murchison-sieve-regex */
	EXTENSION_REJECT,            /* RFC 5429 */
	EXTENSION_RELATIONAL,        /* RFC 5231 */
	EXTENSION_SPAMTEST,
	EXTENSION_SPAMTESTPLUS,     /* RFC 5235 */
	EXTENSION_SPECIAL_USE,      /* RFC 8579 */
	EXTENSION_SUBADDRESS,       /* RFC 5233 */
	EXTENSION_VACATION,         /* RFC 5230 */
	EXTENSION_VACATION_SECONDS, /* RFC 6131 */
	EXTENSION_VARIABLES,        /* RFC 5229 */
	EXTENSION_VIRUSTEST,        /* RFC 5235 */
	EXTENSION_DOVECOT_DEBUG,
	EXTENSION_DOVECOT_ENVIRONMENT,
	EXTENSION_DOVECOT_TESTSUITE,
	EXTENSIONS
};

#define EXTENSION_BIT(extension) (UINT64_C(1) << (extension))

/* Their names, as require has them; that of EXTENSION_NONE is "". */
extern const char *const extension_names[EXTENSIONS];

/* EXTENSION_NONE: it is not known. Case counts. */
enum sieve_extension extension_find(struct span name);
