"""All figures of a run, and what is made of them: medians, spread, ratios."""

import statistics
from typing import NamedTuple

from memory import FLIGHT_TITLE, IDLE, idle_title
from workloads import BY_NAME, MB


class Results:
    def __init__(self):
        self.turns = {}    # (workload, server): Figures, one a round
        self.memory = []
        self.relay = {}    # server: messages a second, one a round
        self.logins = ""   # as text: they have no part in docs/bench

    def add_turn(self, workload, server, figures):
        self.turns.setdefault((workload, server), []).append(figures)

    def values(self, workload, server, field):
        return [value for figures in self.turns.get((workload, server), ())
                if (value := getattr(figures, field)) is not None]

    def median(self, workload, server, field="messages"):
        values = self.values(workload, server, field)
        return statistics.median(values) if values else None

    def ratio(self, workload, server, field="messages", of="lmtpd"):
        """One server's median to another's; None where one was not measured."""
        ours, theirs = self.median(workload, of, field), self.median(workload, server, field)
        return ours / theirs if ours and theirs else None

    def limit(self, workload, server):
        """What this machine lets a server reach that does no more than it must: the sink with one commit
        and the question to the database, if it was measured."""
        for of in ("asking", "once", "sink"):
            if of != server and (ratio := self.ratio(workload, server, of=of)) is not None:
                return ratio
        return None

    @property
    def is_beside(self):
        return any(server == "beside" for _, server in self.turns)

    def generator(self):
        """The most that the load generator took of one processor."""
        return max(figures.generator for turns in self.turns.values() for figures in turns
                   if figures.generator is not None)

    def measured(self):
        """The workloads that have figures, in their order."""
        return [workload for name, workload in BY_NAME.items() if (name, "lmtpd") in self.turns]

    def held_memory(self, title):
        """lmtpd's resident memory, if it held all that was wanted."""
        for memory in self.memory:
            if memory.server == "lmtpd" and memory.title == title and memory.held == memory.wanted:
                return memory.rss
        return None


class Goal(NamedTuple):
    what: str
    wanted: str
    measured: str
    limit: str     # what the simplest server reached in the same run, "" where it says nothing
    is_met: bool


# workload, server, lmtpd's messages a second to its
SPEED = (
    ("one", "dovecot", 4), ("one", "sink", 1.25), ("one", "once", 0.9),
    ("eight", "dovecot", 6), ("eight", "sink", 1.0), ("eight", "once", 0.8),
    ("twenty", "dovecot", 8), ("twenty", "sink", 0.9), ("twenty", "once", 0.75),
    ("sixtyfour", "dovecot", 10), ("sixtyfour", "sink", 0.9), ("sixtyfour", "once", 0.75),
    ("mailbox", "dovecot", 7), ("mailbox", "sink", 0.9), ("mailbox", "once", 0.75),
    ("fifty", "dovecot", 30), ("fifty", "sink", 10),
    ("large", "dovecot", 4), ("large", "disk", 0.9),
    ("first", "dovecot", 6),
)
# Of what goes through Postfix.
RELAY = (("dovecot", 2), ("virtual", 1.0))
NAMES = {"lmtpd": "lmtpd", "dovecot": "Dovecot LMTP", "sink": "sink", "once": "one-commit sink",
         "limited": "lmtpd with a quota", "scripts": "lmtpd with scripts",
         "pigeonhole": "Dovecot LMTP with Pigeonhole", "asking": "asking sink", "disk": "the disk alone", "virtual": "Postfix virtual(8)"}
MEMORY = ((idle_title(IDLE[-1]), 64 * MB), (FLIGHT_TITLE, 48 * MB))
PROCESSOR = ("twenty", 0.25)
QUOTA = (("quota", 0.95), ("marks", 0.95))


def as_times(value):
    return f"{value:.1f} times"


def as_share(value):
    return f"{100 * value:.0f} %"


def goals(results):
    """What was measured of the goals."""
    found = []
    for workload, server, wanted in SPEED:
        if (ratio := results.ratio(workload, server)) is not None:
            show = as_times if wanted > 2 else as_share
            found.append(Goal(f"{BY_NAME[workload].title}: speed, to {NAMES[server]}",
                              f"at least {show(wanted)}", show(ratio),
                              show(limit) if (limit := results.limit(workload, server)) else "",
                              ratio >= wanted))
    for server, wanted in RELAY if results.relay else ():
        ours, theirs = (statistics.median(results.relay[name]) for name in ("lmtpd", server))
        found.append(Goal(f"through Postfix: speed, to {NAMES[server]}",
                          f"at least {as_share(wanted)}", as_share(ours / theirs), "",
                          ours / theirs >= wanted))
    for title, wanted in MEMORY:
        if (rss := results.held_memory(title)) is not None:
            found.append(Goal(f"{title}: memory", f"below {wanted // MB} MB",
                              f"{rss / MB:.1f} MB", "", rss < wanted))
    for workload, wanted in QUOTA:
        if (ratio := results.ratio(workload, "lmtpd", of="limited")) is not None:
            found.append(Goal(f"{BY_NAME[workload].title}: speed, to that without",
                              f"at least {as_share(wanted)}", as_share(ratio), "", ratio >= wanted))
    workload, wanted = PROCESSOR
    if (ratio := results.ratio(workload, "dovecot", "processor")) is not None:
        found.append(Goal(
            f"{BY_NAME[workload].title}: processor time of a message, to {NAMES['dovecot']}",
            f"at most {as_share(wanted)}", as_share(ratio), "", ratio <= wanted))
    return found
