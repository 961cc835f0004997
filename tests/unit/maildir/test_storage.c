/* SPDX-License-Identifier: MIT
 * Which way mail goes to which kind of filesystem. Superblocks of real ones are looked at by the tests of
 * the power cut. */
#include "maildir/storage.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	uint32_t features, journal_device;
	unsigned magic;
	enum storage_journal journal;
} superblocks[] = {
	{ 0x4, 0, 0xef53, STORAGE_JOURNAL_INSIDE },
	{ 0x23c, 0, 0xef53, STORAGE_JOURNAL_INSIDE },
	{ 0x38, 0, 0xef53, STORAGE_JOURNAL_NONE },
	{ 0, 0, 0xef53, STORAGE_JOURNAL_NONE },
	{ 0x4, 0x801, 0xef53, STORAGE_JOURNAL_ELSEWHERE },
	{ 0x404, 0, 0xef53, STORAGE_JOURNAL_FAST },
	{ 0x404, 0x801, 0xef53, STORAGE_JOURNAL_FAST },
	{ 0x400, 0, 0xef53, STORAGE_JOURNAL_NONE },
	{ 0x4, 0, 0x53ef, STORAGE_JOURNAL_UNKNOWN },
};

static void test_superblocks(void **state)
{
	for (size_t i = 0; i < LENGTH(superblocks); i++) {
		unsigned char bytes[STORAGE_SUPERBLOCK_SIZE] = { 0 };

		bytes[0x38] = (unsigned char)superblocks[i].magic;
		bytes[0x39] = (unsigned char)(superblocks[i].magic >> 8);
		for (unsigned byte = 0; byte < 4; byte++) {
			bytes[0x5c + byte] = (unsigned char)(superblocks[i].features >> 8 * byte);
			bytes[0xe4 + byte] =
			    (unsigned char)(superblocks[i].journal_device >> 8 * byte);
		}
		assert_int_equal(storage_read_superblock(bytes), superblocks[i].journal);
	}
}

static const struct {
	const char *type;
	enum storage_journal journal;
	enum storage_commit commit;
	const char *options, *why;
} choices[] = {
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_ONE_COMMIT, "rw", "with a journal" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_ONE_COMMIT, "rw,data=writeback", "journal" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_ONE_COMMIT, "", "journal" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_STRICT, "rw,nobarrier", "options" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_STRICT, "barrier=0,rw", "options" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_STRICT, "rw,journal_async_commit", "options" },
	{ "ext4", STORAGE_JOURNAL_INSIDE, STORAGE_ONE_COMMIT, "rw,barrier=01,nobarriers",
	    "journal" },
	{ "ext4", STORAGE_JOURNAL_NONE, STORAGE_STRICT, "rw", "without" },
	{ "ext4", STORAGE_JOURNAL_ELSEWHERE, STORAGE_STRICT, "rw", "external" },
	{ "ext4", STORAGE_JOURNAL_FAST, STORAGE_NAMED, "rw", "fast_commit" },
	{ "ext4", STORAGE_JOURNAL_FAST, STORAGE_NAMED, "rw,nobarrier", "fast_commit" },
	{ "ext4", STORAGE_JOURNAL_UNKNOWN, STORAGE_STRICT, "rw", "root has not looked" },
	{ "xfs", STORAGE_JOURNAL_UNKNOWN, STORAGE_ONE_COMMIT, "rw", "XFS" },
	{ "ext2", STORAGE_JOURNAL_INSIDE, STORAGE_STRICT, "rw", "nothing was proven" },
	{ "ext3", STORAGE_JOURNAL_INSIDE, STORAGE_STRICT, "rw", "nothing was proven" },
	{ "btrfs", STORAGE_JOURNAL_UNKNOWN, STORAGE_STRICT, "rw", "nothing was proven" },
	{ "overlay", STORAGE_JOURNAL_UNKNOWN, STORAGE_STRICT, "rw", "nothing was proven" },
	{ "", STORAGE_JOURNAL_UNKNOWN, STORAGE_STRICT, "", "nothing was proven" },
};

static void test_choices(void **state)
{
	for (size_t i = 0; i < LENGTH(choices); i++) {
		const char *why = "";

		if (storage_choose(choices[i].type, choices[i].journal, choices[i].options, &why) !=
			choices[i].commit ||
		    strstr(why, choices[i].why) == NULL) {
			fail_msg("%s, %s: \"%s\"", choices[i].type, choices[i].options, why);
		}
	}
}

/* Whatever machine this is: what is not known is strict, and the root of the tree is mounted somewhere. */
static void test_this_machine(void **state)
{
	struct storage storage;

	storage_look(&storage, "/", "/nonexistent/words");
	assert_in_range(storage.n, 1, STORAGE_MAX);
	assert_int_equal(storage_commit_of(&storage, (dev_t)-1), STORAGE_STRICT);
	for (size_t i = 0; i < storage.n; i++) {
		assert_int_equal(storage.filesystems[i].where[0], '/');
		assert_non_null(storage.filesystems[i].why);
	}
	assert_true(storage_examine((const char *const[]){ "/", NULL }, "/nonexistent/words") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_superblocks),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
