"""The programs themselves: what the compiler and the linker put in against mistakes in memory."""

import os

import pytest

from harness.base import TREE
from harness.process import run

# The sanitizers take the place of most of it.
pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("variable, built", [
    ("LMTPD", "build/release/lmtpd/lmtpd"), ("LMTPD_AUTH", "build/release/auth/lmtpd-auth"),
])
def test_a_program_is_hardened(variable, built):
    done = run(TREE / "tests/hardening.sh", os.environ.get(variable, TREE / built))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
