"""What the figures were measured on."""

import datetime
import os
import platform
import re
from pathlib import Path

from harness.base import TREE
from harness.process import run

PACKAGES = {"Dovecot": "dovecot-lmtpd", "Postfix": "postfix", "MariaDB": "mariadb-server-core"}


def first_match(pattern, text, default="unknown"):
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else default


def version(package):
    return run("dpkg-query", "-W", "-f=${Version}", package).stdout or "unknown"


def processor():
    model = first_match(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text())
    hypervisor = first_match(r"^Hypervisor vendor:(.*)$", run("lscpu").stdout, "")
    where = f", a virtual machine ({hypervisor})" if hypervisor else ""
    return f"{model}, {os.cpu_count()} cores{where}"


def revision():
    """The commit; a tree with changes says so."""
    found = run("git", "-c", f"safe.directory={TREE}", "-C", TREE, "describe", "--always",
                "--dirty").stdout.strip()
    return f" ({found})" if found else ""


def describe(lmtpd, base):
    """Pairs of words for a list."""
    memory = first_match(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    below = run("findmnt", "-n", "-o", "FSTYPE", "-T", base).stdout.strip()
    return [
        ("Date", datetime.date.today().isoformat()),
        ("Processor", processor()),
        ("Memory", f"{int(memory) / (1 << 20):.0f} GiB"),
        ("Kernel", platform.release()),
        ("Disk", f"ext4 with a journal, default options, on a loop device with direct I/O; its "
                 f"image lies on {below}"),
        ("lmtpd", run(lmtpd, "--version").stdout.split()[-1] + revision()),
        *[(name, version(package)) for name, package in PACKAGES.items()],
    ]
