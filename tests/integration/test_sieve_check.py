"""What lmtpd --check says of the server that takes what scripts send: the real Postfix, as it is and as it should not be, and
none at all."""

import pytest

from harness.check import Report
from harness.postfix import with_settings
from harness.process import free_port, wait_until

pytestmark = pytest.mark.needs_root


@pytest.fixture
def check(make_lmtpd):
    """check(submission, ...): the rows on it, and the report."""
    def run(submission, **lmtp):
        daemon = make_lmtpd(sieve={"enabled": True, "submission": submission}, lmtp=lmtp)
        report = Report(daemon)
        return [row for row in report.rows if row["what"] == "submission"], report

    return run


@pytest.fixture
def configured(postfix):
    """configured(lines): the Postfix with these lines in its main.cf, for this test."""
    before = (postfix.base / "etc/main.cf").read_text()
    yield lambda lines: postfix.configure("main.cf", with_settings(before, lines))
    postfix.configure("main.cf", before)


def test_postfix(postfix, check):
    """It takes all, and gets nothing."""
    [row], report = check(f"inet:127.0.0.1:{postfix.port}")
    assert row["status"] == "ok", row
    assert row["detail"] == (f"inet:127.0.0.1:{postfix.port} takes what scripts send; it offers CHUNKING 8BITMIME "
                             "SMTPUTF8 SIZE 52428800")
    assert report.code == 0
    assert postfix.queue() == []
    assert "message-id" not in postfix.log().rsplit("reload", 1)[-1]


def test_postfix_takes_less(postfix, check):
    rows, report = check(f"inet:127.0.0.1:{postfix.port}", message_size_limit=99999999)
    assert [row["status"] for row in rows] == ["ok", "warn"] and report.code == 0
    assert rows[1]["remedy"] == "in Postfix: message_size_limit = 99999999"


@pytest.mark.parametrize("last, said", [
    ("defer_unauth_destination", "454 4.7.1"), ("reject_unauth_destination", "554 5.7.1"),
])
def test_postfix_forwards_nothing(postfix, configured, check, last, said):
    configured(f"mynetworks = 192.0.2.9/32\nsmtpd_relay_restrictions = permit_mynetworks, {last}\n")
    [row], report = check(f"inet:127.0.0.1:{postfix.port}")
    assert (row["status"], report.code) == ("FAIL", 78)
    assert said in row["detail"] and "Relay access denied" in row["detail"]
    assert "mynetworks" in row["remedy"]


def test_postfix_refuses_the_machine(postfix, configured, check):
    configured("smtpd_client_restrictions = reject\n")
    [row], _ = check(f"inet:127.0.0.1:{postfix.port}")
    assert row["status"] == "FAIL" and "Access denied" in row["detail"]
    configured("smtpd_client_restrictions = reject\nsmtpd_delay_reject = no\n")
    [row], report = check(f"inet:127.0.0.1:{postfix.port}")
    assert (row["status"], report.code) == ("FAIL", 78)
    assert "Access denied" in row["detail"]


@pytest.mark.parametrize("answer, status, code, said", [
    ("450 4.2.0 Greylisted", "warn", 0, "puts off what scripts send: 450 4.2.0"),
    ("550 5.5.0 no", "FAIL", 78, "refuses what scripts send: 550 5.5.0"),
])
def test_postfix_has_other_wishes(postfix, configured, check, answer, status, code, said):
    configured(f"smtpd_recipient_restrictions = check_client_access static:{{{answer}}}, permit_mynetworks\n")
    [row], report = check(f"inet:127.0.0.1:{postfix.port}")
    assert (row["status"], report.code) == (status, code)
    assert said in row["detail"] and "docs/sieve.md" in row["remedy"]


@pytest.mark.parametrize("submission, said, remedy", [
    (f"inet:127.0.0.1:{free_port()}", "refused", "postfix status"),
    ("unix:/nowhere/smtp", "No such file", "socket"),
])
def test_nobody_is_there(check, submission, said, remedy):
    [row], report = check(submission)
    assert (row["status"], report.code) == ("FAIL", 69)
    assert row["detail"].startswith(f"{submission} cannot be asked") and said in row["detail"]
    assert remedy in row["remedy"]


def test_nobody_is_asked(make_lmtpd):
    """Without scripts nothing is sent."""
    daemon = make_lmtpd(sieve={"enabled": False, "submission": "inet:127.0.0.1:1"})
    assert [row for row in Report(daemon).rows if row["what"] == "submission"] == []


def test_postfix_on_a_unix_socket(postfix, make_lmtpd):
    """Who comes there is this machine to it."""
    public = postfix.base / "spool/public"
    before, mode = (postfix.base / "etc/master.cf").read_text(), public.stat().st_mode
    public.chmod(0o711)
    postfix.configure("master.cf", f"{before}sieve unix n - n - 20 smtpd\n")
    socket = public / "sieve"
    try:
        wait_until(socket.exists, 60, "the socket")
        daemon = make_lmtpd(sieve={"enabled": True, "submission": f"unix:{socket}"})
        row = Report(daemon).only("ok", "submission")
        assert row["detail"].startswith(f"unix:{socket} takes what scripts send; it offers CHUNKING")
    finally:
        public.chmod(mode)
        postfix.configure("master.cf", before)
