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

enum {
	DEPTH_MAX = 8, /* of blocks that are told apart */
};

/* With the blocks in them, but for namespaces. */
enum block {
	BLOCK_TOP = DOVECOT_TOP,
	BLOCK_OTHER = DOVECOT_OTHER,
	BLOCK_USERDB,
	BLOCK_PROTOCOL,
	BLOCK_NAMESPACE,
	BLOCK_MAILBOX,
};

struct reading {
	struct dovecot *found;
	/* The namespace that is being read, and its folder. */
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

char *dovecot_block_name(char *line, const char *kind)
{
	size_t n = strlen(kind);

	if (strncmp(line, kind, n) != 0 || (line[n] != ' ' && line[n] != '\0')) {
		return NULL;
	}
	line += n;
	return unquote(line + strspn(line, " "));
}

static enum block begin_mailbox(struct reading *reading, char *line)
{
	struct dovecot_namespace *namespace = &reading->namespace;
	const char *name = dovecot_block_name(line, "mailbox");

	if (name == NULL || name[0] == '\0' || namespace->n_mailboxes == DOVECOT_MAILBOXES_MAX) {
		return BLOCK_OTHER;
	}
	reading->mailbox = &namespace->mailboxes[namespace->n_mailboxes++];
	*reading->mailbox = (struct dovecot_mailbox){ .name = name };
	return BLOCK_MAILBOX;
}

static void begin_userdb(struct dovecot *found, const char *driver)
{
	found->n_userdbs++;
	/* 2.4 names it */
	found->driver = driver[0] != '\0' ? driver : found->driver;
}

static int on_begin(void *data, int outer, char *line)
{
	struct reading *reading = data;
	const char *driver = dovecot_block_name(line, "userdb");

	if (outer == BLOCK_NAMESPACE) {
		return begin_mailbox(reading, line);
	}
	if (outer != BLOCK_TOP) {
		return outer == BLOCK_MAILBOX ? BLOCK_OTHER : outer;
	}
	if (driver != NULL) {
		begin_userdb(reading->found, driver);
		return BLOCK_USERDB;
	}
	if (dovecot_block_name(line, "namespace") != NULL) {
		reading->has_inbox = false;
		reading->has_place = false;
		reading->namespace = (struct dovecot_namespace){ .n_mailboxes = 0 };
		return BLOCK_NAMESPACE;
	}
	return dovecot_block_name(line, "protocol") != NULL ? BLOCK_PROTOCOL : BLOCK_OTHER;
}

static void on_end(void *data, int block)
{
	struct reading *reading = data;

	if (block == BLOCK_NAMESPACE && reading->has_inbox) {
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

static void on_value(void *data, int block, const char *key, char *value)
{
	struct reading *reading = data;
	enum dovecot_setting setting = find(key);

	switch (block) {
	case BLOCK_TOP:
		reading->found->is_24 |= strcmp(key, "dovecot_config_version") == 0;
		if (setting != DOVECOT_SETTINGS) {
			reading->found->values[setting] = value;
		}
		break;
	case BLOCK_USERDB:
		read_userdb(reading, key, value);
		break;
	case BLOCK_PROTOCOL:
		reading->found->is_opaque |= setting < DOVECOT_PLACES;
		break;
	case BLOCK_NAMESPACE:
		read_namespace(reading, key, value);
		break;
	case BLOCK_MAILBOX:
		read_mailbox(reading->mailbox, key, value);
		break;
	default:
		break;
	}
}

/* The blocks that are open, by kind: that of depth 0 is the top. */
struct walk {
	const struct dovecot_reader *reader;
	unsigned depth;
	int blocks[DEPTH_MAX];
};

static int block_of(const struct walk *walk)
{
	return walk->depth < DEPTH_MAX ? walk->blocks[walk->depth] : DOVECOT_OTHER;
}

static void walk_begin(struct walk *walk, char *line)
{
	int block = walk->reader->on_begin(walk->reader->data, block_of(walk), line);

	if (++walk->depth < DEPTH_MAX) {
		walk->blocks[walk->depth] = block;
	}
}

/* One that nothing has opened closes nothing. */
static void walk_end(struct walk *walk)
{
	if (walk->depth > 0) {
		if (walk->reader->on_end != NULL) {
			walk->reader->on_end(walk->reader->data, block_of(walk));
		}
		walk->depth--;
	}
}

static void walk_line(struct walk *walk, char *line)
{
	const struct dovecot_reader *reader = walk->reader;
	size_t n = strlen(line);
	char *value = strchr(line, '=');

	while (n > 0 && line[n - 1] == ' ') {
		line[--n] = '\0';
	}
	if (line[0] == '#') {
		/* The first says who it is. */
		if (reader->on_comment != NULL) {
			reader->on_comment(reader->data, line);
		}
	} else if (n > 0 && line[n - 1] == '{') {
		while (n > 0 && (line[n - 1] == '{' || line[n - 1] == ' ')) {
			line[--n] = '\0';
		}
		walk_begin(walk, line);
	} else if (strcmp(line, "}") == 0) {
		walk_end(walk);
	} else if (value != NULL) {
		line[strcspn(line, " =")] = '\0';
		value++;
		reader->on_value(
		    reader->data, block_of(walk), line, unquote(value + strspn(value, " ")));
	}
}

void dovecot_walk(const struct dovecot_reader *reader, char *text)
{
	struct walk walk = { .reader = reader, .blocks = { DOVECOT_TOP } };
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		walk_line(&walk, line + strspn(line, " \t"));
	}
}

void dovecot_read(struct dovecot *dovecot_r, char *text)
{
	struct reading reading = { .found = dovecot_r };
	const struct dovecot_reader reader = {
		.on_begin = on_begin,
		.on_end = on_end,
		.on_value = on_value,
		.data = &reading,
	};

	*dovecot_r = (struct dovecot){ .is_24 = false };
	dovecot_walk(&reader, text);
}

const char *dovecot_setting_name(enum dovecot_setting setting)
{
	return names[setting];
}
