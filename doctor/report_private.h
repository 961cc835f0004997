/* SPDX-License-Identifier: MIT
 * What the files of the report have in common. Private to them. */
#pragma once

#include "doctor/report.h"

/* Prints a text that comes from outside; what stands before and behind it is ours. */
void report_print(const char *before, const char *text, const char *behind);

/* "s", but for one. */
const char *report_plural(uint64_t n);

/* The last member of the outermost object, and its end. */
void report_end_json(struct report *report, int exit_code);

/* Of a mailbox in a dry run: a member "quota", null for NULL; or a line. */
void report_put_quota(struct json *json, const struct report_quota *quota);
void report_print_quota(const struct report_quota *quota);

/* The same of the scripts that run for it. */
void report_put_scripts(struct json *json, const struct report_scripts *scripts);
void report_print_scripts(const struct report_scripts *scripts);
