"""Containers of Debian's releases with lmtpd's package.

PACKAGE_12 and PACKAGE_13 name the .deb of each: the tests run for the releases that have one. IMAGES is
the directory where the script image has made 12 and 13.
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


IMAGES = Path(os.environ["IMAGES"])
PACKAGES = {release: Path(os.environ[f"PACKAGE_{release}"])
            for release in ("12", "13") if f"PACKAGE_{release}" in os.environ}


@pytest.fixture(scope="module", params=list(PACKAGES))
def release(request):
    return request.param


@pytest.fixture(scope="module")
def package(release):
    return PACKAGES[release]


@pytest.fixture(scope="module")
def make_container(release):
    """make_container(host): one that has booted, for all tests of a file with one release, which build on
    one another in their order."""
    directory = Path(tempfile.mkdtemp(prefix="boot-", dir=TREE / "build"))
    machines = []

    def make(host):
        machine = Container(IMAGES / release, directory / host, host)
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
