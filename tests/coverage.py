"""What the tests have reached, room by room, from gcovr's JSON on standard input.

Branches are those of gcc without optimization: each is a condition in the source. An assertion's
failing side is none that a test can take, so gcovr leaves the line's branches out. What no test can
reach stands in tests/coverage.md; the exit code is 1 when anything else of the rooms that are named
is not reached.
"""

import json
import re
import sys
from collections import defaultdict

# A file counts for the first room whose path begins its own.
ROOMS = ["base/", "mail/", "protocol/", "maildir/", "schema/", "runtime/", "status/", "doctor/", "adopt/",
         "lmtpd/", "auth/"]
# Each uncovered line and branch of these is named.
NAMED = ["mail/", "maildir/", "protocol/"]
EXPLAINED = "tests/coverage.md"
ROW = re.compile(r"^\| `([^`]*)` \| `([^`]*)` \|", re.MULTILINE)


def room_of(path):
    return next((room for room in ROOMS if path.startswith(room)), None)


def counted(lines):
    """Lines and branches of a file: [all lines, reached ones, all branches, taken ones]."""
    branches = [branch for line in lines for branch in line["branches"]]
    return [
        len(lines), sum(line["count"] > 0 for line in lines),
        len(branches), sum(branch["count"] > 0 for branch in branches),
    ]


def what_is_missing(line):
    if line["count"] == 0:
        return "never reached"
    missing = [str(n) for n, branch in enumerate(line["branches"], 1) if branch["count"] == 0]
    return f"branch {', '.join(missing)} of {len(line['branches'])} never taken"


def is_whole(line):
    return line["count"] > 0 and all(branch["count"] > 0 for branch in line["branches"])


def missing(path, lines):
    """[(number, source, what)] of the lines that are not wholly covered."""
    with open(path) as file:
        source = file.read().splitlines()
    return [(line["line_number"], source[line["line_number"] - 1].strip(), what_is_missing(line))
            for line in lines if not is_whole(line)]


def name_missing(files):
    """Prints each, and returns how many are not explained."""
    with open(EXPLAINED) as file:
        explained = set(ROW.findall(file.read().replace("\\|", "|")))
    n_unexplained = 0
    for path, lines in sorted(files):
        for number, source, what in missing(path, lines):
            is_explained = (path, source) in explained
            n_unexplained += not is_explained
            mark = " " if is_explained else "!"
            print(f"{mark} {path}:{number}: {what}: {source}")
    return n_unexplained


def share(of, taken):
    return f"{taken:5d} of {of:5d} {100 * taken / of:6.1f} %" if of else "-".rjust(22)


def main():
    rooms = defaultdict(lambda: [0, 0, 0, 0])
    named = []
    for file in json.load(sys.stdin)["files"]:
        path, room = file["file"], room_of(file["file"])
        lines = [line for line in file["lines"] if not line["gcovr/noncode"]]
        if room is None:
            continue
        rooms[room] = [a + b for a, b in zip(rooms[room], counted(lines))]
        if room in NAMED:
            named.append((path, lines))
    print(f"{'room':18}{'lines':>22}{'branches':>24}")
    for room in ROOMS:
        n_lines, reached, n_branches, taken = rooms[room]
        print(f"{room:18}{share(n_lines, reached)}  {share(n_branches, taken)}")
    print("\nNot covered in {}; {} says why, but for those with a !:".format(
        " and ".join(NAMED), EXPLAINED))
    n_unexplained = name_missing(named)
    print(f"{n_unexplained} without an explanation")
    return n_unexplained > 0


sys.exit(main())
