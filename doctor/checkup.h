/* SPDX-License-Identifier: MIT
 * The frame of --check: what is not worth examining without a configuration that can be read. */
#pragma once

#include <stdbool.h>

#include "doctor/report.h"
#include "runtime/settings.h"

/* Examines a set-up, of which config is the form's struct and file where it was read. */
typedef void checkup_examine(const void *config, const char *file, struct report *report);

/* Loads the configuration, has it examined and prints one line a check. Returns an exit code of
 * sysexits. */
int checkup_run(const struct settings_form *form, const char *config_file, bool is_json,
    checkup_examine *examine);
