/* SPDX-License-Identifier: MIT
 * One message into one place, by the library alone:
 *
 *   place BASE MAILBOX FOLDER FLAGS [KEYWORD...] <MESSAGE
 *
 * Prints what the place has to say; exits with 1 when the message is not there. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maildir/maildir.h"

int main(int argc, char **argv)
{
	static char message[65536];
	struct maildir_message delivery;
	struct maildir_root root;
	struct maildir_place place = { .root = &root };
	size_t n = fread(message, 1, sizeof(message), stdin);
	char text[1024] = "";

	if (argc < 5) {
		return 64;
	}
	maildir_root_init(&root, argv[1], "mx.example.com");
	place.mailbox = argv[2];
	place.folder = argv[3];
	place.if_absent = MAILDIR_MAKE;
	place.subscribes = true;
	place.flags = argv[4];
	place.keywords = (const char *const *)&argv[5];
	place.n_keywords = (size_t)(argc - 5);
	maildir_begin(&delivery, &place, 1);
	maildir_write(&delivery, message, n);
	maildir_prepare(&delivery, &place, 1);
	maildir_commit(&delivery, &place, 1);
	if (place.result != 0) {
		maildir_describe(&place, text, sizeof(text));
	}
	printf("%s%s\n", place.note, text);
	return place.result != 0;
}
