"""Forwarded mail leaves with a sender of ours, as SPF wants it, by postsrsd, and what is returned gets to who has sent it."""

import re

import pytest

from harness.process import wait_until
from harness.sending import field, make_sending_site
from harness.sieve import EMAIL1, mail
from harness.sink import Sink
from harness.srs import PostSrsd, SrsPostfix

pytestmark = pytest.mark.needs_root

ANN, FRIEND = "ann@sender.example", "friend@far.example"
REDIRECT = f'redirect "{FRIEND}";'
VACATION = 'require "vacation"; vacation "Away.";'
REWRITTEN = re.compile(r"SRS0=\S{4}=\S\S=sender\.example=ann@example\.com")


@pytest.fixture(params=["all mail", "what scripts send"])
def site(request, directory, database, make_lmtpd, make_sieve_dovecot):
    """Whose senders are rewritten: those of all mail, or of what lmtpd hands in."""
    sink = Sink()
    srs = PostSrsd(directory, "example.com")
    postfix = SrsPostfix(directory / "pfx", database, srs, sink, request.param == "what scripts send")
    try:
        srs.start()
        postfix.start()
        here = make_sending_site(make_lmtpd, make_sieve_dovecot, postfix,
                                 sieve={"submission": f"inet:127.0.0.1:{postfix.own_port or postfix.port}"})
        here.sink = sink
        here.rewrites_all = request.param == "all mail"
        yield here
    finally:
        postfix.stop()
        srs.stop()
        sink.close()


def sent(here, n=1):
    wait_until(lambda: len(here.sink.taken) >= n, 60, "what leaves")
    taken = here.sink.take()
    assert len(taken) == n
    return taken


def test_forward_and_back(site):
    site.activate(REDIRECT)
    site.send([EMAIL1], mail("forward", From=ANN), ANN)
    [out] = sent(site)
    assert out.recipients == [FRIEND] and REWRITTEN.fullmatch(out.sender)
    assert field(out.message.decode(), "From") == ANN
    # The server there returns it later.
    site.send([out.sender], mail("returned", To=out.sender), "")
    [back] = sent(site)
    assert (back.sender, back.recipients) == ("", [ANN])
    assert field(back.message.decode(), "To") == ANN
    assert site.shown() == {}


def test_refused_there(site):
    """What Postfix itself has to return."""
    site.activate(REDIRECT)
    site.sink.refusals[FRIEND] = b"550 5.7.23 SPF says no"
    site.send([EMAIL1], mail("refused", From=ANN), ANN)
    [back] = sent(site)
    assert (back.sender, back.recipients) == ("", [ANN])
    assert "SPF says no" in back.message.decode()


def test_forged(site):
    """Nobody sends by us to somebody else with an address that postsrsd has not made."""
    with pytest.raises(AssertionError, match="User unknown"):
        site.postfix.send(["SRS0=xxxx=yy=sender.example=ann@example.com"], mail(), "")


def test_null_sender(site):
    site.activate(REDIRECT)
    site.send([EMAIL1], mail("report"), "")
    [out] = sent(site)
    assert (out.sender, out.recipients) == ("", [FRIEND])


def test_vacation(site):
    """A notice has no sender, and goes to who has written."""
    site.activate(VACATION)
    site.send([EMAIL1], mail("question", From=ANN), ANN)
    [notice] = sent(site)
    assert (notice.sender, notice.recipients) == ("", [ANN])
    assert site.shown() == {"INBOX": [("question", [])]}


def test_programs(site):
    """Whoever is known by the address is known only where the sender of what comes in stays."""
    site.activate(VACATION)
    site.send([EMAIL1], mail("list", From="dev@sender.example"), "owner-dev@sender.example")
    [line] = site.log(event="delivery")
    assert ("vacation" in line) == site.rewrites_all
    assert (line["from"] == "<owner-dev@sender.example>") != site.rewrites_all
