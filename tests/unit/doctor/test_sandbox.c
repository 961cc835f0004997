/* SPDX-License-Identifier: MIT
 * What systemctl show prints of our units, and what they allow. */
#include "doctor/sandbox.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char shipped[] =
    "LoadState=loaded\nProtectSystem=strict\nProtectHome=yes\n"
    "ReadWritePaths=-/var/mail/vhosts\nIPAddressAllow=127.0.0.0/8 ::1/128\n"
    "IPAddressDeny=0.0.0.0/0 ::/0\n"
    "ExecStart={ path=/usr/sbin/lmtpd ; argv[]=/usr/sbin/lmtpd ; ignore_errors=no ; pid=0 }\n";

static const char edited[] =
    "ExecStart={ path=/usr/sbin/lmtpd ; argv[]=/usr/sbin/lmtpd -c /etc/other.conf ; pid=0 }\n"
    "IPAddressAllow=127.0.0.0/8 ::1/128 192.0.2.9/32 10.20.0.0/14 2001:db8:8000::/33\n"
    "IPAddressDeny=::/0 0.0.0.0/0\nLoadState=loaded\nProtectHome=no\nProtectSystem=strict\n"
    "ReadWritePaths=-/var/mail/vhosts /srv/mail/ +/home/mail\n";

/* A distribution's own unit, without any of it. */
static const char open_one[] =
    "LoadState=loaded\nProtectSystem=no\nProtectHome=no\nReadWritePaths=\nIPAddressAllow=\n"
    "IPAddressDeny=\nExecStart={ argv[]=/usr/sbin/lmtpd }\n";

static const struct {
	const char *said, *what;
	bool is_allowed;
} paths[] = {
	{ shipped, "/var/mail/vhosts", true },
	{ shipped, "/var/mail/vhosts/more", true },
	{ shipped, "/var/mail/vhosts2", false },
	{ shipped, "/var/mail", false },
	{ shipped, "/srv/mail", false },
	{ shipped, "/home/mail", false },
	{ edited, "/srv/mail", true },
	{ edited, "/home/mail/x", true },
	{ edited, "/home", false },
	{ open_one, "/srv/mail", true },
	{ "ProtectHome=tmpfs\nProtectSystem=full\n", "/home/mail", false },
	{ "ProtectHome=read-only\nProtectSystem=full\n", "/root", false },
	{ "ProtectSystem=full\n", "/srv", true },
}, addresses[] = {
	{ shipped, "127.0.0.1", true },
	{ shipped, "127.1.2.3", true },
	{ shipped, "::1", true },
	{ shipped, "192.0.2.9", false },
	{ shipped, "2001:db8::1", false },
	{ shipped, "fe80::1%eth0", true }, /* nothing is known of it */
	{ shipped, "", true },
	{ edited, "192.0.2.9", true },
	{ edited, "192.0.2.8", false },
	{ edited, "10.23.255.255", true },
	{ edited, "10.24.0.0", false },
	{ edited, "2001:db8:8001::", true },
	{ edited, "2001:db8:7fff::", false },
	{ open_one, "192.0.2.9", true },
	{ "IPAddressDeny=192.0.2.0/24 nonsense 1.2.3.4/99\n", "192.0.2.200", false },
	{ "IPAddressDeny=192.0.2.0/24 nonsense 1.2.3.4/99\n", "1.2.3.4", true },
};

typedef bool judge(const struct sandbox *sandbox, const char *what);

static void expect(judge *is_allowed, const char *said, const char *what, bool want)
{
	char *text = strdup(said);
	struct sandbox sandbox;

	assert_non_null(text);
	sandbox_read(&sandbox, text);
	if (is_allowed(&sandbox, what) != want) {
		fail_msg("%s\n%s", what, said);
	}
	free(text);
}

static void test_paths_and_addresses(void **state)
{
	for (size_t i = 0; i < LENGTH(paths); i++) {
		expect(sandbox_may_write, paths[i].said, paths[i].what, paths[i].is_allowed);
	}
	for (size_t i = 0; i < LENGTH(addresses); i++) {
		expect(sandbox_may_reach, addresses[i].said, addresses[i].what,
		    addresses[i].is_allowed);
	}
}

static bool is_of(const struct sandbox *sandbox, const char *file)
{
	return sandbox_is_of(sandbox, file, "/etc/lmtpd/lmtpd.conf");
}

static bool is_loaded(const struct sandbox *sandbox, const char *nothing)
{
	return sandbox->is_loaded;
}

static void test_which_unit(void **state)
{
	expect(is_of, shipped, "/etc/lmtpd/lmtpd.conf", true);
	expect(is_of, shipped, "/tmp/lmtpd.conf", false);
	expect(is_of, edited, "/etc/other.conf", true);
	expect(is_of, edited, "/etc/lmtpd/lmtpd.conf", false);
	expect(is_loaded, shipped, "", true);
	expect(is_loaded, "LoadState=not-found\nExecStart=\n", "", false);
	expect(is_loaded, "", "", false);
}

static void test_sockets(void **state)
{
	static const char text[] = "LoadState=loaded\nListen=/run/a (Stream)\n"
				   "Listen=127.0.0.1:24 (Stream)\nListen=[::1]:24 (Stream)\n";

	assert_true(sandbox_has_socket(text, "unix:/run/a"));
	assert_true(sandbox_has_socket(text, "inet:127.0.0.1:24"));
	assert_true(sandbox_has_socket(text, "inet:[::1]:24"));
	assert_false(sandbox_has_socket(text, "unix:/run/ab"));
	assert_false(sandbox_has_socket(text, "unix:/run"));
	assert_false(sandbox_has_socket(text, "inet:127.0.0.1:2"));
	assert_false(sandbox_has_socket("", "unix:/run/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_and_addresses),
		cmocka_unit_test(test_which_unit),
		cmocka_unit_test(test_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
