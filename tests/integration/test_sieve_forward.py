"""What is redirected, and by whom it is taken: byte for byte what came, beside Pigeonhole, and never lost where it is refused."""

import re

import pytest

from harness.lmtp import Client
from harness.peers import SENDER
from harness.sieve import EMAIL1, mail, make_folders, shown

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
    "received": b"Received: by x; Thu, 1 Jan 2026 00:00:00 +0000\r\n" * 39 + HEAD + b"\r\nx\r\n",
    "10 MB": HEAD + b"\r\n" + b"0123456789" * 7 + b"\r\n" + (b"line of some length, and more\r\n" * 340000),
}
# What Pigeonhole changes, or its server of LMTP: each reads and writes line ends of its own.
OURS_ALONE = {
    "NUL": HEAD + b"X: a\0b\r\n\r\na\0b\r\n\0\r\n.\0\r\n",
    "bare CR": HEAD + b"\r\na\rb\r.\r\r\nc\r\n",
}
ADDED = re.compile(rb"(?:(?:X-Sieve|X-Sieve-Redirected-From|Message-ID):[^\r]*\r\n)+")
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received):[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)*")


def apart(message):
    """Names of the fields that were put on top, those of the trace that each server of LMTP writes itself, and the rest."""
    added = ADDED.match(message)[0]
    trace = TRACE.match(message, len(added))[0]
    names = [[line.split(b":")[0].decode() for line in text.split(b"\r\n") if re.match(rb"[A-Z]", line)]
             for text in (added, trace)]
    return names[0], names[1], message[len(added) + len(trace):]


def without_return_paths(text):
    head, gap, body = text.partition(b"\r\n\r\n")
    return re.sub(rb"(?im)^return-path:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*", b"", head + gap) + body


@pytest.mark.parametrize("name", [*MESSAGES, *OURS_ALONE])
def test_bytes(make_peers, name):
    peers = make_peers()
    peers.activate(REDIRECT)
    text = {**MESSAGES, **OURS_ALONE}[name]
    (ours,), (theirs,) = peers.sends(text)
    assert (ours.sender, ours.recipients) == (theirs.sender, theirs.recipients) == (SENDER, [TO])
    added, trace, rest = apart(ours.message)
    print(added, trace, apart(theirs.message)[:2])
    assert added == apart(theirs.message)[0]
    assert rest == without_return_paths(text)
    if name in MESSAGES:
        assert rest == apart(theirs.message)[2]
