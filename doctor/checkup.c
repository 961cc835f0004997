/* SPDX-License-Identifier: MIT
 * The beginning and the end of every --check. */
#include "doctor/checkup.h"

#include <stddef.h>
#include <sysexits.h>

int checkup_run(const struct settings_form *form, const char *config_file, bool is_json,
    checkup_examine *examine)
{
	struct report report = { .is_json = is_json };
	struct error error;
	void *config;

	report_begin(&report, "checks");
	config = settings_load(form, config_file, &error);
	if (config == NULL) {
		report_fail(
		    &report, EX_CONFIG, "configuration", "correct it there", "%s", error.text);
	} else {
		examine(config, config_file, &report);
		settings_free(config);
	}
	report_end(&report, report.exit_code);
	return report.exit_code;
}
