"""A server whose users' scripts send, and what its users do and see."""

import email
import email.policy
import json
import shutil
import tempfile

from guide import follow
from harness.process import run_checked, wait_until
from users import PASSWORD, PASSWORDS, USER, settle, shown, use

SENDER, TARGET = "email2@example.com", "email3@example.com"
NEW = "On a new machine"
HOME = "/var/mail/vhosts/example.com/email1"


def make_site(container, package, release):
    """A new machine by the manuals, with three users; Dovecot lets them require vacation-seconds. Returns what lmtpd's
    check says in the end."""
    shutil.copy(package, container.path("/root"))
    follow(container, "install.md", typed=PASSWORD)
    for user in (SENDER, TARGET):
        add_user(container, user)
    said = follow(container, "sieve.md", NEW)
    container.path("/etc/dovecot/local.conf").write_text(
        "plugin/sieve_extensions = +vacation-seconds\n" if release == "12" else
        "sieve_extensions/vacation-seconds = yes\n")
    container.run("systemctl restart dovecot")
    wait_until(lambda: use(container, "activate", "", check=False).returncode == 0, 60, "ManageSieve")
    use(container, "create", "Work")
    return said


def add_user(container, user):
    container.run("read -r hash < <(doveadm pw -s SHA512-CRYPT -p " + PASSWORDS[user] + """ | sed 's/^{[^}]*}//')
        mariadb mailserver -e "INSERT INTO virtual_users (domain_id, email, password)
            SELECT id, '""" + user + """', '$hash' FROM virtual_domains WHERE name = 'example.com'" """)


def configure(site, text):
    """Adds to section sieve of lmtpd.conf."""
    with open(site.path("/etc/lmtpd/lmtpd.conf"), "a") as file:
        file.write(f"\nsieve {{\n  {text}\n}}\n")
    site.run("systemctl reload lmtpd")


def connect(site, *command, user=USER):
    """What sieve-connect does as that user, a client that is not ours."""
    return run_checked(*site.connected(
        "sieve-connect", "--nosrv", "--server", "127.0.0.1", "--notlsverify", "--user", user, "--passwordfd", "0",
        *command), input=PASSWORDS[user] + "\n")


def upload(site, script, name="own", user=USER):
    """Stores a script by sieve-connect, and activates it."""
    with tempfile.NamedTemporaryFile("w", newline="") as file:
        file.write(script)
        file.flush()
        connect(site, "--localsieve", file.name, "--remotesieve", name, "--upload", user=user)
    connect(site, "--remotesieve", name, "--activate", user=user)


def texts(container, user):
    """The messages in that user's INBOX, oldest first."""
    return [email.message_from_bytes(text.encode(), policy=email.policy.default)
            for text in json.loads(use(container, "read", user=user).stdout)]


def found(container, user, subject):
    return [text for text in texts(container, user) if text["Subject"] == subject]


def await_one(container, user, subject):
    """The one message of this subject in the user's INBOX, once it is there."""
    wait_until(lambda: found(container, user, subject), 60, f"{subject} for {user}")
    [text] = found(container, user, subject)
    return text


def send_from(container, subject, sender=SENDER, to=USER, options=""):
    settle(container, subject, to, f"--from '{sender}' {options}")


def folders_of(container, subject, user):
    return [folder for folder, rows in shown(container, user).items()
            for row in rows if row[0] == subject]
