"""Fixtures of lmtpd-auth: a pytest plugin, for test modules that say so.

The environment variable LMTPD_AUTH names the binary to test; it lies beside lmtpd otherwise.
"""

import os
import shutil
from pathlib import Path

import pytest

from harness.auth import LmtpdAuth
from harness.sasl_postfix import SaslPostfix

TREE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def auth_binary(base):
    """A copy of lmtpd-auth that its user may execute, wherever the tree lies."""
    lmtpd = Path(os.environ.get("LMTPD", TREE / "build/release/lmtpd/lmtpd"))
    built = os.environ.get("LMTPD_AUTH", lmtpd.parents[1] / "auth/lmtpd-auth")
    return Path(shutil.copy(built, base / "lmtpd-auth"))


@pytest.fixture
def make_auth(auth_binary, directory, database):
    """Makes lmtpd-auths that are not started yet; at the end each must end well and be sane."""
    made = []

    def make(**overrides):
        home = directory / f"auth{len(made) + 1}"
        home.mkdir()
        made.append(LmtpdAuth(auth_binary, home, database, **overrides))
        return made[-1]

    yield make
    for daemon in made:
        was_running = daemon.is_running()
        code = daemon.stop()
        daemon.assert_sane()
        assert not was_running or code == 0, daemon.output()


@pytest.fixture
def auth(make_auth):
    """Makes and starts lmtpd-auths: auth(auth={"failure_delay": 2})."""
    return lambda **overrides: make_auth(**overrides).start()


@pytest.fixture(scope="session")
def sasl_postfix_server(base, mariadb):
    server = SaslPostfix(base / "sasl", mariadb)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def auth_machine(sasl_postfix_server, make_auth):
    """Postfix, and lmtpd-auth on the socket that the guide gives to Dovecot, started as root."""
    postfix = sasl_postfix_server
    daemon = make_auth(
        starts_as_root=True,
        auth={
            "listen": [f"unix:{postfix.auth_socket}"], "socket_mode": 0o660,
            "socket_user": "postfix", "socket_group": "postfix",
        },
    )
    daemon.socket = postfix.auth_socket
    daemon.start()
    postfix.reset()
    return postfix, daemon
