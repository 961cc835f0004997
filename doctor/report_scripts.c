/* SPDX-License-Identifier: MIT
 * The scripts of a mailbox in a dry run, and what they may send. */
#include <stdio.h>

#include "doctor/report_private.h"

static void put_sending(struct json *json, const struct report_sending *sending)
{
	json_open(json, NULL, JSON_OBJECT);
	json_text(json, "command", sending->command);
	json_text(json, "to", sending->to[0] != '\0' ? sending->to : NULL);
	json_text(json, "server", sending->server);
	json_text(json, "script", sending->script);
	json_number(json, "line", sending->line);
	json_close(json);
}

void report_put_scripts(struct json *json, const struct report_scripts *scripts)
{
	json_text(json, "scripts", scripts->names);
	json_text(json, "scripts_trouble", scripts->trouble);
	json_open(json, "scripts_may", JSON_ARRAY);
	for (size_t i = 0; i < scripts->n_sendings; i++) {
		put_sending(json, &scripts->sendings[i]);
	}
	json_close(json);
	json_number(json, "scripts_may_more", scripts->n_more);
}

static void print_sending(const struct report_sending *sending)
{
	report_print("  may      ", sending->command, "");
	if (sending->to[0] != '\0') {
		report_print(" to ", sending->to, "");
	}
	if (sending->server != NULL) {
		report_print(", over ", sending->server, "");
	}
	report_print("  (", sending->script, "");
	printf(": line %u)\n", sending->line);
}

void report_print_scripts(const struct report_scripts *scripts)
{
	report_print("  scripts  ", scripts->names[0] != '\0' ? scripts->names : "none", "\n");
	if (scripts->trouble[0] != '\0') {
		report_print("           wrong: ", scripts->trouble, "\n");
	}
	for (size_t i = 0; i < scripts->n_sendings; i++) {
		print_sending(&scripts->sendings[i]);
	}
	if (scripts->n_more > 0) {
		printf("  may      send %zu more\n", scripts->n_more);
	}
}
