/* SPDX-License-Identifier: MIT
 * The way to a mailbox: no path and no symbolic link leads out of the mail root, and the dry run
 * says what a delivery would meet. */
#include "maildir/maildir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/maildir/mailroot.h"

#define USER "example.com/user/Maildir"

static const struct text message = TEXT("x\n");

enum {
	TREE_MAX = 16384
};

/* nftw(3) carries no data of ours. */
static char tree[TREE_MAX];

static int add_name(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	add_text(tree, sizeof(tree), "%s %o\n", path, status->st_mode);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything below a directory, a name and a mode a line, so that a change anywhere shows. */
static void list_tree(const char *directory, char *out)
{
	char *lines[256];
	size_t n = 0;

	tree[0] = out[0] = '\0';
	assert_int_equal(nftw(directory, add_name, 16, FTW_PHYS), 0);
	for (char *p = strtok(tree, "\n"); p != NULL && n < LENGTH(lines); p = strtok(NULL, "\n")) {
		lines[n++] = p;
	}
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < n; i++) {
		add_text(out, TREE_MAX, "%s\n", lines[i]);
	}
}

/* Neither a delivery nor the dry run takes the path, and nothing is made. */
static void check_refused(struct mailroot *mailroot, const char *path, int error)
{
	char before[TREE_MAX], after[TREE_MAX];
	const char *part = NULL;
	struct maildir_place *place;
	int probed;

	list_tree(mailroot->base, before);
	probed = maildir_probe(&mailroot->root, path, &part);
	assert_non_null(part);
	place = mailroot_deliver_one(mailroot, path, message);
	list_tree(mailroot->base, after);
	if (place->result != error || probed != error) {
		fail_msg("%s: delivery %d, probe %d, want %d", path, place->result, probed, error);
	}
	assert_true(place->step[0] != '\0');
	expect_text(path, after, before);
}

static void test_hostile_paths(void **state)
{
	static const char *const paths[] = { "", "/", "//", ".", "..", "../x", "a/..", "a/../b",
		"a/./b", "./a", "a/.", "a//b", "a/", "/a", "/etc", "a/b/../../../x", "...//a",
		"../../../../tmp/x" };

	for (size_t i = 0; i < LENGTH(paths); i++) {
		check_refused(*state, paths[i], -EINVAL);
	}
}

/* Names that only look like those. */
static void test_harmless_paths(void **state)
{
	static const char *const paths[] = { "...", "..a", "a..", ".a/..b/c..", "a b", "~", "$(x)",
		"\342\210\225", "%00", "-rf", "a\\b" };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(paths); i++) {
		const char *part;

		assert_int_equal(maildir_probe(&mailroot->root, paths[i], &part), MAILDIR_ABSENT);
		assert_int_equal(mailroot_deliver_one(mailroot, paths[i], message)->result, 0);
		mailroot_check(mailroot, message);
		assert_int_equal(maildir_probe(&mailroot->root, paths[i], &part), MAILDIR_EXISTS);
	}
}

static void test_long_paths(void **state)
{
	struct mailroot *mailroot = *state;
	char path[MAILDIR_PATH_MAX + 10];

	memset(path, 'x', sizeof(path));
	path[256] = '\0'; /* one byte more than a name can have */
	assert_int_equal(mailroot_deliver_one(mailroot, path, message)->result, -ENAMETOOLONG);
	path[255] = '\0';
	assert_int_equal(mailroot_deliver_one(mailroot, path, message)->result, 0);
	for (size_t i = 0; i < sizeof(path); i++) {
		path[i] = i % 200 == 199 ? '/' : 'x';
	}
	path[MAILDIR_PATH_MAX - 1] = '\0';
	assert_int_equal(mailroot_deliver_one(mailroot, path, message)->result, 0);
	mailroot_check(mailroot, message);
	path[MAILDIR_PATH_MAX - 1] = 'x';
	path[MAILDIR_PATH_MAX] = '\0';
	check_refused(mailroot, path, -EINVAL);
}

static void make_link(const struct mailroot *mailroot, const char *to, const char *path)
{
	assert_int_equal(symlink(to, mailroot_path(mailroot, path, "")), 0);
}

/* A root below base, so that ".." can lead out of it, and directories beside it that a delivery which
 * went astray would find. */
static void make_inside_and_outside(const struct mailroot *mailroot)
{
	mailroot_make_directory(mailroot, "root/" USER "/new");
	mailroot_make_directory(mailroot, "outside/user/Maildir/new");
	mailroot_make_directory(mailroot, "outside/Maildir/new");
	mailroot_make_directory(mailroot, "outside/new");
}

/* With a symbolic link in this place: nothing is delivered, and nothing outside is touched. */
static void check_link_out(const struct mailroot *mailroot, const char *link, const char *to)
{
	struct maildir_root root;
	struct maildir_place place = { .root = &root, .mailbox = USER };
	struct maildir_message delivery;
	char way[300], before[TREE_MAX], after[TREE_MAX];
	const char *part;

	make_inside_and_outside(mailroot);
	snprintf(way, sizeof(way), "root/%s", link);
	directory_remove(mailroot_path(mailroot, way, ""));
	make_link(mailroot, to, way);
	list_tree(mailroot_path(mailroot, "outside", ""), before);
	maildir_root_init(&root, mailroot_path(mailroot, "root", ""), "h");
	maildir_begin(&delivery, &place, 1);
	maildir_write(&delivery, message.p, message.n);
	maildir_prepare(&delivery, &place, 1);
	maildir_commit(&delivery, &place, 1);
	/* A relative link may have too few ".." to leave; then it leads to nothing. */
	if (place.result != -EXDEV && (to[0] == '/' || place.result != -ENOENT)) {
		fail_msg("%s -> %s: %d", link, to, place.result);
	}
	assert_true(place.result != -EXDEV || maildir_probe(&root, USER, &part) == -EXDEV);
	list_tree(mailroot_path(mailroot, "outside", ""), after);
	expect_text(link, after, before);
	directory_remove(mailroot_path(mailroot, "root", ""));
}

static void test_links_out(void **state)
{
	static const char *const places[] = { "example.com", "example.com/user", USER,
		USER "/new" };
	static const char *const relative[] = { "../outside", "../../outside", "../../../outside",
		"../../../../outside", "/", "/proc/self/cwd" };

	for (size_t i = 0; i < LENGTH(places); i++) {
		check_link_out(*state, places[i], mailroot_path(*state, "outside", ""));
		for (size_t k = 0; k < LENGTH(relative); k++) {
			check_link_out(*state, places[i], relative[k]);
		}
	}
}

/* Links that stay inside are followed: admins move mailboxes that way. */
static void test_links_inside(void **state)
{
	static const struct {
		const char *link, *to, *real;
	} rows[] = {
		{ "example.com", "real/example.com", "real/example.com/user/Maildir" },
		{ "example.com/user", "../real/user", "real/user/Maildir" },
		{ USER, "../../real/Maildir", "real/Maildir" },
	};
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct maildir_place *place;
		char list[300];

		mailroot_make_directory(mailroot, USER);
		mailroot_make_directory(mailroot, "real/example.com");
		mailroot_make_directory(mailroot, "real/user");
		mailroot_make_directory(mailroot, "real/Maildir");
		directory_remove(mailroot_path(mailroot, rows[i].link, ""));
		make_link(mailroot, rows[i].to, rows[i].link);
		place = mailroot_deliver_one(mailroot, USER, message);
		if (place->result != 0) {
			fail_msg("%s: %d", rows[i].link, place->result);
		}
		mailroot_list(mailroot_path(mailroot, rows[i].real, "/new"), list, sizeof(list));
		expect_text(rows[i].real, list, place->name);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
		directory_remove(mailroot_path(mailroot, "real", ""));
	}
}

/* A file where a directory should be. */
static void test_files_in_the_way(void **state)
{
	static const char *const places[] = { "example.com", "example.com/user", USER,
		USER "/new" };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(places); i++) {
		mailroot_make_directory(mailroot, USER "/new");
		directory_remove(mailroot_path(mailroot, places[i], ""));
		mailroot_make_file(mailroot, places[i], "a file");
		check_refused(mailroot, USER, -ENOTDIR);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

/* A link whose target is away: the dry run must not call "absent" what no delivery can make. */
static void test_dangling_links(void **state)
{
	static const char *const places[] = { "example.com", "example.com/user", USER };
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(places); i++) {
		mailroot_make_directory(mailroot, USER);
		directory_remove(mailroot_path(mailroot, places[i], ""));
		make_link(mailroot, "gone", places[i]);
		check_refused(mailroot, USER, -ENOENT);
		directory_remove(mailroot_path(mailroot, "example.com", ""));
	}
}

static void test_probe(void **state)
{
	static const char *const made[] = { "example.com", "example.com/user", USER, USER "/cur" };
	struct mailroot *mailroot = *state;
	char before[TREE_MAX], after[TREE_MAX];
	const char *part;

	assert_int_equal(maildir_probe(&mailroot->root, USER, &part), MAILDIR_ABSENT);
	for (size_t i = 0; i < LENGTH(made); i++) {
		mailroot_make_directory(mailroot, made[i]);
		list_tree(mailroot->base, before);
		assert_int_equal(maildir_probe(&mailroot->root, USER, &part), MAILDIR_ABSENT);
		list_tree(mailroot->base, after);
		expect_text("a dry run makes nothing", after, before);
	}
	mailroot_make_directory(mailroot, USER "/new");
	assert_int_equal(maildir_probe(&mailroot->root, USER, &part), MAILDIR_EXISTS);
}

/* Delivery and dry run find the marker, or say that it is not there and make nothing. */
static void check_marker(struct mailroot *mailroot, bool is_there)
{
	const char *part;

	if (!is_there) {
		check_refused(mailroot, USER, -ENOENT);
		expect_text("step", mailroot->places[0].step, "find the marker above");
		assert_int_equal(maildir_probe(&mailroot->root, USER, &part), -ENOENT);
		expect_text("part", part, "the marker");
		return;
	}
	assert_true(maildir_probe(&mailroot->root, USER, &part) >= 0);
	assert_int_equal(mailroot_deliver_one(mailroot, USER, message)->result, 0);
	directory_remove(mailroot_path(mailroot, "example.com/user", ""));
}

/* A disk that is not mounted: only its mount point is there. */
static void test_marker(void **state)
{
	struct mailroot *mailroot = *state;

	mailroot->root.marker = ".mounted";
	check_marker(mailroot, false);
	mailroot_make_directory(mailroot, USER "/new");
	mailroot_make_file(mailroot, "example.com/user/.mounted", "");
	check_marker(mailroot, false);
	mailroot_make_file(mailroot, "example.com/.mounted", "");
	check_marker(mailroot, true);
	assert_int_equal(unlink(mailroot_path(mailroot, "example.com/.mounted", "")), 0);
	check_marker(mailroot, false);
	mailroot_make_file(mailroot, ".mounted", "");
	check_marker(mailroot, true);
	/* One that is outside of the root is none. */
	assert_int_equal(unlink(mailroot_path(mailroot, ".mounted", "")), 0);
	make_link(mailroot, "/etc/passwd", ".mounted");
	check_refused(mailroot, USER, -EXDEV);
}

enum {
	NOBODY = 65534
};

/* Root may write everywhere, so this is done as somebody else. */
static void become(bool is_root, uid_t uid)
{
	if (is_root) {
		assert_int_equal(seteuid(uid), 0);
	}
}

/* With `existing` made and `locked` under this mode: delivery and dry run say the same. */
static void check_permission(
    struct mailroot *mailroot, const char *existing, const char *locked, mode_t mode)
{
	bool is_root = geteuid() == 0;
	const char *part;
	struct maildir_place *place;
	int probed;

	assert_int_equal(chmod(mailroot->base, 0777), 0);
	become(is_root, NOBODY);
	mailroot_make_directory(mailroot, existing);
	become(is_root, 0);
	assert_int_equal(chmod(mailroot_path(mailroot, locked, ""), mode), 0);
	become(is_root, NOBODY);
	probed = maildir_probe(&mailroot->root, USER, &part);
	place = mailroot_deliver_one(mailroot, USER, message);
	become(is_root, 0);
	assert_int_equal(chmod(mailroot_path(mailroot, locked, ""), 0777), 0);
	if (place->result != -EACCES || probed != -EACCES) {
		fail_msg("\"%s\" locked (%03o): delivery %d (cannot %s ...%s), probe %d (...%s)",
		    locked, mode, place->result, place->step, place->part, probed, part);
	}
}

/* A directory that may not be written, or not be searched, at each place of the way. */
static void test_permissions(void **state)
{
	static const struct {
		const char *existing, *locked;
		mode_t mode;
	} rows[] = {
		{ "other", "", 0555 },
		{ "example.com", "example.com", 0555 },
		{ "example.com/user", "example.com/user", 0555 },
		{ USER "/new", USER "/new", 0555 },
		{ USER "/new", USER, 0444 },
		{ USER "/new", "example.com", 0000 },
		{ USER, USER, 0555 },
		{ USER "/cur", USER, 0555 },
	};
	struct mailroot *mailroot = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		check_permission(mailroot, rows[i].existing, rows[i].locked, rows[i].mode);
		if (i > 0) {
			directory_remove(mailroot_path(mailroot, "example.com", ""));
		}
	}
}

/* The root is opened anew for each delivery: one that was replaced gets the mail. */
static void test_root_is_replaced(void **state)
{
	struct mailroot *mailroot = *state;
	struct maildir_root root;
	struct maildir_place place = { .root = &root, .mailbox = USER };
	struct maildir_message delivery;
	char base[300], list[300];

	snprintf(base, sizeof(base), "%s/root", mailroot->base);
	maildir_root_init(&root, base, "h");
	for (unsigned i = 0; i < 2; i++) {
		mailroot_make_directory(mailroot, "root");
		assert_int_equal(maildir_begin(&delivery, &place, 1), 0);
		maildir_prepare(&delivery, &place, 1);
		maildir_commit(&delivery, &place, 1);
		assert_int_equal(place.result, 0);
		mailroot_list(mailroot_path(mailroot, "root/" USER "/new", ""), list, sizeof(list));
		expect_text("the root that stands there now", list, place.name);
		if (i == 0) {
			assert_int_equal(rename(base, mailroot_path(mailroot, "moved", "")), 0);
		}
	}
}

/* "Invalid cross-device link" would send an admin looking for a device. */
static void test_strerror(void **state)
{
	assert_non_null(strstr(maildir_strerror(-EXDEV, "open"), "symbolic link"));
	expect_text("a name", maildir_strerror(-EXDEV, "name the message in"), strerror(EXDEV));
	expect_text("others", maildir_strerror(-ENOSPC, "open"), strerror(ENOSPC));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, mailroot_setup, mailroot_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_paths),
		TEST(test_harmless_paths),
		TEST(test_long_paths),
		TEST(test_links_out),
		TEST(test_links_inside),
		TEST(test_files_in_the_way),
		TEST(test_dangling_links),
		TEST(test_probe),
		TEST(test_marker),
		TEST(test_permissions),
		TEST(test_root_is_replaced),
		cmocka_unit_test(test_strerror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
