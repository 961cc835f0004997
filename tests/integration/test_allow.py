"""Who may connect over TCP: the key allow of both daemons, and what they say of sockets that everybody reaches."""

import socket

import pytest

from harness.auth import EMAIL1, HELLO, PASSWORD1, plain_response
from harness.check import Report
from harness.process import free_port, wait_until

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.quick

LATER = 4  # of connections that are refused within the time between two lines of the log


class Mail:
    section = "lmtp"
    greeting = b"220 "

    def __init__(self, make):
        self.make = make

    def is_served(self, stream):
        stream.sendall(b"LHLO client.example.net\r\n")
        return stream.recv(4096).startswith(b"250")


class Logins:
    section = "auth"
    greeting = b"VERSION\t"

    def __init__(self, make):
        self.make = make

    def is_served(self, stream):
        login = f"AUTH\t1\tPLAIN\tservice=smtp\tresp={plain_response(EMAIL1, PASSWORD1)}\n"
        stream.sendall((HELLO + login).encode())
        return stream.recv(4096).startswith(b"OK\t1\t")


@pytest.fixture(params=["lmtpd", "lmtpd-auth"])
def kind(request, make_lmtpd, make_auth):
    return Mail(make_lmtpd) if request.param == "lmtpd" else Logins(make_auth)


def listening(kind, host, **keys):
    """A daemon on a Unix socket and on TCP, and its port."""
    port = free_port()
    daemon = kind.make()
    text = f"[{host}]" if ":" in host else host
    daemon.configure(**{kind.section: {
        "listen": [f"unix:{daemon.socket}", f"inet:{text}:{port}"], **keys}})
    return daemon, port


def is_greeted(kind, port, source=None, host="127.0.0.1"):
    """Connects from an address of this machine: is it served, or is the connection over without a word?"""
    with socket.create_connection((host, port), 30, source and (source, 0)) as stream:
        try:
            said = stream.recv(4096)
        except ConnectionResetError:
            said = b""
        assert said == b"" or said.startswith(kind.greeting), said
        return said != b"" and kind.is_served(stream)


def test_only_those_who_are_named(kind):
    daemon, port = listening(kind, "0.0.0.0", allow=["127.0.0.2", "127.1.0.0/16"])
    daemon.start()
    assert is_greeted(kind, port, "127.0.0.2")
    assert is_greeted(kind, port, "127.1.2.3")
    assert daemon.log(event="refused") == []
    assert not is_greeted(kind, port, "127.0.0.1")
    assert not is_greeted(kind, port, "127.2.0.0")
    [line] = daemon.log(event="refused")
    assert line["level"] == "warning"
    assert line["reason"] == (
        f"127.0.0.1 may not connect: the key allow of {daemon.config_path} does not name it")
    assert daemon.is_answering(), "a path has its own owner and mode"
    said = daemon.run("--status", "--prometheus").stdout
    assert "connections_refused_total 2\n" in said
    assert "refused 2" in daemon.run("--status").stdout


def test_the_log_is_not_filled(kind):
    daemon, port = listening(kind, "127.0.0.1", allow=["192.0.2.1"])
    daemon.start()
    for _ in range(LATER):
        assert not is_greeted(kind, port)

    def is_told():
        is_greeted(kind, port)
        return len(daemon.log(event="refused")) > 1

    assert len(daemon.log(event="refused")) == 1 or is_told()
    wait_until(is_told, 60, "the next line")
    said = daemon.log(event="refused")[1]["reason"]
    assert int(said.split("; ")[1].split()[0]) >= LATER - 1, said


def test_ipv6(kind):
    """An address of IPv4 that comes through a socket of IPv6 is one of IPv4."""
    daemon, port = listening(kind, "::", allow=["::1"])
    daemon.start()
    assert is_greeted(kind, port, host="::1")
    assert not is_greeted(kind, port, host="127.0.0.1")
    daemon.configure(**{kind.section: {"allow": ["127.0.0.0/8"]}})
    daemon.reload()
    assert is_greeted(kind, port, host="127.0.0.1")
    assert not is_greeted(kind, port, host="::1")


def test_reload(kind):
    """A connection that stands is not ended: it was let in."""
    daemon, port = listening(kind, "127.0.0.1")
    daemon.start()
    with socket.create_connection(("127.0.0.1", port), 30) as stream:
        assert stream.recv(4096).startswith(kind.greeting)
        daemon.configure(**{kind.section: {"allow": ["192.0.2.0/24"]}})
        assert "level" not in daemon.reload()
        assert not is_greeted(kind, port)
        assert kind.is_served(stream)
    daemon.configure(**{kind.section: {"allow": []}})
    daemon.reload()
    assert is_greeted(kind, port)


def test_policy(make_lmtpd):
    """That of Postfix's policy protocol is no other."""
    port = free_port()
    daemon = make_lmtpd(lmtp={"policy": f"inet:127.0.0.1:{port}", "allow": ["127.0.0.2"]}).start()

    def answer(source):
        with socket.create_connection(("127.0.0.1", port), 30, (source, 0)) as stream:
            try:
                stream.sendall(f"request=smtpd_access_policy\nrecipient={EMAIL1}\n\n".encode())
                return stream.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    assert answer("127.0.0.2").startswith(b"action=")
    assert answer("127.0.0.1") == b""


def of_socket(daemon, port):
    """What --check says of it."""
    [row] = [row for row in Report(daemon).rows
             if row["what"] == "socket" and f":{port}" in row["detail"]]
    return row


@pytest.mark.parametrize("host, is_open", [
    ("127.0.0.1", False), ("127.9.9.9", False), ("::1", False), ("localhost", False),
    ("0.0.0.0", True), ("::", True),
])
def test_without_the_key(kind, host, is_open):
    """Nothing else has kept strangers from it so far, so it is served on, for this release."""
    daemon, port = listening(kind, host)
    daemon.start()
    lines = [line for line in daemon.log(event="start") if line.get("level") == "warning"]
    assert [f":{port}: whoever reaches it is served" in line["reason"] for line in lines] == (
        [True] if is_open else [])
    found = of_socket(daemon, port)
    assert found["status"] == ("FAIL" if is_open else "ok")
    if is_open:
        assert is_greeted(kind, port)
        assert f"set {kind.section}.allow = " in found["remedy"]
        daemon.configure(**{kind.section: {"allow": ["127.0.0.1"]}})
        found = of_socket(daemon, port)
        assert found["status"] == "ok" and "whom the key allow names" in found["detail"]


def test_check_of_the_policy_socket(make_lmtpd):
    port = free_port()
    daemon = make_lmtpd(lmtp={"policy": f"inet:0.0.0.0:{port}"})
    assert of_socket(daemon, port)["status"] == "FAIL"


@pytest.mark.parametrize("value, said", [
    ("192.0.2.1/24", "has bits behind its first 24"), ("mail.example.com", "neither an address"),
])
def test_wrong_values(kind, value, said):
    daemon = kind.make(**{kind.section: {"allow": [value]}})
    code, output = daemon.fails_to_start()
    assert code == 78 and said in output and "allow" in output
