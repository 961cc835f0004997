"""What is measured: a name for --only, and how the load looks."""

from typing import NamedTuple

KIB = 1024
MB = 1_000_000

# Users with a row in the database: u0 to u99999.
USERS = range(100_000)
# Of these mailboxes each has had mail before; they take most of the load.
EXISTING = range(1000)
# These exist too; each turn with one mailbox takes one that no turn has used.
SINGLE = range(1000, 1050)
# One that has FULL_FILES messages in new/.
FULL = range(1050, 1051)
FULL_FILES = 100_000
READ_FILES = 50_000  # and in cur/, where a client changes flags
MAILBOXES = {
    "existing": EXISTING,
    "single": SINGLE,
    "full": FULL,
    "missing": range(10_000, 100_000),  # these have a row and no mailbox yet
    "crowd": range(1000, 100_000),      # in a directory of its own, where all exist
}
# Each message takes another mailbox, in all turns together.
USED_ONCE = ("missing", "crowd")

SERVERS = ("lmtpd", "sink", "dovecot")
# Two builds of lmtpd.
BESIDE = ("lmtpd", "beside")
# "limited": lmtpd, and every mailbox has a quota.
WITH_QUOTA = ("lmtpd", "limited")
# "scripts": lmtpd, and every user has a script of ten rules; "pigeonhole": Dovecot, as well.
WITH_SCRIPTS = ("lmtpd", "scripts", "pigeonhole")
# Those that only some workloads have.
SPECIAL = ("limited", "scripts", "pigeonhole")
WITH_DISK = (*SERVERS, "disk")
# "once": the sink with one commit of the journal; "asking": and one question to the database for each
# recipient.
WITH_LIMITS = (*SERVERS, "once", "asking", "disk")


class Workload(NamedTuple):
    name: str
    title: str
    sessions: int = 20
    recipients: int = 1
    size: int = 4 * KIB
    mailboxes: str = "existing"
    database: str = "mailserver"
    reconnects: bool = False
    idle: int = 0                # connections that are open beside the sessions
    marks: bool = False          # a client changes flags of messages meanwhile
    servers: tuple = SERVERS
    is_quick: bool = False       # part of --quick

    def quickly(self):
        """Without the disk, unless a goal needs it."""
        return self if self.size >= MB else self._replace(
            servers=tuple(name for name in self.servers if name != "disk"))


WORKLOADS = [
    Workload("one", "1 session", 1, servers=WITH_LIMITS, is_quick=True),
    Workload("eight", "8 sessions", 8, servers=WITH_LIMITS),
    Workload("twenty", "20 sessions", servers=WITH_LIMITS, is_quick=True),
    Workload("sixtyfour", "64 sessions", 64, servers=WITH_LIMITS, is_quick=True),
    Workload("mailbox", "20 sessions, one mailbox", mailboxes="single", servers=WITH_LIMITS,
             is_quick=True),
    Workload("first", "20 sessions, first delivery", mailboxes="missing",
             servers=("lmtpd", "dovecot"), is_quick=True),
    Workload("reconnect", "20 sessions, a connection for each message", reconnects=True),
    Workload("ten", "4 sessions, 10 recipients", 4, recipients=10),
    Workload("fifty", "4 sessions, 50 recipients", 4, recipients=50, is_quick=True),
    Workload("small", "20 sessions, 1 KiB", size=KIB, servers=WITH_DISK),
    Workload("medium", "20 sessions, 64 KiB", size=64 * KIB, servers=WITH_DISK),
    Workload("large", "4 sessions, 10 MB", 4, size=10 * MB, servers=WITH_DISK, is_quick=True),
    Workload("crowd", "20 sessions, 100,000 mailboxes, each message to another", mailboxes="crowd",
             servers=("lmtpd", "dovecot")),
    Workload("full", "20 sessions, one mailbox with 100,000 files in new/", mailboxes="full"),
    Workload("quota", "20 sessions, that mailbox, with a quota", mailboxes="full", servers=WITH_QUOTA),
    Workload("marks", "20 sessions, that mailbox, while a client changes flags", mailboxes="full",
             marks=True, servers=WITH_QUOTA),
    Workload("sieve", "20 sessions, every user has a script of 10 rules", servers=WITH_SCRIPTS),
    Workload("few", "20 sessions, 1,000 rows in the database", database="few",
             servers=("lmtpd", "dovecot")),
    Workload("idle", "20 sessions, beside 10,000 idle connections", idle=10_000, servers=("lmtpd",)),
]
# What must not matter: workloads that differ in one thing.
GROWTH = (
    ("mailbox", "1 mailbox"), ("twenty", "1,000 mailboxes"), ("crowd", "100,000 mailboxes"),
    ("few", "1,000 rows"), ("twenty", "100,000 rows"),
    ("mailbox", "few files in new/"), ("full", "100,000 files in new/"),
    ("twenty", "20 connections"), ("idle", "10,020 connections"),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
