/* SPDX-License-Identifier: MIT
 * The protocols of systemd that a daemon needs: sockets handed over, its state, and the watchdog. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SYSTEMD_FIRST_FD = 3
};

/* The number of listening sockets that were handed over, from SYSTEMD_FIRST_FD on
 * (sd_listen_fds_with_names(3)); they are marked close-on-exec and the environment is cleared.
 * names_r: what they are called, divided by colons, to be freed; NULL if that is not known. */
int systemd_listen_fds(char **names_r);

/* Is that what the i-th of these names says, counted from 0? */
bool systemd_name_is(const char *names, size_t i, const char *name);

/* Sends state ("READY=1", ...) to the service manager, if there is one; see sd_notify(3). */
void systemd_notify(const char *state);

/* The same with a line for people behind it (STATUS=), which "systemctl status" shows. */
void systemd_notify_status(const char *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Milliseconds within which the service manager wants to hear "WATCHDOG=1" again and again, 0 if it
 * does not (sd_watchdog_enabled(3)). */
uint64_t systemd_watchdog_timeout(void);
