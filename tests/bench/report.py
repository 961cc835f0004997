"""The figures as Markdown."""

import statistics

from relay import SERVERS as RELAYS
from results import NAMES, goals
from workloads import BESIDE, MB, WITH_LIMITS, WITH_QUOTA, WITH_SCRIPTS

PLOTS = (
    ("sessions", "Messages a second by sessions"),
    ("latency", "Time from the end of a message to its reply, by sessions"),
    ("ratios", "Messages a second, as a multiple of Dovecot's"),
    ("processor", "Processor time of 1,000 messages"),
    ("growth", "lmtpd, by what should not matter"),
)
HOW = """\
Every server delivers into Maildirs on the same disk, lies in wait on a Unix socket and finds its
users in the same MariaDB over TCP on the loopback (100,000 rows). **lmtpd** has its default
configuration, **Dovecot LMTP** the one of the classic guide. **sink** is a limit: the simplest LMTP
server that keeps its word, a thread for each connection, no look-up, and for each recipient a file
that is written, synced, named, and whose directory is synced before the 250: two commits of the
journal. The **one-commit sink** waits until the bytes are written, names the file and syncs it, as
lmtpd does. The **asking sink** is the same with one prepared statement for each recipient, over a
connection that each session has for itself: the least that a server can do that checks its
recipients. **The disk alone** does the steps of the one-commit sink without any protocol (for 10 MB:
writing and fsync only). The load generator keeps all sessions busy
and pipelines as Postfix does; an unexpected reply, or a message that was acknowledged and is not in
`new/`, fails the run.

Messages have 4 KiB and one recipient, connections are kept, and the messages spread over 1,000
mailboxes that have had mail before, unless the row says otherwise. In each round the servers take
turns, and the order changes. For each turn all daemons but MariaDB are started anew and warmed with
half a second of the same load; the kernel's caches are left alone. With 100,000 mailboxes, though,
each message goes to a directory that has not been read yet. Figures are medians{rounds}; the
lowest and the highest stand behind them."""


GOALS = """\
Beside what lmtpd reached stands what the simplest server reached in the same run: the asking sink
where it was measured, else a sink that asks nobody. Where it falls short of a goal too, the limit is what the disk,
the kernel and the database cost on this machine.

"""


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def with_spread(values):
    if not values:
        return ""
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))}–{number(max(values))})"


def times(ratio):
    return f"{ratio:.1f}" if ratio is not None else ""


def goals_table(results):
    return table(
        ("goal", "wanted", "measured", "the simplest server", ""),
        [(goal.what, goal.wanted, goal.measured, goal.limit, "met" if goal.is_met else "**missed**")
         for goal in goals(results)])


def speed_table(results):
    rows = [
        (workload.title,
         *[with_spread(results.values(workload.name, name, "messages")) for name in WITH_LIMITS],
         times(results.ratio(workload.name, "dovecot")))
        for workload in results.measured() if workload.servers not in (WITH_QUOTA, WITH_SCRIPTS)]
    return table(("messages a second", *[NAMES[name] for name in WITH_LIMITS],
                  "lmtpd : Dovecot"), rows)


def latency_table(results):
    def cell(workload, name):
        values = [results.median(workload, name, field) for field in ("p50", "p95", "p99", "max")]
        return " / ".join(f"{value:.1f}" for value in values) if None not in values else ""

    servers = ("lmtpd", "sink", "dovecot")
    rows = [(workload.title, *[cell(workload.name, name) for name in servers])
            for workload in results.measured()]
    return table(("ms to the last reply: p50 / p95 / p99 / max",
                  *[NAMES[name] for name in servers]), rows)


def processor_table(results):
    servers = ("lmtpd", "sink", "dovecot")
    rows = []
    for workload in results.measured():
        medians = [results.median(workload.name, name, "processor") for name in servers]
        ratio = results.ratio(workload.name, "dovecot", "processor")
        rows.append((workload.title,
                     *[f"{value:.3f}" if value is not None else "" for value in medians],
                     f"{100 * ratio:.0f} %" if ratio is not None else ""))
    return table(("seconds for 1,000 messages", *[NAMES[name] for name in servers],
                  "lmtpd : Dovecot"), rows)


def memory_table(results):
    rows = [(NAMES[memory.server], memory.title,
             f"{memory.held:,}" if memory.held else "",
             f"{memory.rss / MB:.1f}", f"{memory.pss / MB:.1f}") for memory in results.memory]
    return table(("", "", "connections held", "resident, MB", "proportional, MB"), rows)


def relay_table(results):
    return table(("messages a second through Postfix", *[NAMES[name] for name in RELAYS]),
                 [("4 KiB, 1,000 mailboxes",
                   *[with_spread(results.relay[name]) for name in RELAYS])])


def quota_table(results):
    rows = [
        (workload.title,
         *[with_spread(results.values(workload.name, name, "messages")) for name in WITH_QUOTA],
         f"{100 * results.ratio(workload.name, 'lmtpd', of='limited'):.1f} %")
        for workload in results.measured() if workload.servers == WITH_QUOTA]
    return table(("messages a second", "without", "with a quota", ""), rows) if rows else ""


def scripts_table(results):
    rows = [
        (workload.title,
         *[with_spread(results.values(workload.name, name, "messages")) for name in WITH_SCRIPTS],
         f"{100 * results.ratio(workload.name, 'lmtpd', of='scripts'):.1f} %",
         times(results.ratio(workload.name, "pigeonhole", of="scripts")))
        for workload in results.measured() if workload.servers == WITH_SCRIPTS]
    return table(("messages a second", "lmtpd, no script", "lmtpd", NAMES["pigeonhole"],
                  "to none", "to Pigeonhole"), rows) if rows else ""


def beside_table(results):
    rows = [
        (workload.title,
         *[with_spread(results.values(workload.name, name, "messages")) for name in BESIDE],
         f"{100 * results.ratio(workload.name, 'beside'):.1f} %",
         f"{100 * results.ratio(workload.name, 'beside', 'processor'):.1f} %")
        for workload in results.measured()]
    return table(("messages a second", "lmtpd", "the one beside it", "lmtpd : it",
                  "processor time"), rows)


def sections(results):
    """Headings and what stands below them, as far as it was measured."""
    if results.is_beside:
        yield "Two builds", beside_table(results)
    elif results.turns:
        yield "Goals", GOALS + goals_table(results)
        yield "Throughput", speed_table(results)
        yield "Latency", latency_table(results)
        yield "Processor time", (
            "Of all processes of the server and of MariaDB, without the kernel's own threads and "
            "the load generator, which never took more than "
            f"{100 * results.generator():.0f} % of one processor.\n\n"
            + processor_table(results))
    if not results.is_beside and (quotas := quota_table(results)):
        yield "Quota", (
            "A mailbox with 100,000 messages in new/ and 50,000 in cur/, far below its limit.\n\n" +
            quotas)
    if not results.is_beside and (scripts := scripts_table(results)):
        yield "Scripts", (
            "Ten rules as a webmail writes them; none is for the message, which is kept.\n\n" + scripts)
    if results.memory:
        yield "Memory", (
            "Of all processes of the server together. Resident memory counts what processes share "
            "once for each; proportional memory counts it once.\n\n" + memory_table(results))
    if results.relay:
        yield "Through Postfix", (
            "From a full queue into the Maildirs, with Postfix's defaults. virtual(8) looks its "
            "mailboxes up as well; it syncs the file but not the directory, so a power cut may "
            "take a message that it has delivered.\n\n" + relay_table(results))


def page(results, rounds, facts):
    """docs/bench/results.md"""
    how = HOW.format(rounds=f" of {rounds} rounds" if rounds > 1 else "")
    text = ["# Speed of mail delivery", "Made by `./dev bench`; not to be edited by hand.",
            "\n".join(f"- {name}: {value}" for name, value in facts),
            "\n".join(f"![{title}]({name}.svg)" for name, title in PLOTS)]
    text += [f"## {title}\n\n{body}" for title, body in sections(results)]
    return "\n\n".join([*text, "## How", how]) + "\n"


README_ROWS = ("one", "twenty", "sixtyfour", "mailbox", "first", "fifty", "large")


def summary(results, facts):
    """The part of README.md."""
    known = dict(facts)
    rows = [
        (workload.title, number(results.median(workload.name, "lmtpd")),
         number(results.median(workload.name, "dovecot")),
         times(results.ratio(workload.name, "dovecot")))
        for workload in results.measured() if workload.name in README_ROWS]
    return "\n\n".join([
        table(("messages a second", "lmtpd", "Dovecot LMTP", "lmtpd : Dovecot"), rows),
        "\n".join(f"![{title}](docs/bench/{name}.svg)" for name, title in PLOTS[:2]),
        f"{known['Date']}, {known['Processor']}, {known['Disk'].split(',')[0]}; Dovecot "
        f"{known['Dovecot'].split('+')[0].split(':')[-1]}."])
