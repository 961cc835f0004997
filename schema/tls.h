/* SPDX-License-Identifier: MIT
 * What mysql.tls asks for, and what an option file says of the same. Knows no client library: the lines
 * are read as MariaDB's and Oracle's read them. On any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum tls {
	TLS_BY_LIBRARY, /* "": the option file and the library decide */
	TLS_OFF,
	TLS_TRY,      /* if the server offers it, whoever that is */
	TLS_REQUIRED, /* or no connection; with a CA the server is verified, its name too */
};

enum {
	TLS_LINE_MAX = 64, /* bytes of a name that is told, NUL included */
};

/* Returns 0, or -1 if value is none of off, try and required, nor empty. */
int tls_parse(const char *value, enum tls *tls_r);

/* For keys: the same, with what is allowed in error. */
int tls_check(const char *value, struct error *error);

/* What a value asks for where the way to the server is this one; values are checked. A socket needs no TLS: its bytes
 * leave no machine. Nor does localhost, which to client libraries is their own socket. */
enum tls tls_over(const char *value, const char *name, const char *socket_path);

/* "TLS 1.3, TLS_AES_256_GCM_SHA384"; "" without a cipher. version may be NULL. */
void tls_describe(const char *version, const char *cipher, char *text_r, size_t n);

/* What to do when a server gives no TLS as it was asked for, to be put behind why; ca: "" for none. */
const char *tls_advice(const char *ca);

/* The name of the first line of an option file, in a group that is read, that says something of TLS: "ssl-ca". The
 * library reads the file last, so a line could undo what the key asks for: but for TLS_BY_LIBRARY only those lines
 * are found that may, and what includes further files. False if there is none; nothing is said of values. */
bool tls_find_line(const char *option_file, enum tls tls, char line_r[TLS_LINE_MAX]);
