"""lmtpd --check and lmtpd-auth --check on what lies around them: sockets, Postfix, Dovecot, disks."""

import contextlib
import json
import os
import pty
import pwd
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.check import ConfiguredPostfix, Report
from harness.dovecot import Dovecot, header, home_below, is_2_4, mail_at, users_below
from harness.process import MAIL_GROUP, MAIL_ID, run, run_checked

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.needs_root

ROUTE = "virtual_transport"


@pytest.fixture
def postfix(directory):
    """One that is configured, and whose user can reach the sockets."""
    server = ConfiguredPostfix(directory)
    user = pwd.getpwnam("postfix")
    os.chown(server.private, user.pw_uid, 0)
    server.private.chmod(0o700)
    return server


@pytest.fixture
def machine(postfix, make_lmtpd):
    """It, and an lmtpd for it that is started as root."""
    daemon = make_lmtpd(starts_as_root=True, lmtp={"socket_user": "postfix", "socket_mode": 0o600})
    postfix.serve(daemon, "lmtp", "dovecot-lmtp")
    return postfix, daemon


@pytest.fixture
def logins(postfix, make_auth):
    daemon = make_auth(starts_as_root=True, auth={"socket_user": "postfix", "socket_mode": 0o600})
    postfix.serve(daemon, "auth", "auth")
    return postfix, daemon


@contextlib.contextmanager
def served(path, said):
    """A program that greets on a socket."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.sendall(said)
                        client.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    path.unlink()


@pytest.fixture
def programs(directory, lay_over):
    """programs("postconf", script): in the place of the system's own."""
    def do_lay(name, text):
        [path] = {Path(place, name).resolve() for place in ("/usr/sbin", "/usr/bin")
                  if Path(place, name).exists()}
        instead = directory / name
        instead.write_text(text)
        instead.chmod(0o755)
        lay_over(instead, path)

    return do_lay


# --- Postfix and lmtpd ------------------------------------------------------

def test_a_machine_that_is_right(machine):
    postfix, daemon = machine
    report = Report(daemon)
    assert report.troubles() == []
    assert report.only("ok", ROUTE)["detail"] == "lmtp:unix:private/dovecot-lmtp"
    assert str(postfix.queue) in report.only("ok", "postfix")["detail"]


@pytest.mark.parametrize("value, said", [
    ("lmtp:unix:private/other", "/spool/private/other, which is none of lmtp.listen"),
    ("lmtp:inet:127.0.0.1:24", "127.0.0.1:24"),
    ("lmtp:mail.example.net", "mail.example.net:24"),
    ("lmtp:[::1]:1024", "[::1]:1024"),
    ("virtual", "Postfix's virtual"),
    ("dovecot:", 'no service "dovecot"'),
])
def test_mail_goes_elsewhere(machine, value, said):
    postfix, daemon = machine
    postfix.write(virtual_transport=value)
    report = Report(daemon)
    assert report.code == 0
    found = report.only("warn", ROUTE)
    assert said in found["detail"]
    assert "'virtual_transport = lmtp:unix:private/dovecot-lmtp'" in found["remedy"]


def test_a_chroot_changes_paths(machine):
    postfix, daemon = machine
    postfix.write(virtual_transport=f"lmtp:unix:{daemon.socket}")
    assert "chroot" in Report(daemon).only("warn", ROUTE)["detail"]
    postfix.write(virtual_transport="lmtp:unix:/private/dovecot-lmtp")
    assert Report(daemon).troubles() == []
    postfix.master = postfix.master.replace("lmtp unix - - y", "lmtp unix - - n")
    postfix.write(virtual_transport=f"lmtp:unix:{daemon.socket}")
    assert Report(daemon).troubles() == []


@pytest.mark.parametrize("listen, value", [
    ("inet:127.0.0.1:1024", "lmtp:inet:localhost:1024"),
    ("inet:127.0.0.1:24", "lmtp:127.0.0.1"),
    ("inet:[::]:24", "lmtp:[192.0.2.1]"),
])
def test_over_tcp(machine, listen, value):
    postfix, daemon = machine
    postfix.write(virtual_transport=value)
    daemon.configure(lmtp={"listen": [listen], "allow": ["192.0.2.0/24"]})
    assert Report(daemon).troubles() == []


@pytest.mark.parametrize("settings, what, said", [
    ({"virtual_mailbox_domains": ""}, "virtual_mailbox_domains", "it is empty"),
    ({"virtual_mailbox_maps": ""}, "virtual_mailbox_maps", "it is empty"),
    ({"virtual_alias_maps": ""}, "virtual_alias_maps", "it is empty"),
    ({"message_size_limit": "2000"}, "message_size_limit", "2000 bytes, lmtpd 1000"),
    ({"message_size_limit": "0"}, "message_size_limit", "any number of bytes, lmtpd 1000"),
    ({"message_size_limit": "900", "lmtp_destination_recipient_limit": "1001"},
     "recipient_limit", "is 1001, lmtpd takes 1000"),
    ({"message_size_limit": "900", "recipient_delimiter": "+-"}, "recipient_delimiter",
     "user-detail"),
])
def test_settings_of_postfix(machine, settings, what, said):
    postfix, daemon = machine
    daemon.configure(lmtp={"message_size_limit": 1000})
    postfix.write(**{"message_size_limit": "1000", **settings})
    report = Report(daemon)
    assert report.code == 0
    assert said in report.only("warn", what)["detail"]
    assert len(report.troubles()) == 1


def test_a_domain_that_postfix_keeps(machine):
    """Names of main.cf are expanded, and capitals make no difference."""
    postfix, daemon = machine
    postfix.write(myhostname="Hostname.Example.com",
                  mydestination="localhost, $myhostname, other.example, hash:/etc/none",
                  virtual_alias_domains="example.com")
    report = Report(daemon)
    assert report.code == 78
    found = report.only("FAIL", "mydestination")
    assert found["detail"].startswith("hostname.example.com is in the table")
    assert "'mydestination = localhost, other.example, hash:/etc/none'" in found["remedy"]
    assert "example.com" in report.only("FAIL", "virtual_alias_domains")["detail"]


def test_a_second_map_may_save_users_from_a_catch_all(machine, database):
    postfix, daemon = machine
    database.add_alias("@example.com", "email1@example.com")
    assert len(Report(daemon).find("warn", "user")) == 2
    postfix.write(virtual_alias_maps="static:{a}, static:{b}")
    assert Report(daemon).find("warn", "user") == []


def test_no_postfix(machine):
    postfix, daemon = machine
    daemon.environment["MAIL_CONFIG"] = "/nonexistent"
    report = Report(daemon)
    assert report.troubles() == []
    assert "/nonexistent/main.cf" in report.only("ok", "postfix")["detail"]


def test_files_of_postfix_that_are_closed(machine):
    """To who is not root; the same run says that sockets cannot be seen."""
    postfix, daemon = machine
    daemon.starts_as_root = False
    postfix.etc.chmod(0o700)
    report = Report(daemon)
    assert report.code == 0
    assert "as root" in report.only("warn", "postfix")["remedy"]
    assert "as root" in report.only("warn", "socket")["remedy"]


@pytest.mark.parametrize("script, said", [
    ("#!/bin/sh\necho 'postconf: fatal: nothing works' >&2\nexit 1\n", "nothing works"),
    ("#!/bin/sh\nkill -9 $$\n", "ended with signal 9"),
    ("#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\n", "more than"),
], ids=["complains", "dies", "babbles"])
def test_postconf_that_fails(machine, programs, script, said):
    _, daemon = machine
    programs("postconf", script)
    report = Report(daemon)
    assert report.code == 0
    assert said in report.only("warn", "postfix")["detail"]


@pytest.mark.heavy  # it takes its time
def test_postconf_that_hangs(machine, programs, directory):
    """It is killed, with what it has started; the other checks are made."""
    _, daemon = machine
    programs("postconf", f"#!/bin/sh\nsleep 300 &\necho $! $$ >{directory}/pids\nsleep 300\n")
    began = time.monotonic()
    report = Report(daemon)
    assert time.monotonic() - began < 20
    assert "within 5 seconds" in report.only("warn", "postfix")["detail"]
    assert report.find("ok", "database")
    for pid in (directory / "pids").read_text().split():
        status = Path(f"/proc/{pid}/stat")
        assert not status.exists() or status.read_text().split(") ")[1][0] == "Z"


def test_programs_are_not_the_caller_s(machine, directory):
    """Nothing of PATH, and of the environment nothing but MAIL_CONFIG."""
    _, daemon = machine
    fake = directory / "bin/postconf"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\ntouch {directory}/run\n")
    fake.chmod(0o755)
    daemon.environment["PATH"] = str(fake.parent)
    assert Report(daemon).troubles() == []
    assert not (directory / "run").exists()


# --- sockets ----------------------------------------------------------------

def test_a_directory_that_postfix_cannot_pass(machine):
    postfix, daemon = machine
    os.chown(postfix.private, 0, 0)
    report = Report(daemon)
    assert report.code == 78
    found = report.only("FAIL", "socket")
    assert f"user postfix cannot pass {postfix.private}" in found["detail"]
    assert found["remedy"] == (
        f"chown postfix {postfix.private} && chmod u=rwx {postfix.private}")
    os.chown(postfix.private, pwd.getpwnam("postfix").pw_uid, 0)
    # Postfix starts out from its queue directory, so what lies above is no matter.
    postfix.queue.parent.chmod(0o700)
    assert Report(daemon).find("FAIL", "socket") == []
    postfix.queue.chmod(0o700)
    assert f"chmod o+x {postfix.queue}" == Report(daemon).only("FAIL", "socket")["remedy"]


def test_a_socket_that_postfix_cannot_use(machine):
    """As it would be made, and as it lies there; a group of Postfix's will do."""
    _, daemon = machine
    for settings in ({"socket_mode": 0o400}, {"socket_user": "root"},
                     {"socket_user": "", "socket_mode": 0o660}):
        daemon.configure(lmtp={"socket_user": "postfix", "socket_mode": 0o600, **settings})
        report = Report(daemon)
        assert report.code == 78
        assert "cannot connect: it would have" in report.only("FAIL", "socket")["detail"]
    daemon.configure(lmtp={"socket_user": "", "socket_group": "postfix", "socket_mode": 0o660})
    assert Report(daemon).troubles() == []
    with served(daemon.socket, b"220 x LMTP lmtpd ready\r\n"):
        daemon.socket.chmod(0o600)
        found = Report(daemon).only("FAIL", "socket")
        assert "cannot connect: it has uid 0" in found["detail"]
        assert 'lmtp.socket_user = "postfix"' in found["remedy"]
        daemon.socket.chmod(0o666)
        assert Report(daemon).troubles() == []
    # One that was left behind is replaced.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(daemon.socket))
    daemon.socket.chmod(0)
    assert Report(daemon).troubles() == []


def test_a_socket_that_postfix_does_not_use(machine, logins):
    """Is for its configured owner to reach, and for nobody if that is \"\"."""
    for (postfix, daemon), section, other in (
            (machine, "lmtp", {"virtual_transport": "virtual"}),
            (logins, "auth", {"smtpd_sasl_path": "smtpd"})):
        postfix.write(**other)
        os.chown(postfix.private, 0, 0)
        assert Report(daemon).find("FAIL", "socket")
        daemon.configure(**{section: {"socket_user": ""}})
        assert Report(daemon).code == 0


def test_who_serves_lmtpd_s_socket(machine):
    _, daemon = machine
    daemon.start()
    assert "lmtpd serves it now" in Report(daemon).only("ok", "socket")["detail"]
    daemon.stop()
    with served(daemon.socket, b"220 host Dovecot ready.\r\n"):
        daemon.socket.chmod(0o666)
        report = Report(daemon)
        assert report.code == 78
        found = report.only("FAIL", "socket")
        assert 'another program serves it: "220 host Dovecot ready."' in found["detail"]


@pytest.mark.heavy  # it takes its time
def test_somebody_who_listens_and_says_nothing(machine):
    _, daemon = machine
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(daemon.socket))
        listener.listen()
        daemon.socket.chmod(0o666)
        began = time.monotonic()
        assert "says nothing" in Report(daemon).only("FAIL", "socket")["detail"]
        assert time.monotonic() - began < 15
    daemon.socket.unlink()


# --- Dovecot ----------------------------------------------------------------

DOVECOT = """
protocols = imap {lmtp}
service lmtp {{
  unix_listener {lmtp_socket} {{
    mode = 0600
  }}
}}
service auth {{
  unix_listener {auth_socket} {{
    mode = {mode}
  }}
}}
"""


@pytest.fixture
def dovecot(directory, lay_over):
    """dovecot(...): what doveconf of this machine is to read in this test."""
    etc = directory / "dovecot"
    etc.mkdir()
    lay_over(etc, "/etc/dovecot")

    def write(lmtp="lmtp", lmtp_socket="lmtp", auth_socket="auth", mode="0666", more=""):
        (etc / "dovecot.conf").write_text(header() + more + DOVECOT.format(
            lmtp=lmtp, lmtp_socket=lmtp_socket, auth_socket=auth_socket, mode=mode))

    return write


def test_dovecot_wants_lmtpd_s_socket(machine, dovecot):
    _, daemon = machine
    dovecot(lmtp_socket=daemon.socket)
    report = Report(daemon)
    assert report.code == 0
    found = report.only("warn", "dovecot")
    assert str(daemon.socket) in found["detail"] and "99-lmtpd.conf" in found["remedy"]
    daemon.configure(lmtp={"listen": ["unix:/run/dovecot/lmtp"]})
    assert Report(daemon).find("warn", "dovecot")
    daemon.configure(lmtp={"listen": [f"unix:{daemon.socket}"]})
    dovecot(lmtp_socket=daemon.socket, lmtp="")
    assert Report(daemon).troubles() == []
    dovecot()
    assert Report(daemon).troubles() == []


def test_dovecot_wants_lmtpd_auth_s_socket(logins, dovecot):
    _, daemon = logins
    dovecot(auth_socket=daemon.socket)
    report = Report(daemon)
    assert str(daemon.socket) in report.only("warn", "dovecot")["detail"]
    dovecot(auth_socket=daemon.socket, mode="0")
    assert Report(daemon).troubles() == []


@pytest.mark.parametrize("driver, path, status, said", [
    ("maildir", "~/Maildir", "ok", "reads the INBOX from {home}/Maildir"),
    ("maildir", "{home}/", "FAIL", "from {home}, and mail is"),
    ("mbox", "~/mail", "FAIL", "which is no Maildir"),
], ids=["there", "elsewhere", "mbox"])
def test_where_dovecot_reads(machine, dovecot, driver, path, status, said):
    """Mail that it does not see seems lost."""
    _, daemon = machine
    home = home_below(daemon.vhosts)
    dovecot(more=mail_at(path.format(home=home), driver) + users_below(daemon.vhosts))
    report = Report(daemon)
    found = report.only(status, "dovecot")
    assert said.format(home=f"{daemon.vhosts}/%d/%n") in found["detail"]
    assert report.code == (78 if status == "FAIL" else 0)
    if status == "FAIL":
        assert (f"mail_path = {home}/Maildir, mail_inbox_path = .;" if is_2_4() else
                f"mail_location = maildir:{home}/Maildir;") in found["remedy"]


def inbox(settings):
    return f"namespace inbox {{\ninbox = yes\n{settings}\n}}\n"


@pytest.mark.parametrize("option, setting, more, said, remedy", [
    (":LAYOUT=fs", "mailbox_list_layout = fs", inbox("separator = ."), "Dovecot's layout is fs",
     (":LAYOUT= of mail_location", "take away mailbox_list_layout")),
    (":UTF-8", "mailbox_list_utf8 = yes", "", "called in UTF-8",
     (":UTF-8 of mail_location", "take away mailbox_list_utf8")),
    (":CONTROL=~/c", "mail_control_path = ~/c", "", "keywords at ~/c",
     (":CONTROL= of", "take away mail_control_path")),
    ("", "", inbox("separator = /"), 'by "/", and lmtpd by "."', ('maildir.separator = "/"',) * 2),
    ("", "", inbox("prefix = INBOX."), 'begin with "INBOX."', ('maildir.prefix = "INBOX."',) * 2),
    ("", "", inbox('mailbox "Sent Items" {\nauto = subscribe\nspecial_use = \\Sent\n}'), None, None),
], ids=["layout", "letters", "control", "separator", "prefix", "another name"])
def test_folders_of_dovecot(machine, dovecot, option, setting, more, said, remedy):
    """It is no failure while no mail goes into them, and then not all of it matters."""
    _, daemon = machine
    dovecot(more=mail_at(option_2_3=option, setting_2_4=setting) + more + users_below(daemon.vhosts))
    report = Report(daemon)
    assert report.code == 0 and report.only("ok", "dovecot")
    if said is None:
        assert report.only("ok", "folders") and report.troubles() == []
    else:
        found = report.only("warn", "folders")
        assert said in found["detail"] and remedy[is_2_4()] in found["remedy"]
        assert len(report.troubles()) == 1


def test_doveconf_that_fails(machine, programs):
    _, daemon = machine
    programs("doveconf", "#!/bin/sh\necho 'doveconf: Fatal: bad' >&2\nexit 89\n")
    report = Report(daemon)
    assert report.troubles() == []
    assert "bad" in report.only("ok", "dovecot")["detail"]


# --- the service's sandbox --------------------------------------------------

UNIT = """#!/bin/sh
case $2 in
*.service) cat <<'END'
LoadState=loaded
ProtectSystem=strict
ProtectHome=yes
ReadWritePaths=-{writable}
IPAddressAllow=127.0.0.0/8 ::1/128
IPAddressDeny=0.0.0.0/0 ::/0
ExecStart={{ path=/usr/sbin/lmtpd ; argv[]=/usr/sbin/lmtpd -c {config} ; ignore_errors=no }}
END
;;
*.socket) cat <<'END'
LoadState=loaded
Listen={socket} (Stream)
END
;;
esac
"""


def test_what_the_service_may_not(machine, programs):
    """--check runs outside of the unit, where all of it works."""
    _, daemon = machine
    programs("systemctl", UNIT.format(writable=daemon.vhosts, config=daemon.config_path,
                                      socket=daemon.socket))
    assert Report(daemon).troubles() == []
    hosts = daemon.config["mysql"]["hosts"]
    away = ["192.0.2.9", "[2001:db8::9]:3306", "2001:db8::8"]
    daemon.configure(mysql={"hosts": [*hosts, *away], "timeout": 1})
    found = Report(daemon).find("warn", "service")
    assert [row["remedy"].split("=")[1] for row in found] == [
        "192.0.2.9", "2001:db8::9", "2001:db8::8"]
    daemon.configure(mysql={"hosts": hosts})
    daemon.configure(sieve={"enabled": True, "submission": "inet:192.0.2.9:25"})
    found = Report(daemon).only("warn", "service")
    assert found["detail"] == "lmtpd.service may not reach inet:192.0.2.9:25 of sieve.submission"
    assert found["remedy"] == "systemctl edit lmtpd: [Service] IPAddressAllow=192.0.2.9"
    # Without scripts nothing is sent.
    daemon.configure(sieve={"enabled": False})
    assert Report(daemon).troubles() == []
    daemon.configure(lmtp={"listen": [f"unix:{daemon.socket}2"]})
    found = Report(daemon).only("warn", "service")
    assert "lmtpd.socket does not listen there" in found["detail"]
    assert f"ListenStream={daemon.socket}2" in found["remedy"]


def test_a_mail_root_that_the_service_may_not_write(machine, programs):
    _, daemon = machine
    programs("systemctl", UNIT.format(writable="/var/mail/vhosts", config=daemon.config_path,
                                      socket=daemon.socket))
    found = Report(daemon).only("warn", "service")
    assert "may not write" in found["detail"]
    assert f"systemctl edit lmtpd: [Service] ReadWritePaths={daemon.vhosts}" in found["remedy"]


def test_another_configuration_than_the_service_has(machine, programs):
    _, daemon = machine
    programs("systemctl", UNIT.format(writable="/x", config="/etc/lmtpd/lmtpd.conf", socket="/y"))
    assert Report(daemon).troubles() == []


# --- lmtpd-auth -------------------------------------------------------------

def test_logins_that_are_right(logins):
    postfix, daemon = logins
    report = Report(daemon)
    assert report.troubles() == []
    assert report.only("ok", "smtpd_sasl_path")["detail"] == "service submission: private/auth"


@pytest.mark.parametrize("settings, what, said", [
    ({"smtpd_sasl_path": "smtpd"}, "smtpd_sasl_path", '"smtpd" is none of auth.listen'),
    ({"smtpd_sasl_path": "inet:127.0.0.1:12345"}, "smtpd_sasl_path", "12345"),
    ({"smtpd_sasl_type": "cyrus"}, "smtpd_sasl_type", '"cyrus"'),
])
def test_logins_go_elsewhere(logins, settings, what, said):
    postfix, daemon = logins
    postfix.write(**settings)
    report = Report(daemon)
    assert report.code == 0
    found = report.only("warn", what)
    assert said in found["detail"] and "service submission" in found["detail"]
    assert "postconf -e 'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = private/auth'" in (
        found["remedy"])


def test_yes_in_capitals(logins):
    """Postfix does not mind."""
    postfix, daemon = logins
    postfix.master = postfix.master.replace("enable=yes", "enable=YES")
    postfix.write()
    report = Report(daemon)
    assert report.troubles() == []
    assert report.only("ok", "smtpd_sasl_path")


def test_what_master_cf_says_comes_first(logins):
    postfix, daemon = logins
    postfix.master += ("  -o smtpd_sasl_auth_enable=yes\n"
                       "submissions inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
                       "  -o smtpd_sasl_path=$other_path\n")
    postfix.write(other_path="private/other")
    report = Report(daemon)
    found = report.only("warn", "smtpd_sasl_path")
    assert 'service submissions: "private/other"' in found["detail"]
    assert "postconf -P 'submissions/inet/smtpd_sasl_type = dovecot'" in found["remedy"]
    postfix.master = postfix.master.replace("yes", "no")
    postfix.write()
    assert Report(daemon).only("warn", "smtpd_sasl_auth_enable")


def test_who_answers_logins(logins):
    _, daemon = logins
    daemon.start()
    assert "lmtpd-auth serves it now" in Report(daemon).only("ok", "socket")["detail"]
    daemon.stop()
    hello = ("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t{}\nCUID\t1\n"
             "COOKIE\tdeadbeef\nDONE\n")
    for said, expected in ((hello.format(os.getpid()), f"process {os.getpid()} ("),
                           ("VERSION\t1\t3\n", "as Dovecot 2.4 does"),
                           ("220 ready\r\n", "does not speak Dovecot's auth protocol")):
        with served(daemon.socket, said.encode()):
            daemon.socket.chmod(0o666)
            report = Report(daemon)
        assert report.code == 78
        assert expected in report.only("FAIL", "socket")["detail"]
        assert "deadbeef" not in report.done.stdout


def test_somebody_in_another_container_answers_logins(logins):
    """Numbers of processes mean nothing there: it may well be lmtpd-auth."""
    _, daemon = logins
    daemon.start()
    program = daemon.command("--check", "--json")
    done = run("unshare", "--pid", "--fork", "--mount-proc", *program, env=daemon.environment)
    rows = [row for row in json.loads(done.stdout)["checks"] if row["what"] == "socket"]
    assert [row["status"] for row in rows] == ["warn"], rows
    assert "cannot be seen from here" in rows[0]["detail"]
    assert done.returncode == 0


def test_dovecot_answers_logins(logins, directory, database):
    """The real one."""
    _, daemon = logins
    vhosts = directory / "vhosts"
    vhosts.mkdir()
    server = Dovecot(directory / "real", database, vhosts)
    server.config_path.write_text(server.config_path.read_text() + f"""
service auth {{
  unix_listener {daemon.socket} {{
    mode = 0666
  }}
}}
""")
    server.start()
    try:
        found = Report(daemon).only("FAIL", "socket")
        assert ("as Dovecot 2.4 does" if is_2_4() else "which is Dovecot's") in found["detail"]
    finally:
        server.stop()


def test_an_account_of_logins_that_may_write(logins, database):
    _, daemon = logins
    database.sql("GRANT UPDATE (password) ON mailserver.virtual_users TO 'mailauth'@'localhost'")
    try:
        assert "UPDATE on" in Report(daemon).only("warn", "account")["detail"]
    finally:
        database.sql(
            "REVOKE UPDATE (password) ON mailserver.virtual_users FROM 'mailauth'@'localhost'", "")


def test_logins_without_an_index(logins):
    _, daemon = logins
    daemon.configure(mysql={
        "password_query":
            "SELECT email, password FROM virtual_users WHERE CONCAT(email, '') = '%u'"})
    assert "every row of virtual_users" in Report(daemon).only("warn", "index")["detail"]


# --- the mail root ----------------------------------------------------------

@pytest.mark.parametrize("options, status, what, said", [
    ("size=4m", "warn", "filesystem", "tmpfs: nothing on it survives"),
    ("ro", "FAIL", "mail root", "Read-only file system"),
])
def test_filesystems(make_lmtpd, mount, options, status, what, said):
    daemon = make_lmtpd(starts_as_root=True)
    mount("none", daemon.vhosts, f"{options},uid={MAIL_ID},gid={MAIL_GROUP},mode=700",
          kind="tmpfs")
    report = Report(daemon)
    assert report.code == (78 if status == "FAIL" else 0)
    assert said in report.only(status, what)["detail"]


@pytest.mark.parametrize("size, files, status, said", [
    (4080 << 10, 0, "warn", "of 4 MiB left"),
    (4096 << 10, 0, "FAIL", "no space left"),
    (0, 1022, "warn", "of 1024 inodes left"),
    (0, 1023, "FAIL", "no inodes left"),
])
def test_room(make_lmtpd, mount, size, files, status, said):
    daemon = make_lmtpd(starts_as_root=True)
    mount("none", daemon.vhosts,
          f"size=4m,nr_inodes=1024,uid={MAIL_ID},gid={MAIL_GROUP},mode=700", kind="tmpfs")
    if size:
        (daemon.vhosts / "fill").write_bytes(bytes(size))
    for number in range(files):
        (daemon.vhosts / f"f{number}").touch()
    report = Report(daemon)
    assert [row for row in report.find(status, "filesystem") if said in row["detail"]]
    assert report.code == (75 if status == "FAIL" else 0)


# --- for people -------------------------------------------------------------

def on_a_terminal(daemon, **environment):
    """What --check prints there."""
    ours, theirs = pty.openpty()
    env = {key: value for key, value in daemon.environment.items() if key != "NO_COLOR"}
    done = subprocess.Popen(daemon.command("--check"), stdout=theirs, stdin=theirs,
                            env={**env, **environment})
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while data := os.read(ours, 65536):
            said += data
    os.close(ours)
    done.wait(30)
    return said.decode()


def test_colour_and_a_summary_on_a_terminal(machine):
    _, daemon = machine
    said = on_a_terminal(daemon, TERM="xterm")
    assert "\x1b[32mok  \x1b[0m  hostname: " in said and "\x1b[33mwarn\x1b[0m" in said
    ok, warnings = said.count("ok  \x1b"), said.count("warn\x1b")
    assert said.splitlines()[-1] == f"{ok} ok, {warnings} warning, 0 failures"
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = on_a_terminal(daemon, **environment)
        assert "\x1b" not in plain and " 0 failures" in plain
    assert "failures" not in daemon.run("--check").stdout


