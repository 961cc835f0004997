/* SPDX-License-Identifier: MIT
 * Error texts. Pure: any thread. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return -1;
}

int error_append(struct error *error, const char *format, ...)
{
	size_t n = strlen(error->text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error->text + n, sizeof(error->text) - n, format, arguments);
	va_end(arguments);
	return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
	struct error said = *error;
	va_list arguments;
	size_t n;

	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	n = strlen(error->text);
	snprintf(error->text + n, sizeof(error->text) - n, "%s", said.text);
	return -1;
}
