"""What is redirected, and by whom it is taken: byte for byte what came, beside Pigeonhole, and never lost where it is refused."""

import re

import pytest

from harness.peers import SENDER
from harness.sieve import EMAIL1, mail, shown

pytestmark = pytest.mark.needs_root

TO, TO2 = "to@example.net", "second@example.net"
REDIRECT = f'redirect "{TO}";'
KEPT = {"INBOX": [("test", [])]}
HEAD = b"From: Ann <ann@example.net>\r\nTo: email1@example.com\r\nSubject: test\r\nMessage-ID: <test@example.net>\r\n"

SIGNED = (b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.net; s=x;\r\n"
          b"\th=from : to:subject;   bh=AAAA=;\r\n b=BBBB\r\n\tCCCC=\r\n"
          b"FROM:Ann   <ann@example.net> \r\nto:\temail1@example.com\r\nSubject:  folded\r\n \tand  blank\t\r\n"
          b"Message-ID: <test@example.net>\r\n\r\n body  with blanks \t\r\n\r\n\r\n")

# Messages that must go out as they came.
MESSAGES = {
    "plain": mail(),
    "signed": SIGNED,
    "8 bits": HEAD + b"X: \xc3\xa4\xff\r\n\r\n" + bytes(range(128, 256)) * 10 + b"\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n...x\r\n.x\r\n\r\n.\r\n",
    "998 and more": HEAD + b"X: " + b"h" * 995 + b"\r\nY: " + b"i" * 4000 + b"\r\n\r\n" + b"".join(
        b"x" * n + b"\r\n" for n in (997, 998, 999, 1000, 5000)),
    "no body": HEAD,
    "empty body": HEAD + b"\r\n",
    "no field": b"\r\nA body.\r\n",
    "no header": b"What is no field\r\n\r\nA body.\r\n",
    "return paths": b"Return-Path: <a@b>\r\n" + HEAD + b"return-path: <c@d>\r\n\tfolded\r\nX: y\r\n\r\nReturn-Path: stays\r\n",
    "no id": HEAD.replace(b"Message-ID: <test@example.net>\r\n", b"") + b"\r\nx\r\n",
    "received": b"Received: by x; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * 30 + HEAD + b"\r\nx\r\n",
    "NUL": HEAD + b"X: a\0b\r\n\r\na\0b\r\n\0\r\n.\0\r\n",
    "10 MB": HEAD + b"\r\n" + b"0123456789" * 7 + b"\r\n" + (b"line of some length, and more\r\n" * 340000),
}
ADDED = re.compile(rb"(?:(?:X-Sieve|X-Sieve-Redirected-From|Message-ID):[^\r]*\r\n)+")
TRACE = re.compile(rb"Delivered-To:[^\r]*\r\nReceived:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*")


def apart(message):
    """Names of the fields that were put on top, but for the program's name, and what is behind the trace that each server
    of LMTP writes itself."""
    added = ADDED.match(message)[0]
    trace = TRACE.match(message, len(added))[0]
    names = [line.split(b":")[0].decode() for line in added.splitlines()]
    return [name for name in names if name != "X-Sieve"], message[len(added) + len(trace):]


def without_return_paths(text):
    head, gap, body = text.partition(b"\r\n\r\n")
    return re.sub(rb"(?im)^return-path:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", head + gap) + body


def test_bytes(make_peers):
    peers = make_peers()
    peers.activate(REDIRECT)
    for number, (name, message) in enumerate(MESSAGES.items()):
        message = message.replace(b"<test@", b"<%d@" % number)
        (ours,), (theirs,) = peers.sends(message)
        assert (ours.sender, ours.recipients) == (theirs.sender, theirs.recipients) == (SENDER, [TO]), name
        (added, rest), (added_there, rest_there) = apart(ours.message), apart(theirs.message)
        assert added == added_there, name
        assert rest == without_return_paths(message) == rest_there, name
        assert shown(peers.here.dovecot) == shown(peers.there) == {}, name


def test_lone_cr(make_peers):
    """It ends a line, so that no server behind can find an end of the message in it."""
    peers = make_peers()
    peers.activate(REDIRECT)
    (ours,), _ = peers.sends(HEAD + b"\r\na\rb\r.\r\r\nc\r\n")
    assert apart(ours.message)[1] == HEAD + b"\r\na\r\nb\r\n.\r\nc\r\n"


# --- whom, and from whom ----------------------------------------------------

ADDRESSES = {
    "quoted": (r'"\"a b\"@example.net"', ['"a b"@example.net']),
    "with a name": ('"Name <to@example.net>"', ["to@example.net"]),
    "plus": ('"a+b=c@example.net"', ["a+b=c@example.net"]),
}


def test_addresses(make_peers):
    peers = make_peers()
    for name, (address, expected) in ADDRESSES.items():
        peers.activate(f"redirect {address};")
        ours, theirs = peers.sends(mail(name))
        assert [taken.recipients for taken in ours] == [taken.recipients for taken in theirs] == [expected], name


def test_address_of_utf8(make_peers):
    """Dovecot's ManageSieve stores no script with such an address."""
    peers = make_peers()
    peers.activate("keep;")
    (peers.here.daemon.vhosts / "example.com/email1/sieve/own.sieve").write_text('redirect "grüße@bücher.example";')
    assert peers.here.deliver(body=mail(), sender=SENDER) == ["250 2.0.0"]
    [taken] = peers.sinks[0].take()
    assert (taken.sender, taken.recipients) == (SENDER, ["grüße@bücher.example"])
    assert peers.here.shown() == {}


@pytest.mark.parametrize("how, theirs, expected", [
    ("recipient", "recipient", "email1+x@example.com"),
    ("bounces@example.org", '"<bounces@example.org>"', "bounces@example.org")])
def test_from(make_peers, how, theirs, expected):
    """The null sender stays what it is."""
    peers = make_peers(sieve={"redirect_from": how}, sieve_redirect_envelope_from=theirs)
    peers.activate(REDIRECT)
    for sender, wanted in ((SENDER, expected), ("", "")):
        for taken in peers.sends(mail(f"m{len(sender)}"), "email1+x@example.com", sender):
            assert [(one.sender, one.recipients) for one in taken] == [(wanted, [TO])]


# --- refused, put off, and too many -----------------------------------------

STEPS = ("MAIL", TO, "END")


def received(queue_id, subject="test"):
    """As Postfix brings it, which keeps the id when it comes again."""
    return (b"Received: from x (x [192.0.2.1])\r\n\tby mx.example.com (Postfix) with ESMTP id %s\r\n"
            b"\tfor <email1@example.com>; Thu,  1 Jan 2026 00:00:00 +0000 (UTC)\r\n" % queue_id.encode()) + mail(subject)


def test_refused(make_peers):
    """Both keep it."""
    peers = make_peers()
    peers.activate(REDIRECT)
    kept = []
    for at in STEPS:
        for sink in peers.sinks:
            sink.become(**{at: b"550 5.1.1 Not here"})
        kept.append((at, []))
        assert peers.deliver(mail(at)) == ["250 2.0.0"] * 2, at
        assert shown(peers.here.dovecot) == shown(peers.there) == {"INBOX": sorted(kept)}, at
        assert [sink.take() for sink in peers.sinks] == [[], []], at


def test_put_off(make_peers):
    """It comes again, is sent then, and nothing of it stays."""
    peers = make_peers()
    peers.activate(REDIRECT)
    ours = peers.sinks[0]
    for at in STEPS:
        ours.become(**{at: b"451 4.3.0 Later"})
        assert peers.here.deliver(body=received("4ABC", at)) == ["451 4.3.0"], at
        assert peers.here.shown() == {} and ours.take() == [], at
        ours.become()
        assert peers.here.deliver(body=received("4ABC", at)) == ["250 2.0.0"], at
        assert [taken.recipients for taken in ours.take()] == [[TO]], at
        assert peers.here.shown() == {}, at


def test_two(make_peers):
    """Who has it does not get it again, and who refuses it does not hold it up."""
    peers = make_peers()
    ours, there = peers.sinks

    peers.activate(f'redirect "{TO}"; redirect "{TO2}";')
    for sink in peers.sinks:
        sink.become(**{TO2: b"550 5.1.1 Not here"})
    assert peers.deliver(mail("one refused")) == ["250 2.0.0"] * 2
    assert [[taken.recipients for taken in sink.take()] for sink in peers.sinks] == [[[TO]], [[TO]]]
    kept = [("one refused", [])]
    assert shown(peers.here.dovecot) == shown(peers.there) == {"INBOX": kept}

    ours.become(**{TO: b"550 5.1.1 Not here", TO2: b"451 4.3.0 Later"})
    text = received("4ABC", "one refused, one put off")
    assert peers.here.deliver(body=text) == ["451 4.3.0"]
    assert peers.here.shown() == {"INBOX": kept}
    ours.become(**{TO: b"550 5.1.1 Not here"})
    assert peers.here.deliver(body=text) == ["250 2.0.0"]
    assert [taken.recipients for taken in ours.take()] == [[TO2]]
    kept.append(("one refused, one put off", []))
    assert peers.here.shown() == {"INBOX": sorted(kept)}

    peers.activate(f'require "copy"; redirect :copy "{TO}"; redirect :copy "{TO2}";')
    ours.become(**{TO2: b"451 4.3.0 Later"})
    text = received("4ABD", "put off")
    for _ in range(2):
        assert peers.here.deliver(body=text) == ["451 4.3.0"]
    assert peers.here.shown() == {"INBOX": sorted(kept)}
    ours.become()
    assert peers.here.deliver(body=text) == ["250 2.0.0"]
    assert [taken.recipients for taken in ours.take()] == [[TO], [TO2]]
    kept.append(("put off", []))
    assert peers.here.shown() == {"INBOX": sorted(kept)}


def test_loops(make_peers):
    """What comes back stays, and what has come a long way."""
    peers = make_peers()
    peers.activate(f'redirect "{EMAIL1}";')
    (ours,), (theirs,) = peers.sends(mail())
    for text in (ours.message, theirs.message):
        assert peers.deliver(text) == ["250 2.0.0"] * 2
        assert [sink.take() for sink in peers.sinks] == [[], []]
    assert shown(peers.here.dovecot) == shown(peers.there) == {"INBOX": KEPT["INBOX"] * 2}
    far = b"Received: by x; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * 40 + mail("far")
    assert peers.here.deliver(body=far) == ["250 2.0.0"]
    assert peers.sinks[0].take() == []
    assert ("far", []) in peers.here.shown()["INBOX"]


@pytest.mark.parametrize("n", [2, 0])
def test_too_many(make_peers, n):
    """None is sent then, and the message stays."""
    peers = make_peers(sieve={"redirects_max": n}, sieve_max_redirects=str(n))
    peers.activate(f'redirect "{TO}"; redirect "{TO2}"; redirect "third@example.net";')
    assert peers.here.deliver(body=mail()) == ["250 2.0.0"]
    assert peers.sinks[0].take() == []
    assert peers.here.shown() == KEPT


def test_the_same_twice(make_peers):
    """Redirected once in 12 hours; the second stays."""
    peers = make_peers()
    peers.activate(REDIRECT)
    assert [len(taken) for taken in peers.sends(mail())] == [1, 1]
    assert peers.deliver(mail()) == ["250 2.0.0"] * 2
    assert [sink.take() for sink in peers.sinks] == [[], []]
    assert shown(peers.here.dovecot) == shown(peers.there) == KEPT
