"""Measures mail delivery and logins; see ./dev bench and CONTRIBUTING.md."""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/integration"))

import logins  # noqa: E402
import machine  # noqa: E402
import memory  # noqa: E402
import plots  # noqa: E402
import relay  # noqa: E402
import report  # noqa: E402
import scripts  # noqa: E402
from filesystem import Filesystem, fill  # noqa: E402
from harness.base import make_base  # noqa: E402
from harness.disk import unshare_mounts  # noqa: E402
from harness.mariadb import MariaDB  # noqa: E402
from results import Results  # noqa: E402
from rows import add_rows  # noqa: E402
from servers import Place  # noqa: E402
from turns import Turns  # noqa: E402
from workloads import (  # noqa: E402
    BESIDE, BY_NAME, EXISTING, FULL, FULL_FILES, READ_FILES, SERVERS, SINGLE, SPECIAL, USERS,
    WITH_LIMITS,
)

BUILT = TREE / "build/release"
PROGRAMS = TREE / "build/bench/tests/bench"
DOCS = TREE / "docs/bench"
MARKS = ("<!-- ./dev bench: begin -->\n", "<!-- ./dev bench: end -->")


def parse_arguments():
    names = [*BY_NAME, "memory", "relay", "logins"]
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true",
                        help="one short round of the main workloads; writes nothing")
    parser.add_argument("--only", metavar="NAMES", help=f"of {','.join(names)}; writes nothing")
    parser.add_argument("--beside", metavar="PROGRAM", type=Path,
                        help="another lmtpd: it and the one that was built, alone; writes nothing")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    arguments = parser.parse_args()
    if arguments.only:
        chosen = arguments.only.split(",")
    else:
        chosen = [name for name in names if not arguments.quick or name not in BY_NAME
                  or BY_NAME[name].is_quick]
    if unknown := set(chosen) - set(names):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    if arguments.beside:
        chosen = [name for name in chosen if name in BY_NAME]
    arguments.is_partial = bool(arguments.quick or arguments.only or arguments.beside)
    arguments.chosen = chosen
    arguments.workloads = [BY_NAME[name] for name in chosen if name in BY_NAME]
    if arguments.quick:
        arguments.workloads = [workload.quickly() for workload in arguments.workloads]
    arguments.servers = SERVERS
    if arguments.beside:
        arguments.servers = BESIDE
        arguments.workloads = [
            workload._replace(servers=BESIDE) for workload in arguments.workloads]
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.seconds = 1 if arguments.quick else 2
    return arguments


def specials(arguments):
    """The servers that the chosen workloads need besides the usual ones."""
    return {name for workload in arguments.workloads for name in workload.servers
            if name in SPECIAL}


def trees(arguments):
    """The mailboxes that the chosen workloads need, by directory."""
    found = {}
    if arguments.workloads:
        names = BESIDE if arguments.beside else (*WITH_LIMITS, *specials(arguments))
        found.update({name: [*EXISTING, *SINGLE, *FULL] for name in names})
    for workload in arguments.workloads:
        if workload.mailboxes == "crowd":
            found.update({f"crowd-{name}": USERS for name in workload.servers})
    if "memory" in arguments.chosen:
        found.update({memory.tree_of(name): memory.MAILBOXES for name in memory.SERVERS})
    if "relay" in arguments.chosen:
        found.update({relay.tree_of(name): relay.MAILBOXES for name in relay.SERVERS})
    if "logins" in arguments.chosen:
        found[logins.TREE] = logins.MAILBOXES
    return found


def print_figures(workload, name, figures):
    rest = "" if figures.p50 is None else (
        f"  p50 {figures.p50:7.2f}  p95 {figures.p95:7.2f}  p99 {figures.p99:7.2f} ms"
        f"  processor {figures.processor:.3f} s/1000")
    print(f"  {workload.name:10} {name:8} {figures.messages:9.1f} messages/s{rest}", flush=True)


def run_rounds(arguments, place, results):
    turns = Turns(place, arguments.seconds)
    full = {name for workload in arguments.workloads if workload.mailboxes == "full"
            for name in workload.servers}
    for name in full:
        fill(place.root(name), FULL[0], FULL_FILES)
        fill(place.root(name), FULL[0], READ_FILES, "cur")
    for name in specials(arguments) - {"limited"}:
        scripts.give(place.root(name), EXISTING)
    for name in (*arguments.servers, *((full | specials(arguments)) - {*arguments.servers})):
        if arguments.workloads:
            turns.accustom(BY_NAME["twenty"], name)
    for number in range(arguments.rounds):
        for workload in arguments.workloads:
            at = number % len(workload.servers)
            for name in workload.servers[at:] + workload.servers[:at]:
                figures = turns.run(workload, name)
                results.add_turn(workload.name, name, figures)
                print_figures(workload, name, figures)


def measure(arguments, base, filesystem, database):
    results = Results()
    (base / "db").mkdir()
    database.install()
    add_rows(database)
    filesystem.make(trees(arguments), (1 if arguments.quick else 4) << 30)
    place = Place(base, filesystem, database, BUILT, PROGRAMS, arguments.beside)
    run_rounds(arguments, place, results)
    if "memory" in arguments.chosen:
        print("  memory", flush=True)
        results.memory = memory.measure(place, arguments.quick)
    if "relay" in arguments.chosen:
        print("  through Postfix", flush=True)
        results.relay = relay.measure(place, arguments.rounds, 500 if arguments.quick else 2000)
    if "logins" in arguments.chosen:
        print("  logins", flush=True)
        results.logins = logins.measure(place, arguments.quick)
    return results


def write(results, rounds, facts):
    """docs/bench and the part of README.md, owned by whom the tree belongs to."""
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / "results.md").write_text(report.page(results, rounds, facts))
    plots.draw(results, DOCS)
    readme = TREE / "README.md"
    head, _, rest = readme.read_text().partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    if tail:
        summary = report.summary(results, facts)
        readme.write_text(f"{head}{MARKS[0]}\n{summary}\n\n{MARKS[1]}{tail}")
    owner = TREE.stat()
    for path in (DOCS.parent, DOCS, *DOCS.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)


def main():
    arguments = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("bench: this needs root, to mount the disk that it measures")
    unshare_mounts()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    base = make_base("bench-")
    filesystem = Filesystem(base)
    database = MariaDB(base / "db", buffer_pool="128M")
    try:
        results = measure(arguments, base, filesystem, database)
        facts = machine.describe(BUILT / "lmtpd/lmtpd", base)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        database.stop()
        if os.path.ismount(filesystem.path):
            filesystem.unmount()
        shutil.rmtree(base)
    for title, body in report.sections(results):
        print(f"\n{title}\n\n{body}")
    if results.logins:
        print(f"\n{results.logins}")
    if not arguments.is_partial:
        write(results, arguments.rounds, facts)
        print("\nwritten: docs/bench, README.md")


if __name__ == "__main__":
    main()
