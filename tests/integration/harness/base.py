"""A directory for everything that a run writes."""

import tempfile
from pathlib import Path

from harness.process import IS_ROOT

TREE = Path(__file__).resolve().parents[3]


def is_open_to_all(directory):
    """May Postfix and the owner of the mail, who are not us, walk down to it?"""
    return all(path.stat().st_mode & 0o001 for path in [directory, *directory.parents])


def make_base(prefix="test-"):
    # The path of a socket has 107 bytes at most, and the longest is Postfix's below the base.
    build = TREE / "build"
    build.mkdir(exist_ok=True)
    is_fit = len(str(build)) < 50 and (not IS_ROOT or is_open_to_all(build))
    base = Path(tempfile.mkdtemp(prefix=prefix, dir=build if is_fit else "/var/tmp"))
    base.chmod(0o755)
    return base
