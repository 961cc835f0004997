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
	[DOVECOT_LIST_LAYOUT] = "mailbox_list_layout",
	[DOVECOT_LIST_UTF8] = "mailbox_list_utf8",
	[DOVECOT_CONTROL_PATH] = "mail_control_path",
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
	/* The namespace that is being read, and its folder, NULL for none. */
	struct dovecot_namespace namespace;
	bool has_inbox, has_place;
	struct dovecot_mailbox *mailbox;
};

/* doveconf quotes what has blanks, and in version 2.4 what has backslashes. */
static char *unquote(char *text)
{
	size_t n = strlen(text), at = 0;

	if (n < 2 || text[0] != '"' || text[n - 1] != '"') {
		return text;
	}
	for (size_t i = 1; i < n - 1; i++) {
		i += text[i] == '\\' && i + 1 < n - 1;
		text[at++] = text[i];
	}
	text[at] = '\0';
	return text;
}

/* "mailbox Junk {" */
static void begin_mailbox(struct reading *reading, char *line)
{
	static const char word[] = "mailbox ";
	struct dovecot_namespace *namespace = &reading->namespace;
	size_t n = strlen(line);

	if (strncmp(line, word, strlen(word)) != 0 ||
	    namespace->n_mailboxes == DOVECOT_MAILBOXES_MAX) {
		return;
	}
	while (n > 0 && (line[n - 1] == '{' || line[n - 1] == ' ')) {
		line[--n] = '\0';
	}
	if (n > strlen(word)) {
		reading->mailbox = &namespace->mailboxes[namespace->n_mailboxes++];
		*reading->mailbox =
		    (struct dovecot_mailbox){ .name = unquote(line + strlen(word)) };
	}
}

static void begin_block(struct reading *reading, char *line)
{
	static const char *const blocks[] = {
		[BLOCK_USERDB] = "userdb ",
		[BLOCK_NAMESPACE] = "namespace ",
		[BLOCK_PROTOCOL] = "protocol ",
	};

	if (++reading->depth > 1) {
		if (reading->block == BLOCK_NAMESPACE && reading->depth == 2) {
			begin_mailbox(reading, line);
		}
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
	reading->namespace = (struct dovecot_namespace){ .n_mailboxes = 0 };
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
	if (reading->depth == 1) {
		reading->mailbox = NULL;
	} else if (reading->depth == 0 && reading->block == BLOCK_NAMESPACE && reading->has_inbox) {
		reading->found->is_opaque |= reading->has_place;
		reading->found->inbox = reading->namespace;
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

static void read_namespace(struct reading *reading, const char *key, const char *value)
{
	enum dovecot_setting setting = find(strcmp(key, "location") == 0 ? "mail_location" : key);

	if (setting != DOVECOT_SETTINGS && value[0] != '\0') {
		reading->namespace.values[setting] = value;
		reading->has_place |= setting < DOVECOT_PLACES;
	} else if (strcmp(key, "inbox") == 0) {
		reading->has_inbox = strcmp(value, "yes") == 0;
	} else if (strcmp(key, "separator") == 0) {
		reading->namespace.separator = value;
	} else if (strcmp(key, "prefix") == 0) {
		reading->namespace.prefix = value;
	}
}

static void read_mailbox(struct dovecot_mailbox *mailbox, const char *key, const char *value)
{
	if (strcmp(key, "auto") == 0) {
		mailbox->creation = value;
	} else if (strcmp(key, "special_use") == 0) {
		mailbox->special_use = value;
	}
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
	} else if (reading->block == BLOCK_PROTOCOL && setting < DOVECOT_PLACES) {
		reading->found->is_opaque = true;
	} else if (reading->block == BLOCK_NAMESPACE && reading->depth == 1) {
		read_namespace(reading, key, value);
	} else if (reading->mailbox != NULL && reading->depth == 2) {
		read_mailbox(reading->mailbox, key, value);
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
			read_value(&reading, line, unquote(value + strspn(value, " ")));
		}
	}
}

const char *dovecot_setting_name(enum dovecot_setting setting)
{
	return names[setting];
}
