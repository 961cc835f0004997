/* SPDX-License-Identifier: MIT
 * Which scripts run for a home, in a tree of files and links. */
#include "lmtpd/scripts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lmtpd/scripts_chain.h"
#include "lmtpd/scripts_log.h"
#include "tests/unit/unit.h"

/* Of the linker's --wrap: a disk that does not answer as it should. */
long __wrap_syscall(long number, int base_fd, const char *path, void *how, size_t n);
long __real_syscall(long number, int base_fd, const char *path, void *how, size_t n);
int __wrap_fstat64(int fd, struct stat *status_r);
int __real_fstat64(int fd, struct stat *status_r);

static int error_of_open, error_of_stat;
static unsigned n_good; /* calls before the one that fails */

static bool strikes(int error)
{
	if (error != 0 && n_good-- == 0) {
		n_good = 0;
		errno = error;
		return true;
	}
	return false;
}

long __wrap_syscall(long number, int base_fd, const char *path, void *how, size_t n)
{
	return number == SYS_openat2 && strikes(error_of_open)
		   ? -1
		   : __real_syscall(number, base_fd, path, how, n);
}

int __wrap_fstat64(int fd, struct stat *status_r)
{
	return strikes(error_of_stat) ? -1 : __real_fstat64(fd, status_r);
}

static void test_resolving(void **state)
{
	static const struct {
		const char *active, *storage, *target, *path;
	} cases[] = {
		{ ".dovecot.sieve", "sieve", "sieve/a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "./sieve//a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "/m/h/sieve/a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "/m/x/../h/sieve/a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "../h/sieve/a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "sieve/../../h/sieve/a.sieve", "sieve/a.sieve" },
		{ "sub/active", "sub/store", "store/\303\274 .sieve", "sub/store/\303\274 .sieve" },
		{ "sieve/.active", "sieve", "a.sieve", "sieve/a.sieve" },
		{ ".dovecot.sieve", "sieve", "/m/other/sieve/a.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "../other/sieve/a.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "/etc/passwd", NULL },
		{ ".dovecot.sieve", "sieve", "sieve", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/a", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/a.svbin", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/b/a.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "sieve2/a.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "a.sieve", NULL },
		{ ".dovecot.sieve", "sieve", "", NULL },
		{ ".dovecot.sieve", "sieve", "..", NULL },
		{ ".dovecot.sieve", "sieve", "../../../../../..", NULL },
		{ ".dovecot.sieve", "sieve", "sieve/a\nb.sieve", NULL },
	};
	char path[SCRIPT_PATH_MAX], longest[SIEVE_NAME_MAX + 32];

	for (size_t i = 0; i < LENGTH(cases); i++) {
		bool is_one = scripts_resolve_link(
		    "/m/h", cases[i].active, cases[i].storage, cases[i].target, path);

		expect_text(cases[i].target, is_one ? path : "none",
		    cases[i].path == NULL ? "none" : cases[i].path);
	}
	snprintf(longest, sizeof(longest), "sieve/%0*d.sieve", SIEVE_NAME_MAX, 0);
	assert_true(scripts_resolve_link("/m/h", "a", "sieve", longest, path));
	snprintf(longest, sizeof(longest), "sieve/%0*d.sieve", SIEVE_NAME_MAX + 1, 0);
	assert_false(scripts_resolve_link("/m/h", "a", "sieve", longest, path));
}

/* A mail root with a home, and the admin's directory beside it. */
struct tree {
	char base[200];
	struct maildir_root root;
	struct lmtpd_config config;
	struct scripts_home home;
	struct scripts *scripts;
	const char *before[2], *after[1];
	char before_path[300], after_path[300], fallback[300], global[300];
};

static void write_file(const struct tree *tree, const char *name, const char *text)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tree->base, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void make(const struct tree *tree, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", tree->base, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void activate(const struct tree *tree, const char *target)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/home/.dovecot.sieve", tree->base);
	unlink(path);
	rmdir(path);
	if (target != NULL) {
		assert_int_equal(symlink(target, path), 0);
	}
}

static int set_up(void **state)
{
	static struct tree tree;

	memset(&tree, 0, sizeof(tree));
	directory_make(tree.base, sizeof(tree.base));
	maildir_root_init(&tree.root, tree.base, "host");
	make(&tree, "home");
	make(&tree, "home/sieve");
	make(&tree, "admin");
	make(&tree, "admin/global");
	tree.home = (struct scripts_home){ &tree.root, "home", "user@example.com" };
	tree.config.sieve = (struct sieve_config){
		.is_enabled = true,
		.storage = "~/sieve",
		.active = "~/.dovecot.sieve",
		.fallback = "",
		.global = "",
		.settings = sieve_defaults,
	};
	snprintf(tree.before_path, sizeof(tree.before_path), "%s/admin/before", tree.base);
	snprintf(tree.after_path, sizeof(tree.after_path), "%s/admin/after.sieve", tree.base);
	snprintf(tree.fallback, sizeof(tree.fallback), "%s/admin/default.sieve", tree.base);
	snprintf(tree.global, sizeof(tree.global), "%s/admin/global", tree.base);
	tree.before[0] = tree.before_path;
	tree.after[0] = tree.after_path;
	tree.scripts = scripts_new();
	assert_non_null(tree.scripts);
	*state = &tree;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;

	scripts_free(tree->scripts);
	directory_remove(tree->base);
	return 0;
}

/* What runs and what is wrong, with the tree's directory left out. */
static void expect_chain(
    struct tree *tree, const char *what, const char *names, const char *trouble)
{
	struct scripts_chain chain;
	struct error error = { "" };
	char got[2000] = "", plain[600], *at;

	assert_int_equal(
	    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
	for (size_t i = 0; i < chain.n; i++) {
		add_text(got, sizeof(got), "%s%s", i > 0 ? " " : "", chain.list[i].name);
	}
	expect_text(what, got, names);
	snprintf(plain, sizeof(plain), "%s", chain.trouble);
	while ((at = strstr(plain, tree->base)) != NULL) {
		memmove(at, at + strlen(tree->base), strlen(at + strlen(tree->base)) + 1);
	}
	if (trouble[0] == '\0' ? plain[0] != '\0' : strncmp(plain, trouble, strlen(trouble)) != 0) {
		expect_text(what, plain, trouble);
	}
	scripts_close(tree->scripts, &chain);
}

static void test_links(void **state)
{
	static const struct {
		const char *target, *names, *trouble;
	} cases[] = {
		{ NULL, "", "" },
		{ "sieve/good.sieve", "good", "" },
		{ "sieve/link.sieve", "link", "" },
		{ "sieve/gone.sieve", "", "~/.dovecot.sieve: a link to a script that is gone" },
		{ "sieve/out.sieve", "",
		    "~/sieve/out.sieve: a symbolic link leads out of the mail root" },
		{ "sieve/directory.sieve", "", "~/sieve/directory.sieve: no file" },
		{ "sieve/pipe.sieve", "", "~/sieve/pipe.sieve: no file" },
		{ "sieve/broken.sieve", "", "~/sieve/broken.sieve: line 1: " },
		{ "/etc/passwd", "",
		    "~/.dovecot.sieve: a link that does not lead to a script in ~/sieve" },
		{ ".dovecot.sieve", "",
		    "~/.dovecot.sieve: a link that does not lead to a script in ~/sieve" },
	};
	struct tree *tree = *state;
	char path[600];

	write_file(tree, "home/sieve/good.sieve", "keep;\n");
	write_file(tree, "home/sieve/broken.sieve", "no;\n");
	write_file(tree, "admin/outside.sieve", "keep;\n");
	make(tree, "home/sieve/directory.sieve");
	snprintf(path, sizeof(path), "%s/home/sieve/pipe.sieve", tree->base);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/home/sieve/link.sieve", tree->base);
	assert_int_equal(symlink("good.sieve", path), 0);
	snprintf(path, sizeof(path), "%s/home/sieve/out.sieve", tree->base);
	assert_int_equal(symlink("../../admin/outside.sieve", path), 0);
	for (size_t i = 0; i < LENGTH(cases); i++) {
		activate(tree, cases[i].target);
		expect_chain(tree, cases[i].target, cases[i].names, cases[i].trouble);
	}
	snprintf(path, sizeof(path), "%s/home/sieve/good.sieve", tree->base);
	activate(tree, path);
	expect_chain(tree, "an absolute link", "good", "");
}

static void test_files(void **state)
{
	struct tree *tree = *state;

	write_file(tree, "home/.dovecot.sieve", "keep;\n");
	expect_chain(tree, "a file", ".dovecot", "");
	activate(tree, NULL);
	make(tree, "home/.dovecot.sieve");
	expect_chain(tree, "a directory", "", "~/.dovecot.sieve: no file");
	activate(tree, NULL);
	tree->config.sieve.active = "~/sub/script";
	write_file(tree, "home/sub", "");
	expect_chain(tree, "a file in the way", "", "~/sub/script: Not a directory");
	tree->home.path = "nobody";
	expect_chain(tree, "no home", "", "");
}

static void test_order(void **state)
{
	struct tree *tree = *state;

	tree->config.sieve.before = (struct settings_list){ tree->before, 1 };
	tree->config.sieve.after = (struct settings_list){ tree->after, 1 };
	tree->config.sieve.fallback = tree->fallback;
	expect_chain(tree, "nothing is there yet", "", "");
	make(tree, "admin/before");
	write_file(tree, "admin/before/b.sieve", "keep;\n");
	write_file(tree, "admin/before/B.sieve", "keep;\n");
	write_file(tree, "admin/before/a.sieve", "keep;\n");
	write_file(tree, "admin/before/a.svbin", "\1\2");
	write_file(tree, "admin/before/.hidden.sieve", "keep;\n");
	write_file(tree, "admin/after.sieve", "keep;\n");
	write_file(tree, "admin/default.sieve", "keep;\n");
	expect_chain(tree, "no script of the user", "B a b default after", "");
	write_file(tree, "home/sieve/own.sieve", "keep;\n");
	activate(tree, "sieve/own.sieve");
	expect_chain(tree, "all", "B a b own after", "");
	write_file(tree, "admin/before/a.sieve", "no;\n");
	write_file(tree, "home/sieve/own.sieve", "require \"no\";\n");
	expect_chain(tree, "broken ones", "B b after", "/admin/before/a.sieve: line 1: ");
	activate(tree, "sieve/gone.sieve");
	expect_chain(tree, "gone", "B b default after", "/admin/before/a.sieve: line 1: ");
	for (unsigned i = 0; i < 40; i++) {
		char name[64];

		snprintf(name, sizeof(name), "admin/before/c%02u.sieve", i);
		write_file(tree, name, "no;\n");
	}
	expect_chain(
	    tree, "many broken ones", "B b default after", "/admin/before/a.sieve: line 1: ");
	write_file(tree, "admin/before/a.sieve", "keep;\n");
	for (unsigned i = 0; i < 40; i++) {
		char name[64];

		snprintf(name, sizeof(name), "admin/before/c%02u.sieve", i);
		write_file(tree, name, "keep;\n");
	}
	expect_chain(tree, "too many",
	    "B a b c00 c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15 c16 c17 c18 "
	    "c19 c20 c21 c22 c23 c24 c25 c26 c27 c28",
	    "/admin/before/c29.sieve: more than 32 scripts; ");
}

static void test_includes(void **state)
{
	struct tree *tree = *state;

	tree->config.sieve.global = tree->global;
	activate(tree, "sieve/own.sieve");
	write_file(tree, "home/sieve/own.sieve",
	    "require \"include\";\ninclude \"x\";\ninclude :global \"x\";\n");
	expect_chain(tree, "missing", "", "~/sieve/own.sieve: line 2: ");
	write_file(tree, "home/sieve/x.sieve", "keep;\n");
	expect_chain(tree, "the global one is missing", "", "~/sieve/own.sieve: line 3: ");
	write_file(tree, "admin/global/x.sieve", "keep;\n");
	expect_chain(tree, "both", "own", "");
	write_file(tree, "home/sieve/x.sieve", "require \"include\";\ninclude \"own\";\n");
	expect_chain(tree, "a circle", "", "~/sieve/own.sieve: line ");
	write_file(tree, "home/sieve/x.sieve", "no;\n");
	expect_chain(tree, "a broken one", "", "~/sieve/x.sieve: line 1: ");
	write_file(
	    tree, "home/sieve/own.sieve", "require \"include\";\ninclude :optional \"none\";\n");
	expect_chain(tree, "an optional one", "own", "");
}

/* Whatever may be otherwise in a minute makes mail wait, wherever it happens; what stays does not. */
static void test_accidents(void **state)
{
	static const int errors[] = { EIO, ESTALE, ENOMEM, EMFILE, ENFILE, EACCES, EPERM, ELOOP };
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;

	write_file(tree, "home/sieve/own.sieve", "keep;\n");
	activate(tree, "sieve/own.sieve");
	for (size_t i = 0; i < LENGTH(errors); i++) {
		bool waits = i < 5;

		/* From the home, the link, what it leads to, or that to be read on; then the status of link and script. */
		for (unsigned at = 0; at < (waits ? 6 : 4); at++) {
			int result;

			n_good = at % 4;
			error_of_open = at < 4 ? errors[i] : 0;
			error_of_stat = at < 4 ? 0 : errors[i];
			result =
			    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error);
			error_of_open = error_of_stat = 0;
			assert_int_equal(result, waits ? -errors[i] : 0);
			assert_int_equal(chain.n, 0);
			assert_true(waits ? strstr(error.text, "user@example.com") != NULL
					  : chain.trouble[0] != '\0');
			scripts_close(tree->scripts, &chain);
		}
	}
}

static void test_sending(void **state)
{
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;

	activate(tree, "sieve/own.sieve");
	write_file(tree, "home/sieve/own.sieve", "redirect \"a@example.com\";\n");
	assert_int_equal(
	    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
	assert_true(chain.sends && chain.has_own);
	scripts_close(tree->scripts, &chain);
}

/* The user's log, without its lines of times. */
static void expect_log(const struct tree *tree, const char *name, const char *want)
{
	static const char started[] = "sieve: info: started log at ";
	char path[600], line[1000], got[4000] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/home/%s", tree->base, name);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, started, strlen(started)) != 0) {
			add_text(got, sizeof(got), "%s", line);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	expect_text(name, got, want);
}

/* One that lacks what it includes goes, and those behind it stay; the user reads of both that are broken. */
static void test_left_out(void **state)
{
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;
	struct sieve_note notes[] = { /* of the admin's: the user reads none */
		{ .line = 4, .kind = SIEVE_NOTE_ERROR, .text = { "x", 1 } },
		{ .line = 5, .kind = SIEVE_NOTE_ERROR, .text = { "y", 1 } }
	};
	const struct sieve_plan plan = { .notes = notes, .n_notes = 1 };

	tree->config.sieve.before = (struct settings_list){ tree->before, 1 };
	tree->config.sieve.after = (struct settings_list){ tree->after, 1 };
	make(tree, "admin/before");
	write_file(tree, "admin/before/a.sieve", "require \"include\";\ninclude \"none\";\n");
	write_file(tree, "admin/before/b.sieve", "keep;\n");
	write_file(tree, "admin/after.sieve", "keep;\n");
	write_file(tree, "home/sieve/own.sieve", "require \"include\";\n\ninclude \"x\";\n");
	write_file(tree, "home/sieve/x.sieve", "\nno;\n");
	activate(tree, "sieve/own.sieve");
	expect_chain(tree, "those that stay", "b after", "~/sieve/x.sieve: line 2: ");
	assert_int_equal(
	    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
	assert_string_equal(scripts_path(&chain, chain.list[1].name), tree->after_path);
	notes[0].script = notes[1].script = chain.list[0].name;
	assert_false(scripts_is_own(&chain, chain.list[0].name));
	scripts_ran(tree->scripts, &tree->config, &tree->home, &chain, &plan, &notes[1], 1, NULL);
	expect_log(tree, ".dovecot.sieve.log",
	    "own: line 3: error: this script, line 3: there is no script \"x\" to include; upload "
	    "it, or write :optional\n"
	    "x: line 2: error: there is no command no; take it out\n");
	scripts_close(tree->scripts, &chain);
}

static void test_log(void **state)
{
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;
	struct sieve_note notes[] = {
		{ .line = 3, .kind = SIEVE_NOTE_ERROR, .text = { "too bad", 7 } },
		{ .script = "other", .line = 4, .kind = SIEVE_NOTE_ERROR, .text = { "x", 1 } },
	};
	struct sieve_note undone[] = {
		{ .script = "other", .line = 5, .kind = SIEVE_NOTE_ERROR, .text = { "y", 1 } },
		{ .line = 6, .kind = SIEVE_NOTE_ERROR, .text = { "no such name", 12 } },
	};
	struct sieve_plan plan = { .notes = notes, .n_notes = 2, .has_failed = true };
	struct stat status;
	char path[600];

	activate(tree, "sieve/own.sieve");
	write_file(tree, "home/sieve/own.sieve", "keep;\n");
	assert_int_equal(
	    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
	scripts_ran(tree->scripts, &tree->config, &tree->home, &chain, NULL, NULL, 0, NULL);
	expect_log(tree, ".dovecot.sieve.log", "");
	notes[0].script = undone[1].script = chain.list[0].name;
	scripts_ran(tree->scripts, &tree->config, &tree->home, &chain, &plan, undone, 2, "<a@b>");
	expect_log(tree, ".dovecot.sieve.log",
	    "own: line 3: error: msgid=<a@b>: too bad\n"
	    "own: line 6: error: msgid=<a@b>: no such name\n");
	assert_true(scripts_is_own(&chain, chain.list[0].name));
	assert_false(scripts_is_own(&chain, "own"));
	assert_false(scripts_is_own(&chain, NULL));
	scripts_close(tree->scripts, &chain);
	undone[1].script = "own";
	scripts_tell(&tree->config, &tree->home, &undone[1], "<a@b>");
	expect_log(tree, ".dovecot.sieve.log",
	    "own: line 3: error: msgid=<a@b>: too bad\n"
	    "own: line 6: error: msgid=<a@b>: no such name\n"
	    "own: line 6: error: msgid=<a@b>: no such name\n");
	write_file(tree, "home/sieve/own.sieve", "keep;\nno;\n");
	assert_int_equal(
	    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
	assert_int_equal(chain.n, 0);
	snprintf(path, sizeof(path), "%s/home/.dovecot.sieve.log", tree->base);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* A full one makes room. */
	assert_int_equal(truncate(path, SCRIPTS_LOG_MAX), 0);
	scripts_ran(tree->scripts, &tree->config, &tree->home, &chain, NULL, NULL, 0, NULL);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size < 1000);
	snprintf(path, sizeof(path), "%s/home/.dovecot.sieve.log.0", tree->base);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, SCRIPTS_LOG_MAX);
	scripts_close(tree->scripts, &chain);
}

/* Nothing outside of the home is written to. */
static void test_log_is_no_file(void **state)
{
	struct tree *tree = *state;
	char log[600], outside[600];
	int home_fd = open(tree->base, O_PATH | O_CLOEXEC);
	struct stat status;

	write_file(tree, "admin/victim", "");
	snprintf(log, sizeof(log), "%s/home/log", tree->base);
	snprintf(outside, sizeof(outside), "%s/admin/victim", tree->base);
	assert_int_equal(symlink(outside, log), 0);
	assert_int_equal(scripts_log_write(home_fd, "home/log", "x\n", 2), -ELOOP);
	assert_int_equal(stat(outside, &status), 0);
	assert_int_equal(status.st_size, 0);
	unlink(log);
	assert_int_equal(mkfifo(log, 0600), 0);
	assert_int_equal(scripts_log_write(home_fd, "home/log", "x\n", 2), -ENXIO);
	assert_int_equal(scripts_log_write(home_fd, "none/log", "x\n", 2), -ENOENT);
	assert_int_equal(symlink("/", outside), -1);
	snprintf(log, sizeof(log), "%s/home/way", tree->base);
	assert_int_equal(symlink("/tmp", log), 0);
	assert_int_equal(scripts_log_write(home_fd, "home/way/log", "x\n", 2), -EXDEV);
	close(home_fd);
}

static void test_exhausted(void **state)
{
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;
	const struct sieve_plan plan = { .has_failed = true, .is_exhausted = true };

	activate(tree, "sieve/own.sieve");
	write_file(tree, "home/sieve/own.sieve", "keep;\n");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
		assert_int_equal(chain.n, 1);
		scripts_ran(
		    tree->scripts, &tree->config, &tree->home, &chain, &plan, NULL, 0, NULL);
		scripts_close(tree->scripts, &chain);
	}
	expect_log(tree, ".dovecot.sieve.log",
	    "own: error: took too long 3 times within an hour and does not run for an hour: make "
	    "it simpler\n");
	expect_chain(tree, "exhausted", "", "~/sieve/own.sieve: switched off for an hour");
	write_file(tree, "home/sieve/own.sieve", "stop;\n# changed\n");
	expect_chain(tree, "changed", "own", "");
}

/* The one that ran out is switched off, also if what it includes did, and not the user's behind it. */
static void test_exhausted_of_the_admin(void **state)
{
	struct tree *tree = *state;
	struct scripts_chain chain;
	struct error error;
	struct sieve_note notes[] = {
		{ .line = 1, .kind = SIEVE_NOTE_ERROR, .text = { "x", 1 } },
		{ .line = 2, .kind = SIEVE_NOTE_ERROR, .text = { "y", 1 } },
		{ .line = 3, .kind = SIEVE_NOTE_DEBUG, .text = { "z", 1 } },
	};
	const struct sieve_plan plan = { .notes = notes,
		.n_notes = 3,
		.has_failed = true,
		.is_exhausted = true,
		.exhausted = 1 };

	tree->config.sieve.before = (struct settings_list){ tree->before, 1 };
	make(tree, "admin/before");
	write_file(tree, "admin/before/a.sieve", "keep;\n");
	write_file(tree, "admin/before/b.sieve", "keep;\n");
	activate(tree, "sieve/own.sieve");
	write_file(tree, "home/sieve/own.sieve", "keep;\n");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
		    scripts_open(tree->scripts, &tree->config, &tree->home, &chain, &error), 0);
		notes[0].script = chain.list[0].name;
		notes[1].script = i == 0 ? chain.list[1].name : "included";
		notes[2].script = chain.list[2].name;
		scripts_ran(
		    tree->scripts, &tree->config, &tree->home, &chain, &plan, NULL, 0, NULL);
		scripts_close(tree->scripts, &chain);
	}
	expect_chain(tree, "b", "a own", "/admin/before/b.sieve: switched off for an hour");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolving),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_includes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_accidents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sending, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_log_is_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exhausted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exhausted_of_the_admin, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
