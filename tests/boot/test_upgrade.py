"""docs/upgrade.md, followed to the letter on machines of Debian 12, which become machines of Debian 13 while
mail comes in.

The tests build on one another, in their order.
"""

import shutil
from pathlib import Path

import pytest

from conftest import IMAGES, PACKAGES
from guide import follow, sections
from users import (
    PASSWORD, USER, assert_nothing_lost, assert_read, deliver, under_load, wait_for,
)

TREE = Path(__file__).resolve().parents[2]
BEFORE = ["1. The newest lmtpd, and a clean start", "2. Set Dovecot's files aside"]
DEBIAN = "3. Debian"
AFTER = "4. lmtpd of Debian 13, and Dovecot 2.4"
SEE = "5. See that it works"
LOGIN = f"--port 587 -tls --auth PLAIN --auth-user {USER} --auth-password {PASSWORD}"

if len(PACKAGES) < 2:
    pytest.skip("it takes both releases", allow_module_level=True)


@pytest.fixture(scope="module", params=["moved", "installed"])
def origin(request):
    return request.param


@pytest.fixture(scope="module")
def release(origin):
    return "12"


def test_the_page_is_used_whole():
    assert [title for title, commands in sections("upgrade.md").items() if commands] == [
        *BEFORE, DEBIAN, AFTER, SEE]


def make_moved(container):
    shutil.copytree(TREE / "schema", container.path("/root/schema"))
    shutil.copy(TREE / "tests/boot/classic", container.path("/root"))
    container.run("/root/classic")
    deliver(container, "to-dovecot", f"{LOGIN} --to {USER}")
    wait_for(container, "to-dovecot")
    follow(container, "move.md", "1. Install", "2. Let it say what Postfix and Dovecot say", "4. Move")


def test_debian_12(container, origin):
    """Where the packages of Debian 13 wait, too."""
    shutil.copytree(IMAGES / "12-upgrade", container.path("/srv/debian"))
    shutil.copy(PACKAGES["12"], container.path("/root"))
    if origin == "moved":
        make_moved(container)
    else:
        follow(container, "install.md", typed=PASSWORD)
    container.path("/etc/apt/sources.list").write_text(
        "deb [trusted=yes] file:/srv/debian bookworm/\n")
    container.run("apt-get update")
    deliver(container, "before", f"{LOGIN} --to {USER}")
    wait_for(container, "before")
    assert_read(container, "before")


def test_the_upgrade(container):
    """Mail comes in all the time; its senders never hear that they are wrong."""
    said = follow(container, "upgrade.md", *BEFORE)
    assert "FAIL" not in said, said
    with under_load(container, pause=1) as loads:
        follow(container, "upgrade.md", DEBIAN, timeout=3600)
        assert container.path("/etc/debian_version").read_text().startswith("13")
        said = container.run("lmtpd --check; lmtpd-auth --check")
        assert "FAIL" not in said and "dovecot: " not in said, said
        shutil.copy(PACKAGES["13"], container.path(f"/root/{PACKAGES['12'].name}"))
        follow(container, "upgrade.md", AFTER)
    assert_nothing_lost(container, *loads)


def test_it_works(container, origin):
    said = follow(container, "upgrade.md", SEE)
    assert "FAIL" not in said and "status=saved" in said, said
    # The guide's account.
    assert said.count("warn  ") == said.count("warn  account: ") == (origin == "moved"), said
    assert said.count("ok    dovecot: it reads the INBOX from /var/mail/vhosts/%d/%n/Maildir") == 1, said


def test_after_a_reboot(container):
    """Old mail and new mail are read, by Dovecot 2.4."""
    container.reboot()
    assert container.failed_units() == []
    assert container.run("dovecot --version").startswith("2.4")
    deliver(container, "after", f"{LOGIN} --to {USER}")
    wait_for(container, "after")
    for subject in ("before", "Upgraded", "after"):
        assert_read(container, subject)
    assert "status=bounced" not in container.journal("-t", "postfix/lmtp")
