/* SPDX-License-Identifier: MIT
 * Who shares writers with whom, and how many. */
#include "lmtpd/devices.h"

#include <stdio.h>

#include "tests/unit/unit.h"

enum {
	THREADS = 64
};

static unsigned share(
    const struct devices *devices, const struct maildir_root *root, const char *mailbox)
{
	return devices_share(devices, &(struct maildir_place){ .root = root, .mailbox = mailbox });
}

static const struct maildir_root nowhere = { .base = "/mail" };

static bool learn_at(
    struct devices *devices, const struct maildir_root *root, const char *mailbox, dev_t device)
{
	return devices_learn(
	    devices, &(struct maildir_place){ .root = root, .mailbox = mailbox }, device);
}

static bool learn(struct devices *devices, const char *mailbox, dev_t device)
{
	return learn_at(devices, &nowhere, mailbox, device);
}

static void test_learning(void **state)
{
	struct devices devices = { .n = 0 };
	unsigned a, b;

	assert_int_equal(share(&devices, &nowhere, "example.com/a/Maildir"), DEVICES_UNKNOWN);
	assert_true(learn(&devices, "example.com/a/Maildir", 10));
	assert_false(learn(&devices, "example.com/b/Maildir", 10));
	assert_true(learn(&devices, "example.org/a/Maildir", 20));
	a = share(&devices, &nowhere, "example.com/a/Maildir");
	b = share(&devices, &nowhere, "example.org/a/Maildir");
	assert_true(a != b && a != DEVICES_UNKNOWN && b != DEVICES_UNKNOWN);
	assert_int_equal(share(&devices, &nowhere, "example.com/b/Maildir"), a);
	/* One that was never seen is taken for one of its domain. */
	assert_int_equal(share(&devices, &nowhere, "example.org/z/Maildir"), b);
	assert_int_equal(share(&devices, &nowhere, "example.net/z/Maildir"), DEVICES_UNKNOWN);
	/* It has moved, which its domain has not. */
	assert_false(learn(&devices, "example.com/a/Maildir", 20));
	assert_false(learn(&devices, "example.com/b/Maildir", 10));
	assert_int_equal(share(&devices, &nowhere, "example.com/a/Maildir"), b);
	assert_int_equal(share(&devices, &nowhere, "example.com/z/Maildir"), a);
}

/* However many devices stand still, others have writers left, as long as they can be told apart. */
static void test_limits(void **state)
{
	static const unsigned threads[] = { 1, 2, 8, THREADS, 512 };
	struct devices devices = { .n = 0 };
	char path[40];

	assert_int_equal(devices_limit(&devices, DEVICES_UNKNOWN, THREADS), THREADS);
	for (unsigned device = 1; device < 3 * DEVICES_MAX; device++) {
		snprintf(path, sizeof(path), "d%u/a/Maildir", device);
		assert_int_equal(learn(&devices, path, device), device <= DEVICES_MAX);
		assert_in_range(share(&devices, &nowhere, path), 1, DEVICES_MAX);
		for (size_t i = 0; i < LENGTH(threads); i++) {
			unsigned n_all = 0;

			for (unsigned share = 0; share <= devices.n; share++) {
				unsigned n = devices_limit(&devices, share, threads[i]);

				assert_in_range(n, 1, threads[i]);
				n_all += n;
			}
			assert_true(n_all <= threads[i] || threads[i] <= 2 * QUEUE_SHARES);
		}
	}
}

/* What is mounted is known before mail is seen there: after a start beside a disk that stands still, its mail
 * must not take the writers of the others. What is seen counts more. */
static void test_mounts(void **state)
{
	static const struct maildir_root root = {
		.base = "/var/mail",
		.storage = { .n = 6,
		    .base = 1,
		    .filesystems = {
			{ .device = 10, .has_one_device = true, .where = "/" },
			{ .device = 20, .has_one_device = true, .where = "/var" },
			{ .device = 30, .has_one_device = true, .where = "/var/mail/slow.example" },
			{ .device = 40, .has_one_device = true, .where = "/var/mail/example.com/boss" },
			{ .device = 50, .has_one_device = true, .where = "/var/mail/slow.example" },
			{ .device = 60, .where = "/var/mail/btrfs.example" },
		    } },
	};
	struct devices devices = { .n = 0 };
	unsigned main_disk, slow;

	devices_expect(&devices, &root);
	assert_int_equal(devices.n, 3);
	main_disk = share(&devices, &root, "example.com/a/Maildir");
	slow = share(&devices, &root, "slow.example/a/Maildir");
	assert_true(main_disk != slow && main_disk != DEVICES_UNKNOWN && slow != DEVICES_UNKNOWN);
	assert_int_equal(share(&devices, &root, "slow.example.com/a/Maildir"), main_disk);
	assert_int_equal(devices.known[slow - 1], 50); /* it hides what was mounted there before */
	assert_int_equal(devices.known[share(&devices, &root, "example.com/boss/Maildir") - 1], 40);
	assert_false(
	    learn_at(&devices, &root, "example.org/a/Maildir", 50)); /* by a symbolic link */
	assert_int_equal(share(&devices, &root, "example.org/b/Maildir"), slow);
	devices_expect(&devices, &root);
	assert_int_equal(devices.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_mounts),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
