"""What is measured: a name for --only, and how the load looks."""

from typing import NamedTuple

# Mailboxes u0 to u999 exist and take most of the load.
EXISTING = range(1000)
# These exist too; each turn with one mailbox takes one that nobody has used.
SINGLE = range(1000, 1100)
# These have a row and no mailbox yet.
MISSING = range(10_000, 100_000)

KIB = 1024
MB = 1_000_000


class Workload(NamedTuple):
    name: str
    title: str
    sessions: int
    recipients: int = 1
    size: int = 4 * KIB
    mailboxes: str = "existing"  # or single, missing
    reconnects: bool = False
    servers: tuple = ("lmtpd", "sink", "dovecot")


WORKLOADS = [
    Workload("one", "1 session", 1),
    Workload("eight", "8 sessions", 8),
    Workload("twenty", "20 sessions", 20),
    Workload("sixtyfour", "64 sessions", 64),
    Workload("mailbox", "20 sessions, one mailbox", 20, mailboxes="single"),
    Workload("fifty", "4 sessions, 50 recipients", 4, recipients=50),
]
