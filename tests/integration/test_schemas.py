"""The presets of examples/schemas/, each on the tables of its panel: who gets mail, where it lies, what mailboxes may
hold, who may log in and send, and that --check has nothing to say. Every panel has the same people, as far as it can
tell them apart: ann, who has 3 MiB; carl, whose mail lies at an odd place; bert, who is disabled, once beside a
catch-all; dora, whose domain is; eve, whose domain is another machine's; max, whose mail is in no Maildir."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field

import pytest

from harness.check import Report
from harness.presets import PRESETS, Site
from harness.process import run_checked

pytest_plugins = ["harness.auth_fixtures"]

NO_USER, NO_DOMAIN, DISABLED, ELSEWHERE = "550 5.1.1", "550 5.1.2", "550 5.2.1", "451 4.3.2"
ANN, CARL, BERT, MAX = (f"{name}@example.com" for name in ("ann", "carl", "bert", "max"))
WORD, APP_WORD = "firstpassword", "of the phone"
MIB3 = 3 * 1024 * 1024


@dataclass
class Panel:
    """What is its own; a path stands for the mailbox that lies there."""
    name: str
    ann: str
    carl: str
    root: str = "/var/vmail"
    has_disabled: bool = True
    has_inactive: bool = True
    has_backup: bool = True
    has_formats: bool = True
    has_alias_domains: bool = True
    outcomes: dict = field(default_factory=dict)
    logins: dict = field(default_factory=dict)
    senders: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)
    auth_warnings: list = field(default_factory=list)
    labels: set = field(default_factory=set)

    def all_outcomes(self):
        ann, carl = [self.ann], [self.carl]
        found = {
            ANN: ann, "Ann+Detail@Example.COM": ann, CARL: carl, "info@example.com": ann,
            "info+x@example.com": ann, "all@example.com": sorted(ann + carl),
            "whoever@example.net": ann, "жук@example.net": ann, "😀@example.net": ann,
            "ànn@example.com": NO_USER, "é@example.com": NO_USER, "жук@example.com": NO_USER,
            "😀@example.com": NO_USER, "nobody@example.com": NO_USER, "old@example.com": NO_USER,
            "a'b@example.com": NO_USER, "ann@other.example": NO_DOMAIN, "ALL@ALL": NO_DOMAIN,
        }
        if self.has_disabled:
            found |= {BERT: DISABLED, "bert+x@example.com": DISABLED, "bert@example.net": DISABLED}
        if self.has_inactive:
            found |= {"dora@off.example": DISABLED, "x@off.example": NO_DOMAIN}
        if self.has_backup:
            found |= {"eve@backup.example": NO_DOMAIN, "x@backup.example": NO_DOMAIN}
        if self.has_formats:
            found |= {MAX: ELSEWHERE}
        if self.has_alias_domains:
            found |= {"ann@example.org": ann, "ann+x@example.org": ann, "info@example.org": ann,
                      "bert@example.org": DISABLED, "x@example.org": NO_USER,
                      "жук@example.org": NO_USER}
        return found | self.outcomes

    def all_senders(self):
        found = {ANN: {ANN}, CARL: {CARL}, "info@example.com": {ANN}, "nobody@example.com": set()}
        return found | self.senders


ALIAS_DOMAIN = {"ann@example.org": {ANN}}
BACKUP = "eve@backup.example: domain backup.example is not in the table of domains"
# Where the alias of a user who is disabled is off as well, or there was none.
EATEN = "bert@example.net: Postfix gives its mail to the catch-all @example.net"
SAM_EATEN, ROOM_EATEN = EATEN.replace("bert@", "sam@"), EATEN.replace("bert@", "room@")

PANELS = [
    Panel("postfixadmin", "example.com/ann", "c/ca/Carl-2026.11.26",
          outcomes={"own@example.com": ["example.com/ann"],
                    "own@example.org": ["c/ca/Carl-2026.11.26"]},
          logins={(CARL, WORD): None, (ANN, APP_WORD): ANN, (BERT, APP_WORD): None},
          labels={"phone"}, senders=ALIAS_DOMAIN, has_formats=False,
          warnings=[BACKUP, EATEN]),
    Panel("ispmail", "example.com/ann/Maildir", "example.com/carl/Maildir",
          has_disabled=False, has_inactive=False, has_backup=False, has_formats=False,
          has_alias_domains=False, logins={(BERT, WORD): None},
          warnings=["alias_query reads every row of virtual_aliases",
                    "domain_query reads every row of virtual_domains"]),
    Panel("mailcow", "example.com/ann", "disk2/example.com/carl",
          outcomes={"info@example.org": NO_USER, "carl@example.org": ["example.com/ann"],
                    "room@example.net": DISABLED, "soon@example.com": ["example.com/ann"],
                    "late@example.com": NO_USER, "ever@example.com": ["example.com/ann"]},
          logins={(CARL, WORD): None, (MAX, WORD): None, ("new@example.com", WORD): None,
                  (ANN, APP_WORD): ANN, (CARL, APP_WORD): None},
          labels={"phone"}, senders=ALIAS_DOMAIN, warnings=[BACKUP, EATEN, ROOM_EATEN]),
    Panel("iredmail", "vmail1/example.com/a/n/n/ann-2026.11.26.10.00.00/Maildir",
          "vmail1/example.com/c/a/r/carl/Mail", outcomes={"lisa@example.com": DISABLED},
          logins={("lisa@example.com", WORD): None, (MAX, WORD, "192.0.2.1"): MAX,
                  (MAX, WORD, "192.0.2.9"): MAX, (MAX, WORD, "192.0.2.10"): None}, senders=ALIAS_DOMAIN,
          warnings=[BACKUP],
          auth_warnings=["1 of 8 users: SSHA512"]),
    Panel("vimbadmin", "example.com/ann/mail", "c/a/carl", root="/srv/vmail",
          has_alias_domains=False, logins={(CARL, WORD): CARL, (MAX, WORD): None},
          warnings=[BACKUP]),
    Panel("modoboa", "example.com/ann/Maildir", "example.com/carl/Maildir", root="/srv/vmail",
          has_backup=False, has_formats=False,
          outcomes={"x@backup.example": NO_DOMAIN, "sam@example.com": DISABLED,
                    "mona@example.com": ELSEWHERE, "carl@example.org": ["example.com/ann/Maildir"],
                    "soon@example.com": ["example.com/ann/Maildir"], "late@example.com": NO_USER},
          logins={("sam@example.com", WORD): "sam@example.com", ("boss", WORD): None},
          senders=ALIAS_DOMAIN | {"extra@elsewhere.example": {CARL}},
          warnings=[EATEN]),
    Panel("froxlor", "web1/example.com/ann/Maildir", "web1/example.com/carl",
          root="/var/customers/mail", has_backup=False, has_formats=False, has_alias_domains=False,
          outcomes={"ann@example.net": ["web2/example.net/ann/Maildir"],
                    "x@www.example.com": NO_DOMAIN, "fred@web3.example": DISABLED,
                    "info@web3.example": NO_USER},
          logins={("fred@web3.example", WORD): None},
          senders={"extra@elsewhere.example": {CARL}}),
    Panel("ispconfig", "example.com/ann/Maildir", "c/carl/Maildir", has_backup=False,
          outcomes={"own@example.com": ["example.com/ann/Maildir"],
                    "own@example.org": ["c/carl/Maildir"], "ann@second.example": NO_DOMAIN,
                    "info@second.example": NO_DOMAIN},
          logins={("carl.login", WORD): "carl.login", (CARL, WORD): CARL,
                  ("ann@second.example", WORD): None},
          senders={CARL: {CARL, "carl.login"}},
          warnings=[EATEN]),
    Panel("jeboehm", "example.com/ann/Maildir", "example.com/carl/Maildir", root="/srv/vmail",
          has_inactive=False, has_backup=False, has_formats=False, has_alias_domains=False,
          outcomes={"sam@example.net": DISABLED},
          logins={("sam@example.net", WORD): "sam@example.net"},
          warnings=[EATEN, SAM_EATEN]),
]


def test_every_preset_is_tested():
    assert {panel.name for panel in PANELS} == {path.name for path in PRESETS.iterdir()}


@pytest.fixture(scope="module")
def hashes(auth_binary):
    def make(method, word):
        return run_checked(auth_binary, "--hash", method, input=word + "\n").strip()

    salted = hashlib.sha512(WORD.encode() + b"saltsalt").digest() + b"saltsalt"
    return {"HASH": make("sha512crypt", WORD), "SSHA": base64.b64encode(salted).decode(), "BCRYPT": make("bcrypt", WORD),
            "APP": make("bcrypt", APP_WORD)}


@pytest.fixture(scope="module", params=PANELS, ids=lambda panel: panel.name)
def panel(request):
    return request.param


@pytest.fixture(scope="module")
def site(panel, base, mariadb, binary, auth_binary, hashes):
    if not mariadb.is_running():
        mariadb.start()
    made = Site(panel.name, base / f"preset-{panel.name}", mariadb, (binary, auth_binary), hashes,
                panel.root)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_recipients(panel, site):
    expected = panel.all_outcomes()
    assert {address: site.outcome(address) for address in expected} == expected


def test_limits(site):
    """In bytes, whatever the unit of the table."""
    done = site.lmtpd.run("--quota", "--json", ANN, CARL)
    rows = {row["mailbox"]: row["bytes_limit"] for row in json.loads(done.stdout)["mailboxes"]}
    assert rows == {ANN: MIB3, CARL: None}


def test_logins(panel, site):
    expected = {(ANN, WORD): ANN, ("ANN@Example.com", WORD): ANN, (ANN, "another"): None,
                (BERT, WORD): None, ("nobody@example.com", WORD): None}
    if panel.has_inactive:
        expected[("dora@off.example", WORD)] = None
    expected |= panel.logins
    assert {given: site.login(*given) for given in expected} == expected
    logged = site.auth.log(event="auth", result="ok")
    assert {line["label"] for line in logged if "label" in line} == panel.labels


def test_senders(panel, site):
    expected = panel.all_senders()
    assert site.senders(expected) == expected


def test_check(panel, site):
    """With the accounts of grants.sql; no Maildir that a row leads to counts as nobody's."""
    report = Report(site.lmtpd)
    found = [row["detail"] for row in report.own_troubles()]
    assert len(found) == len(panel.warnings), found
    for words in panel.warnings:
        assert [detail for detail in found if words in detail], (words, found)
    assert [row for row in report.rows if row["status"] == "FAIL"] == []
    assert [row["detail"] for row in Report(site.auth).troubles()] == panel.auth_warnings
    strays = json.loads(site.lmtpd.run("--maildirs", "--json").stdout)
    assert strays["maildirs_without_row"] == []


@pytest.mark.parametrize("file, account", [("lmtpd.conf", "lmtpd"), ("auth.conf", "lmtpd-auth")])
def test_grants(panel, file, account):
    """No column is granted that no query names."""
    queries = (PRESETS / panel.name / file).read_text()
    text = (PRESETS / panel.name / "grants.sql").read_text()
    granted = re.findall(rf"GRANT SELECT \(([^)]*)\)\s+ON \w+\.\w+\s+TO '{account}'@", text)
    assert granted
    for column in ", ".join(granted).replace("\n", " ").split(","):
        assert re.search(rf"\b{column.strip()}\b", queries), column
