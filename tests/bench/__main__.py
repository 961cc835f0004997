"""Measures mail delivery; see ./dev bench."""

import argparse
import os
import shutil
import signal
import statistics
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/integration"))

from filesystem import Filesystem  # noqa: E402
from harness.base import make_base  # noqa: E402
from harness.mariadb import MariaDB  # noqa: E402
from servers import Place  # noqa: E402
from turns import Turns  # noqa: E402
from workloads import EXISTING, SINGLE, WORKLOADS  # noqa: E402

USERS = 100_000
# As long as a real one: what the database reads is what it would read.
HASH = "$6$qK6vOLrQgeLk2tSd$" + "x" * 86


def add_users(database):
    database.sql(
        "INSERT INTO virtual_users (domain_id, password, email) "
        f"SELECT 1, '{HASH}', CONCAT('u', seq, '@example.com') FROM seq_0_to_{USERS - 1}")


def parse_arguments():
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", metavar="NAMES", help=f"of {','.join(names)}")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else names
    if unknown := set(chosen) - set(names):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    arguments.workloads = [workload for workload in WORKLOADS if workload.name in chosen]
    return arguments


def measure(arguments, place):
    rounds, seconds = (1, 1) if arguments.quick else (3, 2)
    turns = Turns(place, seconds)
    found = {}
    for number in range(rounds):
        for workload in arguments.workloads:
            for name in workload.servers:
                figures = turns.run(workload, name)
                found.setdefault((workload.name, name), []).append(figures)
                print(f"{workload.name:10} {name:8} {figures.messages:9.1f}/s "
                      f"p50 {figures.p50:8.3f} p99 {figures.p99:8.3f} ms "
                      f"cpu {figures.processor:7.3f}", flush=True)
    for workload in arguments.workloads:
        medians = {name: statistics.median(f.messages for f in found[workload.name, name])
                   for name in workload.servers}
        print(f"{workload.title:28}", "".join(f"{name} {value:9.1f}  "
                                              for name, value in medians.items()),
              f"x dovecot {medians['lmtpd'] / medians['dovecot']:.2f}",
              f"of sink {medians['lmtpd'] / medians['sink']:.0%}")


def main():
    arguments = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("bench: this needs root, to mount the disk that it measures")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    base = make_base("bench-")
    filesystem = Filesystem(base)
    database = MariaDB(base / "db", buffer_pool="128M")
    try:
        (base / "db").mkdir()
        database.install()
        database.reset()
        add_users(database)
        locals_ = [f"u{number}" for number in (*EXISTING, *SINGLE)]
        filesystem.make({name: locals_ for name in ("lmtpd", "sink", "dovecot")})
        measure(arguments, Place(base, filesystem, database,
                                 TREE / "build/release/lmtpd/lmtpd",
                                 TREE / "build/bench/tests/bench"))
    finally:
        database.stop()
        if os.path.ismount(filesystem.path):
            filesystem.unmount()
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
