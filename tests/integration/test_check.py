"""lmtpd --check: the dry run, which must say what the daemon then does."""

import json
import os
import re

import pytest

from harness.lmtp import Client
from harness.process import run

pytestmark = pytest.mark.quick

LINE = re.compile(r"(ok|warn|FAIL)\b.*")


@pytest.fixture
def configured(make_lmtpd):
    return make_lmtpd()


def verdicts(done):
    """The first words of the lines of --check."""
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return [match[1] for match in map(LINE.match, lines) if match]


def test_good_set_up(configured):
    done = configured.run("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok" in verdicts(done) and "FAIL" not in verdicts(done)


def test_check_writes_nothing(configured):
    configured.run("--check")
    configured.run("--check", "email1@example.com")
    assert list(configured.vhosts.iterdir()) == []
    assert not configured.socket.exists()


def test_check_beside_the_running_daemon(configured):
    configured.start()
    assert configured.run("--check").returncode == 0
    with configured.session() as session:
        session.deliver("email1@example.com")


def test_database_away(configured, database):
    database.stop()
    done = configured.run("--check")
    assert done.returncode == 69
    assert "FAIL" in verdicts(done)
    assert configured.run("--check", "email1@example.com").returncode == 69


def test_wrong_password_of_the_database(configured):
    configured.configure(mysql={"password": "wrong"})
    done = configured.run("--check")
    assert done.returncode in (69, 78)
    assert "FAIL" in verdicts(done)


def test_wrong_query(configured):
    configured.configure(mysql={"user_query": "SELECT nothing FROM virtual_users"})
    done = configured.run("--check")
    assert done.returncode == 78
    assert "user_query" in done.stdout + done.stderr


def test_missing_base_of_homes(configured, directory):
    configured.configure(maildir={"home": f"{directory}/missing/%d/%n"})
    done = configured.run("--check")
    assert done.returncode != 0
    assert "FAIL" in verdicts(done)
    assert f"{directory}/missing" in done.stdout


@pytest.mark.parametrize("address, code, reply", [
    ("email1@example.com", 0, "250 2.1.5"),
    ("alias+x@example.com", 0, "250 2.1.5"),
    ("nobody@example.com", 67, "550 5.1.1"),
    ("x@elsewhere.example", 67, "550 5.1.2"),
    ("../x@example.com", 67, "550 5.1.1"),
    ("email1+../x@example.com", 0, "250 2.1.5"),
    ("a@b@example.com", 67, "550 5.1.3"),
    ("loop@example.com", 75, "451 4.4.6"),
    ("away@example.com", 75, "451 4.3.5"),
])
def test_addresses(configured, database, address, code, reply):
    """Exit code and the very reply that RCPT gets."""
    database.add_alias("loop@example.com", "loop2@example.com")
    database.add_alias("loop2@example.com", "loop@example.com")
    database.add_alias("away@example.com", "friend@elsewhere.example")
    done = configured.run("--check", address)
    assert done.returncode == code, done.stdout + done.stderr
    assert reply in done.stdout
    configured.start()
    with configured.session() as session:
        session.mail()
        assert str(session.rcpt(address)) in done.stdout


def test_steps_of_an_address(configured, database):
    """Every look-up is shown, and the Maildir at their end."""
    database.add_alias("team@example.com", "alias@example.com")
    done = configured.run("--check", "team+x@example.com")
    assert done.returncode == 0
    for step in ("team+x@example.com", "team@example.com", "alias+x@example.com",
                 "email1+x@example.com", "email1@example.com",
                 f"{configured.vhosts}/example.com/email1/Maildir"):
        assert step in done.stdout


def test_several_addresses(configured):
    done = configured.run("--check", "email1@example.com", "nobody@example.com")
    assert done.returncode == 67
    assert "250 2.1.5" in done.stdout and "550 5.1.1" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["email1@example.com"], ["nobody@example.com"]])
def test_json(configured, arguments):
    plain = configured.run("--check", *arguments)
    done = configured.run("--check", "--json", *arguments)
    assert done.returncode == plain.returncode
    parsed = json.loads(done.stdout)
    assert parsed
    for address in arguments:
        assert address in done.stdout


def test_json_with_strange_bytes(configured, database):
    database.add_user('q"u\\o@example.com')
    addresses = ['"q\\"u\\\\o"@example.com', "jörg@example.com", os.fsdecode(b"\xff@example.com"),
                 "a\x1b\tb@example.com"]
    done = configured.run("--check", "--json", *addresses)
    assert len(json.loads(done.stdout)["addresses"]) == len(addresses)


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["--json"], ["surplus"], ["--stdio", "--check"], ["-c"],
])
def test_usage(binary, arguments):
    done = run(binary, *arguments)
    assert done.returncode == 64
    assert done.stderr


def test_help_and_version(binary):
    for option in ("--help", "--version"):
        done = run(binary, option)
        assert done.returncode == 0
        assert "lmtpd" in done.stdout


@pytest.mark.parametrize("text, word", [
    ("nonsense = 1\n", "nonsense"),
    ("lmtp { nonsense = 1 }\n", "nonsense"),
    ("lmtp { recipient_limit = \"many\" }\n", "recipient_limit"),
    ("lmtp { recipient_limit = -1 }\n", "recipient_limit"),
    ("lmtp { listen = {\"carrier-pigeon\"} }\n", "listen"),
    ("maildir { home = \"relative/%n\" }\n", "home"),
    ("maildir { home = \"/var/mail/%x\" }\n", "home"),
    ("maildir { writers = 0 }\n", "writers"),
    ("mysql { user_query = \"SELECT 1\" }\n", "user_query"),
    ("lmtp }\n", ""),
])
@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["serve", "check"])
def test_bad_configuration(configured, text, word, arguments):
    """File, line and key are named."""
    configured.config_path.write_text(f"\n\n{text}")
    done = configured.run(*arguments)
    assert done.returncode == 78, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert str(configured.config_path) in said
    assert word in said


def test_missing_configuration(configured):
    configured.config_path.unlink()
    done = configured.run("--check")
    assert done.returncode == 78
    assert str(configured.config_path) in done.stdout + done.stderr


def test_the_check_agrees_with_the_daemon(configured):
    """The same answers come from --check's code and over the socket."""
    configured.start()
    with Client(configured.socket) as session:
        session.hello()
        session.mail()
        for address in ("email1@example.com", "EMAIL2+x@Example.com", "nope@example.com"):
            reply = session.rcpt(address)
            assert str(reply) in configured.run("--check", address).stdout
