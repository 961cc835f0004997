"""Scripts of users for a load: each user has one of a few kinds, which file all mail alike, so that the books can say
where each message must lie."""

import os
import re
from typing import NamedTuple

from harness.mail import Message
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID

REQUIRE = 'require ["fileinto", "mailbox", "copy", "imap4flags", "editheader", "variables"];\n'


class Kind(NamedTuple):
    script: str
    places: dict  # folder as it lies on the disk, "" for INBOX: the outcome of each copy there


class Copy(NamedTuple):
    """What a script has made of a message."""

    flags: str = ""
    keyword: str = ""
    is_edited: bool = False


PLAIN = Copy()
EDITED = Copy(is_edited=True)
NONE = Kind("", {"": PLAIN})
FOLDERS = Kind('fileinto :create "One.Sub"; fileinto :create "Two"; keep;',
               {"": PLAIN, ".One.Sub": PLAIN, ".Two": PLAIN})
FLAGS = Kind('fileinto :create :flags ["\\\\Seen", "$todo"] "Seen"; setflag "\\\\Flagged";'
             'fileinto :create :flags "" "Plain"; keep;',
             {".Seen": Copy("S", "$todo"), ".Plain": PLAIN, "": Copy("F")})
EDITS = Kind('fileinto :create "Before"; addheader :last "X-New" "1"; fileinto :create "After"; '
             'fileinto :create :flags "$new" "Marked";',
             {".Before": PLAIN, ".After": EDITED, ".Marked": Copy("", "$new", True)})
# What is in the hands of the server that takes what scripts send; no folder is called so.
SENT = "sent"
FORWARD = Kind('redirect "taker@example.net";', {SENT: PLAIN})
FORWARD_COPY = Kind('redirect :copy "taker@example.net";', {"": PLAIN, SENT: PLAIN})
AWAY = Kind('require "vacation"; vacation :addresses "list@example.net" "Away.";', {"": PLAIN})
ONCE = Kind('require "duplicate"; if duplicate { discard; }', {"": PLAIN})
BROKEN = Kind('if header "subject" { discard; }', {"": PLAIN})
# More work than a run may do: a few messages later it is switched off.
ENDLESS = Kind('set "a" "' + "a" * 4000 + '";\nset "b" "*' + "a" * 1000 + 'b";\n'
               + 'fileinto :create "Never";\n'
               + 'if string :matches "${a}" "${b}" { discard; }\n' * 200, {"": PLAIN})


def write_script(home, text):
    """The owner of the mail's, as are the directories above it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    script = home / ".dovecot.sieve"
    script.write_text(REQUIRE + text)
    for path in (home.parent, home, script) if IS_ROOT else ():
        os.chown(path, MAIL_ID, MAIL_GROUP)


class Scripts:
    """Those of the users of a load, in turns by their numbers, but for some: mailbox to kind."""

    def __init__(self, *kinds, **others):
        self.kinds = kinds
        self.others = others

    def kind_of(self, mailbox):
        """mailbox: "d1.example.com/u7"."""
        if mailbox in self.others:
            return self.others[mailbox]
        return self.kinds[int(mailbox.rpartition("/u")[2]) % len(self.kinds)]

    def write(self, vhosts, addresses):
        for mailbox in {mailbox for mailboxes in addresses.values() for mailbox in mailboxes}:
            if self.kind_of(mailbox).script:
                write_script(vhosts / mailbox, self.kind_of(mailbox).script)
        os.sync()

    def file(self, addresses):
        """Address to places, of address to mailboxes."""
        return {
            address: tuple(f"{mailbox}/{folder}".rstrip("/") for mailbox in mailboxes
                           for folder in self.kind_of(mailbox).places)
            for address, mailboxes in addresses.items()
        }

    def judge(self, place, path):
        """Is this file, which lies in a place of the books, what the script makes of a message?"""
        domain, user, *folder = place.split("/")
        want = self.kind_of(f"{domain}/{user}").places["".join(folder)]
        letters = path.name.partition(":2,")[2]
        names = keywords(path.parents[1])
        assert {names.get(letter) for letter in letters if letter.islower()} == set(want.keyword.split())
        assert "".join(filter(str.isupper, letters)) == want.flags
        assert path.parent.name == ("cur" if letters else "new")
        head = Message(path).content.partition(b"\n\n")[0]
        assert head.endswith(b"\nX-New: 1") is want.is_edited


def keywords(folder):
    """Letter to name, of the lines that are whole."""
    listed = folder / "dovecot-keywords"
    rows = re.findall(rb"^(\d+) (.*)$", listed.read_bytes(), re.MULTILINE) if listed.exists() else []
    return {chr(ord("a") + int(number)): name.decode() for number, name in rows}
