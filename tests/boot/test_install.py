"""docs/install.md, followed to the letter on a new machine, and then what a day may bring.

The tests build on one another, in their order.
"""

import json
import re
import shutil
import time

import pytest

from guide import follow, fragments
from harness.process import wait_until
from users import (
    PASSWORD, USER, ask_dovecot, assert_nothing_lost, assert_read, deliver, send, subjects, under_load,
    wait_for,
)

OUTSIDE = "192.0.2.1"


def test_the_page(container, package):
    shutil.copy(package, container.path("/root"))
    said = follow(container, "install.md", typed=PASSWORD)
    assert "FAIL" not in said and "warn" not in said, said
    assert said.count("ok    database") == 2, said
    assert "reply    250 2.1.5 <email1@example.com> OK" in said, said
    assert "\n1\n1\n" in said, said
    assert "status=saved" in said.splitlines()[-1], said
    assert subjects(container) == ["Hello"]
    assert container.failed_units() == []


def test_mail_from_outside(container):
    """Port 25, and an address that Postfix does not take for one of its own."""
    container.run(f"ip address add {OUTSIDE}/32 dev lo")
    deliver(container, "to-a-user", f"--server {OUTSIDE} --to {USER}")
    deliver(container, "to-an-alias", f"--server {OUTSIDE} --to root@mail.example.com")
    _, said = send(container, "to-a-stranger", f"--server {OUTSIDE} --to stranger@example.com")
    assert "550 5.1.1" in said, said
    _, said = send(container, "to-elsewhere", f"--server {OUTSIDE} --to a@example.org")
    assert "554 5.7.1" in said, said
    wait_for(container, "to-a-user")
    wait_for(container, "to-an-alias")


@pytest.mark.parametrize("options", ["--port 587 -tls", "--port 465 --tls-on-connect"])
def test_mail_from_a_user(container, options):
    subject = "port" + options.split()[1]
    server = f"--server {OUTSIDE} {options} --to alias@elsewhere.invalid --quit-after RCPT"
    code, said = send(container, subject, server)
    assert code != 0 and "554 5.7.1" in said, said
    login = f"--server {OUTSIDE} {options} --auth PLAIN --auth-user {USER}"
    code, said = send(container, subject, f"{login} --auth-password wrong --to {USER}")
    assert code != 0 and "535 5.7.8" in said, said
    deliver(container, subject, f"{login} --auth-password {PASSWORD} --to {USER}")
    wait_for(container, subject)
    log = container.journal("-t", "lmtpd-auth")
    assert (f'event=auth user={USER} mech=PLAIN rip={OUTSIDE} result=ok reason=""') in log, log
    assert (f'event=auth level=warning user={USER} mech=PLAIN rip={OUTSIDE} result=fail '
            'reason="wrong password"') in log, log


def test_mail_is_read(container):
    """IMAP and POP3 by their own ports, and what doveadm sees."""
    assert_read(container, "Hello")
    found = container.run(f"doveadm fetch -u {USER} hdr.subject mailbox INBOX")
    assert sorted(re.findall(r"subject: (.*)", found)) == sorted(subjects(container))


# What a line more in Dovecot's configuration makes of its view of the mail, and what is said of it.
TRAPS = {
    "12": {
        "mail_location = maildir:~/Mail":
            "FAIL  dovecot: it reads the INBOX from /var/mail/vhosts/%d/%n/Mail, and mail is delivered to"
            " /var/mail/vhosts/%d/%n/Maildir: nobody will see it",
        "mail_location = maildir:~/Maildir:INBOX=~/Maildir/.INBOX":
            "FAIL  dovecot: it reads the INBOX from /var/mail/vhosts/%d/%n/Maildir/.INBOX, ",
        "mail_location = mbox:~/mail": "FAIL  dovecot: it reads the INBOX from mbox:~/mail, which is no Maildir",
        "mail_location = maildir:~/Maildir:LAYOUT=fs": "warn  folders: ",
        "namespace inbox {\n  separator = /\n}": 'warn  folders: Dovecot divides the names of folders by "/"',
    },
    "13": {
        # As Debian has them.
        "mail_inbox_path = /var/mail/%{user}":
            "FAIL  dovecot: it reads the INBOX from /var/mail/%n@%d, and mail is delivered to"
            " /var/mail/vhosts/%d/%n/Maildir: nobody will see it",
        "mail_driver = mbox": "FAIL  dovecot: it reads the INBOX from mbox, which is no Maildir",
        "mail_inbox_path =": "FAIL  dovecot: it reads the INBOX from /var/mail/vhosts/%d/%n/Maildir/.INBOX, ",
        "mail_inbox_path = ~/Maildir/.INBOX":
            "FAIL  dovecot: it reads the INBOX from /var/mail/vhosts/%d/%n/Maildir/.INBOX, ",
        "mail_home = /var/mail/vhosts/%d/%n":
            "FAIL  dovecot: its version takes mail_home = /var/mail/vhosts/%d/%n as it stands",
        "userdb static {\n  fields {\n    home = /var/mail/vhosts/%d/%n\n  }\n}":
            "FAIL  dovecot: its version takes home = /var/mail/vhosts/%d/%n as it stands",
        "mailbox_list_layout = fs": "warn  folders: ",
        "namespace inbox {\n  separator = /\n}": 'warn  folders: Dovecot divides the names of folders by "/"',
    },
}


def test_check_sees_traps(container, release):
    trap = container.path("/etc/dovecot/conf.d/99-trap.conf")
    for text, expected in TRAPS[release].items():
        trap.write_text(text + "\n")
        said = container.try_run("lmtpd --check").stdout
        assert expected in said, f"{text}\n{said}"
    trap.unlink()
    said = container.run("lmtpd --check")
    assert "ok    dovecot: " in said and "ok    folders: " in said and "warn" not in said, said


def test_folders(container):
    """A detail makes one, with the name that clients see by Dovecot's separator."""
    paste(container, "/etc/lmtpd/lmtpd.conf", '\nmaildir {\n  detail = "create"\n}\n')
    container.run("systemctl restart lmtpd")
    deliver(container, "to-a-folder", f"--server {OUTSIDE} --to email1+Lists.News@example.com")

    def answer(command):
        return ask_dovecot(container, "imaps://127.0.0.1/", "--request", command)

    wait_until(lambda: "Lists.News" in answer('LIST "" *'), 60, "the folder")
    for command in ("LIST", "LSUB"):
        assert '"." Lists.News' in answer(f'{command} "" *')
    url = "imaps://127.0.0.1/Lists.News;MAILINDEX=1"
    assert "Subject: to-a-folder" in ask_dovecot(container, url).splitlines()


def test_day_to_day(container):
    """The commands of docs/administer.md, all of them."""
    said = follow(container, "administer.md", typed="another")
    assert "info@example.com: email1@example.com" in said and "FAIL" not in said, said
    deliver(container, "to-info", f"--server {OUTSIDE} --to info@example.com")
    wait_for(container, "to-info")
    rows = container.run("mariadb mailserver -N -e 'SELECT name FROM virtual_domains;"
                         " SELECT email FROM virtual_users'").split()
    assert rows == ["example.com", "mail.example.com", USER]


def paste(container, path, text, mode="a"):
    with open(container.path(path), mode, encoding="utf-8") as file:
        file.write(text)


def usage(container):
    [found] = json.loads(container.run(f"lmtpd --quota --json {USER}"))["mailboxes"]
    return found


def test_quota(container, release):
    """The section of docs/administer.md, on the tables and files of docs/install.md: users see in their mail program
    what lmtpd counts, and Postfix refuses what does not fit."""
    tables, query, _, commands, query_of_23, grace_of_24, *_ = fragments("administer.md", "Quota")
    paste(container, "/root/quota.sql", tables, "w")
    container.run("mariadb mailserver </root/quota.sql")
    paste(container, "/etc/lmtpd/lmtpd.conf", "\n" + query)
    container.run("lmtpd --check >/dev/null; systemctl reload lmtpd")
    container.run("set -e\n" + commands)
    if release == "12":
        paste(container, "/etc/dovecot/dovecot-sql.conf.ext", query_of_23)
    else:
        paste(container, "/etc/lmtpd/lmtpd.conf", "\n" + grace_of_24)
    container.run("doveadm reload && systemctl reload lmtpd")
    container.run(f"mariadb mailserver -e \"UPDATE virtual_users SET quota_bytes = 1024000 "
                  f"WHERE email = '{USER}'\"")
    deliver(container, "with-a-quota", f"--server {OUTSIDE} --to {USER}")
    wait_for(container, "with-a-quota")
    bytes_used, messages = usage(container)["bytes"], usage(container)["messages"]
    said = ask_dovecot(container, "imaps://127.0.0.1/", "--verbose", "--stderr", "-", "--request",
                       "GETQUOTAROOT INBOX")
    assert f"STORAGE {-(-bytes_used // 1024)} 1000" in said, said
    said = container.run(f"doveadm -f tab quota get -u {USER}")
    assert f"MESSAGE\t{messages}\t" in said, said
    said = container.try_run("lmtpd --check").stdout
    assert "FAIL" not in said and "ok    quota: that of Dovecot: count" in said, said
    container.run(f"mariadb mailserver -e \"UPDATE virtual_users SET quota_bytes = {bytes_used}\"")
    code, said = send(container, "to-a-full-one", f"--server {OUTSIDE} --to info@example.com")
    assert code != 0 and "452 4.2.2" in said and "Mailbox is full" in said, said
    assert "event=policy to=<info@example.com>" in container.journal("-u", "lmtpd")
    container.run("mariadb mailserver -e 'UPDATE virtual_users SET quota_bytes = NULL'")
    deliver(container, "without-a-quota", f"--server {OUTSIDE} --to info@example.com")
    wait_for(container, "without-a-quota")
    assert container.failed_units() == []


# --- restarts ---------------------------------------------------------------

def test_restart_of_the_daemons(container):
    """systemd keeps the sockets: neither servers nor users nor Postfix notice."""
    since = container.mark()
    with under_load(container) as loads:
        for _ in range(5):
            container.run("systemctl restart lmtpd lmtpd-auth")
            time.sleep(0.5)
    assert_nothing_lost(container, *loads)
    assert [load.summary["temporary"] for load in loads] == [{}, {}]
    log = container.journal("--since", since)
    assert log.count('event=start reason="lmtpd ') == 5
    assert [line for line in log.splitlines() if "status=deferred" in line or "fatal" in line] == []


def test_restart_of_the_database_too(container):
    """While it is away servers and users are told to try again, which is what Postfix's own maps
    say; its reload makes them try the database again at once."""
    with under_load(container) as loads:
        container.run("systemctl restart lmtpd lmtpd-auth mariadb")
        time.sleep(1)
        container.run("postfix reload")
    assert_nothing_lost(container, *loads)


def wait_for_successor(container, unit, pid):
    wait_until(lambda: container.main_pid(unit) not in (0, pid), 60, f"another {unit}")


@pytest.mark.parametrize("unit", ["lmtpd", "lmtpd-auth"])
def test_death(container, unit):
    """systemd starts another, and Postfix waits for it at the socket."""
    since, pid = container.mark(), container.main_pid(unit)
    container.run(f"kill -KILL {pid}")
    deliver(container, f"after-{unit}-died",
            f"--port 587 -tls --auth-user {USER} --auth-password {PASSWORD} --to {USER}")
    wait_for(container, f"after-{unit}-died")
    wait_for_successor(container, unit, pid)
    log = container.journal("--since", since)
    assert "status=deferred" not in log and "fatal" not in log, log


@pytest.mark.parametrize("unit", ["lmtpd", "lmtpd-auth"])
def test_watchdog(container, unit):
    """One that does not move any more is killed and started again."""
    container.run(f"""
        mkdir -p /run/systemd/system/{unit}.service.d
        printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/{unit}.service.d/short.conf
        systemctl daemon-reload && systemctl restart {unit}""")
    pid = container.main_pid(unit)
    time.sleep(4)
    assert container.main_pid(unit) == pid, "it answers the watchdog"
    container.run(f"kill -STOP {pid}")
    wait_for_successor(container, unit, pid)
    assert f"{unit}.service: Watchdog timeout" in container.journal("-u", unit)


def test_reload(container):
    """What does not work changes nothing, and the log says why."""
    pid = container.main_pid("lmtpd")
    container.run("echo 'nonsense = 1' >>/etc/lmtpd/lmtpd.conf && systemctl reload lmtpd")
    deliver(container, "bad-reload", f"--to {USER}")
    wait_for(container, "bad-reload")
    assert "no such option 'nonsense'" in container.journal("-u", "lmtpd")
    container.run("sed -i '/nonsense/d' /etc/lmtpd/lmtpd.conf && systemctl reload lmtpd")
    wait_until(lambda: 'event=reload reason=' in container.journal("-u", "lmtpd"), 30, "reload")
    assert container.main_pid("lmtpd") == pid


def test_reboot(container):
    container.reboot()
    assert container.failed_units() == []
    deliver(container, "after-reboot",
            f"--port 587 -tls --auth-user {USER} --auth-password {PASSWORD} --to {USER}")
    wait_for(container, "after-reboot")


# --- the package ------------------------------------------------------------

def test_upgrade(container, package):
    """Configuration stays, the daemons are new, and nobody notices."""
    container.run("echo '# mine' >>/etc/lmtpd/lmtpd.conf")
    before = container.run("cat /etc/lmtpd/*")
    pids = {unit: container.main_pid(unit) for unit in ("lmtpd", "lmtpd-auth")}
    with under_load(container) as loads:
        container.install(package)
    assert_nothing_lost(container, *loads)
    assert [load.summary["temporary"] for load in loads] == [{}, {}]
    for unit, pid in pids.items():
        assert container.main_pid(unit) not in (0, pid)
    assert container.run("cat /etc/lmtpd/*") == before


def test_removal(container):
    """It goes, with all but the mail and its owner."""
    before = subjects(container)
    container.run("touch /etc/dovecot/conf.d/99-lmtpd.conf")
    said = container.run("apt-get remove -y lmtpd 2>&1")
    assert "WARNING: nobody serves" in said and "doveadm reload" in said
    container.run("rm /etc/dovecot/conf.d/99-lmtpd.conf")
    assert container.try_run("systemctl is-active lmtpd.socket lmtpd").stdout.split() == [
        "inactive", "inactive"]
    for name in ("dovecot-lmtp", "auth"):
        assert not container.path(f"/var/spool/postfix/private/{name}").exists()
    assert container.path("/etc/lmtpd/lmtpd.password").stat().st_size > 0
    container.run("apt-get purge -y lmtpd")
    assert not container.path("/etc/lmtpd").exists()
    assert "lmtpd" not in container.run("find /etc /usr /lib /var/lib/systemd -name '*lmtpd*'")
    container.run("id vmail && id lmtpd-auth")
    assert subjects(container) == before != []
