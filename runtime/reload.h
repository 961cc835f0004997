/* SPDX-License-Identifier: MIT
 * Trying a configuration on the database, at the start and at SIGHUP, without keeping anybody waiting.
 * At the start it is in force already, and the log is told what the database says of it. At SIGHUP it
 * comes into force if the database does not refuse it. Loop's thread. */
#pragma once

struct daemon;

/* Tries the configuration that the daemon has begun with. */
void reload_first(struct daemon *daemon);

/* SIGHUP: reads the file and tries it. Of several that overlap the newest counts. Logs the outcome and
 * tells systemd. */
void reload_start(struct daemon *daemon);
