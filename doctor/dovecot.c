/* SPDX-License-Identifier: MIT
 * doveconf prints blocks, one opening or closing brace or one "key = value" a line. */
#include "doctor/dovecot.h"

#include <string.h>

static const char *const names[DOVECOT_SETTINGS] = {
	[DOVECOT_MAIL_LOCATION] = "mail_location",
	[DOVECOT_MAIL_DRIVER] = "mail_driver",
	[DOVECOT_MAIL_PATH] = "mail_path",
	[DOVECOT_MAIL_INBOX_PATH] = "mail_inbox_path",
	[DOVECOT_MAIL_HOME] = "mail_home",
};

enum block {
	BLOCK_OTHER,
	BLOCK_USERDB,
	BLOCK_NAMESPACE,
	BLOCK_PROTOCOL,
};

struct reading {
	struct dovecot *found;
	unsigned depth;
	enum block block; /* the outermost */
	bool has_inbox, has_place;
};

static void begin_block(struct reading *reading, char *line)
{
	static const char *const blocks[] = {
		[BLOCK_USERDB] = "userdb ",
		[BLOCK_NAMESPACE] = "namespace ",
		[BLOCK_PROTOCOL] = "protocol ",
	};

	if (++reading->depth > 1) {
		return;
	}
	reading->block = BLOCK_OTHER;
	for (int i = BLOCK_USERDB; i <= BLOCK_PROTOCOL; i++) {
		if (strncmp(line, blocks[i], strlen(blocks[i])) == 0) {
			reading->block = i;
		}
	}
	reading->has_inbox = false;
	reading->has_place = false;
	if (reading->block == BLOCK_USERDB) {
		reading->found->n_userdbs++;
		line += strlen(blocks[BLOCK_USERDB]);
		line[strcspn(line, " {")] = '\0';
		reading->found->driver =
		    line[0] != '\0' ? line : reading->found->driver; /* 2.4 names it */
	}
}

static void end_block(struct reading *reading)
{
	reading->depth -= reading->depth > 0;
	if (reading->depth == 0 && reading->block == BLOCK_NAMESPACE) {
		reading->found->is_opaque |= reading->has_inbox && reading->has_place;
	}
}

/* "uid=vmail gid=vmail home=/x": fields of version 2.3. */
static void read_fields(struct reading *reading, char *value)
{
	char *rest = NULL;

	for (char *field = strtok_r(value, " ", &rest); field != NULL;
	     field = strtok_r(NULL, " ", &rest)) {
		if (strncmp(field, "home=", 5) == 0) {
			reading->found->home = field + 5;
		} else if (strncmp(field, "mail=", 5) == 0) {
			reading->found->is_opaque = true;
		}
	}
}

static void read_userdb(struct reading *reading, const char *key, char *value)
{
	if (strcmp(key, "driver") == 0) {
		reading->found->driver = value;
	} else if (strcmp(key, "args") == 0) {
		read_fields(reading, value);
	} else if (strcmp(key, "home") == 0) {
		reading->found->home = value;
	} else if (strncmp(key, "mail", 4) == 0 || strcmp(key, "override_fields") == 0) {
		reading->found->is_opaque |= value[0] != '\0';
	}
}

static enum dovecot_setting find(const char *key)
{
	enum dovecot_setting i = 0;

	while (i < DOVECOT_SETTINGS && strcmp(names[i], key) != 0) {
		i++;
	}
	return i;
}

static void read_value(struct reading *reading, const char *key, char *value)
{
	enum dovecot_setting setting = find(key);

	if (reading->depth == 0) {
		reading->found->is_24 |= strcmp(key, "dovecot_config_version") == 0;
		if (setting != DOVECOT_SETTINGS) {
			reading->found->values[setting] = value;
		}
	} else if (reading->block == BLOCK_USERDB) {
		read_userdb(reading, key, value);
	} else if (reading->block == BLOCK_PROTOCOL && setting != DOVECOT_SETTINGS) {
		reading->found->is_opaque = true;
	} else if (reading->block == BLOCK_NAMESPACE && reading->depth == 1) {
		reading->has_inbox |= strcmp(key, "inbox") == 0 && strcmp(value, "yes") == 0;
		reading->has_place |=
		    (setting != DOVECOT_SETTINGS || strcmp(key, "location") == 0) &&
		    value[0] != '\0';
	}
}

void dovecot_read(struct dovecot *dovecot_r, char *text)
{
	struct reading reading = { .found = dovecot_r };
	char *rest = NULL;

	*dovecot_r = (struct dovecot){ .is_24 = false };
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *value;
		size_t n;

		line += strspn(line, " \t");
		n = strlen(line);
		while (n > 0 && line[n - 1] == ' ') {
			line[--n] = '\0';
		}
		value = strchr(line, '=');
		if (line[0] == '#') {
			/* It says who it is. */
		} else if (n > 0 && line[n - 1] == '{') {
			begin_block(&reading, line);
		} else if (strcmp(line, "}") == 0) {
			end_block(&reading);
		} else if (value != NULL) {
			line[strcspn(line, " =")] = '\0';
			value++;
			read_value(&reading, line, value + strspn(value, " "));
		}
	}
}

const char *dovecot_setting_name(enum dovecot_setting setting)
{
	return names[setting];
}
