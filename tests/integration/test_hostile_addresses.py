"""Addresses that mean something to a shell, a path, a query or a parser: in MAIL, in RCPT, and in rows
of the database. Whatever becomes of the message, nothing is touched but the mailbox that a row names,
and that has exactly that name."""

import os
import shutil

import pytest

from harness.lmtp import message
from harness.mail import Message

# Long; with sanitizers the session machine meets such bytes in the corpora of the fuzz targets.
pytestmark = pytest.mark.heavy

# As a client writes them, between the angle brackets.
ADDRESSES = {
    "traversal": "../../x@example.com",
    "slash": "a/b@example.com",
    "absolute": "/etc/passwd@example.com",
    "dot dot": "..@example.com",
    "dot": ".@example.com",
    "quoted dot dot": '".."@example.com',
    "escaped dots": "\\.\\.@example.com",
    "hidden": ".hidden@example.com",
    "dots": "...@example.com",
    "domain traversal": "a@../..",
    "traversal in the domain": "a@example.com/../e",
    "domain dot dot": "a@..",
    "percent 00": "%00@example.com",
    "percent slash": "..%2f..%2fx@example.com",
    "placeholders": "%d%n%u@example.com",
    "domain placeholder": "a@%d",
    "tilde": "~root@example.com",
    "pipe": "|cmd@example.com",
    "dollar": "$(touch${IFS}x)@example.com",
    "semicolon": ";touch;@example.com",
    "backtick": "`touch`@example.com",
    "redirect": '">x"@example.com',
    "dash": "-rf@example.com",
    "glob": "*@example.com",
    "include": '":include:/etc/passwd"@example.com',
    "empty quoted": '""@example.com',
    "empty": "@example.com",
    "nothing": "",
    "only at": "@",
    "quoted blank": '"a b"@example.com',
    "quoted quote": '"a\\"b"@example.com',
    "quoted bracket": '"x> ORCPT=y"@example.com',
    "backslash": "a\\\\b@example.com",
    "two at": "a@b@example.com",
    "quoted at": '"a@b"@example.com',
    "route": "@relay.example:../x@example.com",
    "local part of 65": "l" * 65 + "@example.com",
    "path of 256": "l" * 64 + "@" + "d" * 180 + ".example.com",
    "part of 256": "l" * 256 + "@example.com",
    "line of 512": "l" * 512 + "@example.com",
    "truncated utf8": b"a\xe2\x82@example.com",
    "overlong slash": b"a\xc0\xafb@example.com",
    "overlong dots": b"\xc0\xae\xc0\xae@example.com",
    "surrogate": b"\xed\xa0\x80@example.com",
    "beyond unicode": b"\xf4\x90\x80\x80@example.com",
    "latin 1": b"\xe9@example.com",
    "division slash": "..\u2215..\u2215x@example.com",
    "fullwidth slash": "..\uff0f..\uff0fx@example.com",
    "right to left": "a\u202emoc@example.com",
    "nfc": "\u00e9@example.com",
    "nfd": "e\u0301@example.com",
    "mixed case": "Mixed.CASE@example.com",
    "trailing dot": "a@example.com.",
    "trailing blank": '"a "@example.com',
    "detail traversal": "email1+../../tmp@example.com",
    "only detail": "+@example.com",
    "two delimiters": "email1++@example.com",
    "literal": "a@[127.0.0.1]",
    "bare": "postmaster",
    "sql quote": "'or'1'='1@example.com",
    "sql comment": '"\' or 1=1 -- "@example.com',
    "sql end": "';DROP/**/TABLE/**/virtual_users;@example.com",
    "sql backslash": "\\\\'@example.com",
    "underscore": "email_@example.com",
    "percent": "email%@example.com",
    "wide": b"\xbf\x27or 1=1@example.com",
    "nul": b"a\0b@example.com",
    "newline": b"a\nRCPT TO:<email1@example.com>@example.com",
    "tab": b"a\tb@example.com",
    "escape": b"a\x1b[2Jb@example.com",
    "delete": b"a\x7fb@example.com",
    "log": '"a\\" status=saved to=<x"@example.com',
}

# The same as a row holds them: without quoting, and with what only a row can hold.
ROWS = {
    name: address for name, address in ADDRESSES.items()
    if name not in ("nothing", "line of 512", "part of 256", "path of 256", "two delimiters",
                    "detail traversal")
    and isinstance(address, str)
} | {
    "quoted blank": "a b@example.com",
    "quoted quote": 'a"b@example.com',
    "quoted bracket": "x> ORCPT=y@example.com",
    "newline": "a\nb@example.com",
    "carriage return": "a\r\nX: y@example.com",
    "domain with a blank": "a@example.com ",
    "leading blank": " a@example.com",
}


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def quoted(row):
    """The row as a client writes it; a line end would end the command."""
    local, _, domain = row.rpartition("@")
    local = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{local}"@{domain}'.replace("\r\n", "\n")


def is_address(row):
    """Can a client ask for it?"""
    local, _, domain = row.rpartition("@")
    return all(part and not set(part) & {*map(chr, range(32)), "\x7f"}
               for part in (local, domain)) and " " not in domain


def is_fit(row):
    """Can mail for this row lie in directories of its name?"""
    local, _, domain = row.rpartition("@")
    return is_address(row) and all(part not in (".", "..") and "/" not in part
                                   for part in (local, domain))


def paths_of(directory):
    """Everything below it, as bytes: names may be of any."""
    found = set()
    for place, folders, files in os.walk(os.fsencode(directory)):
        found |= {os.path.join(place, name) for name in folders + files}
    return found


class Ground:
    """An lmtpd, and what lay around its mail root before."""

    def __init__(self, daemon, around):
        self.daemon = daemon
        self.around = around
        self.before = paths_of(around)
        self.beside = set(os.listdir(around.parent))

    def homes(self):
        """The names of the homes, as DOMAIN/LOCAL; asserts that there is nothing but Maildirs."""
        root = os.fsencode(self.daemon.vhosts)
        homes = set()
        assert set(os.listdir(self.around.parent)) == self.beside
        for path in paths_of(self.around) - self.before:
            assert path.startswith(root + b"/"), f"outside of the mail root: {path}"
            parts = path[len(root) + 1:].split(b"/")
            assert parts[2:3] in ([], [b"Maildir"]), path
            assert parts[3:4] in ([], [b"cur"], [b"new"], [b"tmp"]), path
            assert len(parts) <= 4 or parts[3] == b"new", path
            if len(parts) == 2:
                homes.add(b"/".join(parts))
        return homes


@pytest.fixture
def ground(make_lmtpd, directory):
    daemon = make_lmtpd().start()
    return Ground(daemon, directory)


def try_recipient(session, address):
    """RCPT, and a message if it was taken; returns the status of RCPT."""
    session.mail()
    reply = session.rcpt(as_bytes(address))
    if reply.code == 250:
        assert session.data(message())[0].status == "250 2.0.0"
    assert session.command("RSET").code == 250
    return reply.status


def test_in_rcpt(ground):
    """Without a row nobody has it, and nothing is made for it."""
    with ground.daemon.session() as session:
        for name, address in ADDRESSES.items():
            status = try_recipient(session, address)
            if name in ("two delimiters", "detail traversal"):
                assert status == "250 2.1.5"
                assert ground.homes() == {b"example.com/email1"}
                shutil.rmtree(ground.daemon.vhosts / "example.com")
            else:
                assert status in ("550 5.1.1", "550 5.1.2", "550 5.1.3", "500 5.5.2"), name
                assert ground.homes() == set(), name
        assert session.deliver("email2@example.com")[0].code == 250
    assert ground.homes() == {b"example.com/email2"}


def try_sender(session, address):
    """A message from it; without a sender if it was refused."""
    reply = session.command(b"MAIL FROM:<" + as_bytes(address) + b">")
    if reply.code != 250:
        assert reply.status in ("553 5.1.7", "500 5.5.2"), reply
        session.send(b"RSET\r\n")
        while session.reply().status != "250 2.0.0":
            pass  # what stood behind a newline, which ends no line
        session.mail("")
    assert session.rcpt("email1@example.com").code == 250
    assert session.data(message())[0].status == "250 2.0.0"


def test_in_mail(ground):
    """A sender is text in a header and in the log, and stays there."""
    with ground.daemon.session() as session:
        for name, address in ADDRESSES.items():
            try_sender(session, address)
            assert ground.homes() == {b"example.com/email1"}, name
            [path] = ground.daemon.mailbox("example.com/email1").files()
            stored = Message(path)
            assert stored.field_names == ["Return-Path", "Delivered-To", "Received"], name
            assert stored.content == message().replace(b"\r\n", b"\n"), name
            path.unlink()
    lines = ground.daemon.log(event="delivery")
    assert len(lines) == len(ADDRESSES)
    assert {(line["status"], line["to"], line["code"]) for line in lines} == {
        ("saved", "<email1@example.com>", "250")}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("kind", ["mailbox", "destination"])
def test_in_rows(ground, database, kind, row):
    """A row that can be a mailbox's is one, under its own name; the others do no harm."""
    local, _, domain = row.rpartition("@")
    if domain and domain != "example.com":
        database.add_domain(domain[:50])
    if kind == "mailbox":
        database.add_user(row)
        database.add_alias("evil@example.com", row)
    else:
        database.add_alias("evil@example.com", f"{row}, email2@example.com")
        database.add_alias("evil@example.com", row)
    with ground.daemon.session() as session:
        direct = try_recipient(session, quoted(row))
        by_alias = try_recipient(session, "evil@example.com")
        assert session.deliver("email1@example.com")[0].code == 250
    homes = ground.homes()
    assert b"example.com/email1" in homes
    if kind == "mailbox" and is_fit(row):
        assert direct == "250 2.1.5"
        assert homes - {b"example.com/email1"} == {f"{domain}/{local}".encode()}
    else:
        assert direct in ("550 5.1.1", "550 5.1.2", "550 5.1.3", "500 5.5.2", "451 4.3.5")
        if kind == "mailbox":
            assert (direct == "451 4.3.5") == is_address(row)
        assert by_alias in ("250 2.1.5", "550 5.1.1", "451 4.3.5", "451 4.4.6", "451 4.4.3")
        assert homes <= {b"example.com/email1", b"example.com/email2"}
        assert (b"example.com/email2" in homes) == (by_alias == "250 2.1.5")


@pytest.mark.parametrize("domain", ["..", ".", "a/b", "%d", "", "a\nb", "*", "~", "example.com/.."])
def test_in_rows_of_domains(ground, database, domain):
    database.add_domain(domain)
    database.add_user(f"user@{domain}")
    with ground.daemon.session() as session:
        statuses = {try_recipient(session, f"user@{domain}"),
                    try_recipient(session, f'"user"@{domain}')}
        assert session.deliver("email1@example.com")[0].code == 250
    good = {"%d", "*", "~"}
    assert statuses == ({"250 2.1.5"} if domain in good else {"500 5.5.2"} if "\n" in domain
                        else {"550 5.1.3"} if not domain else {"451 4.3.5"})
    assert ground.homes() - {b"example.com/email1"} == (
        {f"{domain}/user".encode()} if domain in good else set())


@pytest.mark.parametrize("destination", [
    ",", ", ,", "@", "@@", "@example.com", "@..", "|cmd", "/tmp/mbox", ":include:/etc/passwd",
    "~root", '"|cmd"@example.com', "email2", "email2@", "\\email2", "email2@example.com;rm",
    "(comment)email2@example.com", "email2@example.com\0", "email2@example.com\0,x", "\t\r\n",
], ids=repr)
def test_odd_destinations(ground, database, destination):
    """What Postfix or sendmail would take for a command or a file is neither here."""
    database.add_alias("evil@example.com", destination)
    with ground.daemon.session() as session:
        status = try_recipient(session, "evil@example.com")
    assert status in ("550 5.1.1", "451 4.3.5", "451 4.4.6", "451 4.4.3"), status
    assert ground.homes() == set()
