"""Debian's packages of programs that only some tests need."""

import re
import subprocess

import pytest

from harness.process import run, run_checked


def fetch_packages(directory, *packages):
    """Debian's packages, unpacked and not installed: that would start services, or push Postfix
    off the machine. Skips the test where there is no archive of packages to fetch them from."""
    directory.mkdir()
    try:
        fetched = run("apt-get", "download", *packages, cwd=directory, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"CANNOT FETCH {packages}: {error}")
    if fetched.returncode != 0:
        pytest.skip(f"CANNOT FETCH {packages}: {fetched.stderr}")
    for archive in directory.glob("*.deb"):
        run_checked("dpkg-deb", "-x", archive, directory)
        archive.unlink()


def missing_libraries(package):
    """Packages of libraries that a package needs and this machine lacks, and what those need."""
    missing, rest = [], [package]
    while rest:
        facts = run("apt-cache", "show", "--no-all-versions", rest.pop()).stdout
        depends = re.search(r"^Depends: (.*)$", facts, re.MULTILINE)
        names = [word.split()[0] for word in depends[1].split(", ")] if depends else []
        new = [name for name in names
               if name.startswith("lib") and name not in missing and not is_installed(name)]
        missing += new
        rest += new
    return missing


def is_installed(name):
    return run("dpkg-query", "-W", "-f=${db:Status-Status}", name).stdout == "installed"
