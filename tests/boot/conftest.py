"""Containers with lmtpd's package.

PACKAGE names the .deb; IMAGE is a directory that the script image has made.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/integration"))

from container import Container  # noqa: E402, the path comes first


@pytest.fixture(scope="session")
def package():
    return Path(os.environ["PACKAGE"])


@pytest.fixture(scope="module")
def make_container():
    """make_container(host): one that has booted, for all tests of a file, which build on one another in
    their order."""
    directory = Path(tempfile.mkdtemp(prefix="boot-", dir=TREE / "build"))
    machines = []

    def make(host):
        machine = Container(os.environ["IMAGE"], directory / host, host)
        machines.append(machine)
        machine.start()
        return machine

    try:
        yield make
        for machine in machines:
            machine.stop()
    finally:
        for machine in machines:
            machine.kill()
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def container(make_container):
    return make_container("mail")
