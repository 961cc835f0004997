"""The way to the database: in plain text, over TLS with whoever answers, or with a server that is known."""

import socket
import time

import pytest

from harness.check import Report
from harness.mysql import IS_ORACLES_LIBRARY, running_database
from harness.process import run_checked
from harness.server import Server

pytest_plugins = ["harness.auth_fixtures"]

EMAIL1 = "email1@example.com"
# Oracle's library does not tell the version, and asks for TLS where it is told nothing.
TLS = "TLS, TLS_" if IS_ORACLES_LIBRARY else "TLS 1.3, TLS_"
NO_TLS = "SSL is required but the server doesn't support it" if IS_ORACLES_LIBRARY else "the server offers no TLS"
ACCOUNT = "'mailuser'@'127.0.0.1'"


def make_ca(directory, name):
    run_checked(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-keyout", str(directory / f"{name}.key"), "-out", str(directory / f"{name}.pem"))
    return directory / f"{name}.pem"


def make_certificate(directory, ca, names):
    names_file = directory / "names"
    names_file.write_text(f"subjectAltName={names}\n")
    run_checked(
        "openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db.example.com",
        "-keyout", str(directory / "server.key"), "-out", str(directory / "server.csr"))
    run_checked(
        "openssl", "x509", "-req", "-in", str(directory / "server.csr"), "-CA", str(ca),
        "-CAkey", str(ca.with_suffix(".key")), "-CAcreateserial", "-days", "2",
        "-extfile", str(names_file), "-out", str(directory / "server.pem"))
    return directory / "server.pem"


@pytest.fixture(scope="module")
def cas(base):
    """The one that signed the server's certificate, and another; daemons may read both."""
    directory = base / "certificates"
    directory.mkdir()
    ours, other = make_ca(directory, "ours"), make_ca(directory, "other")
    for ca in (ours, other):
        ca.chmod(0o644)
    directory.chmod(0o755)
    return ours, other


@pytest.fixture(scope="module")
def tls_server(base, cas):
    """The certificate knows 127.0.0.1, and not 127.0.0.2, where the server listens too."""
    certificate = make_certificate(cas[0].parent, cas[0], "DNS:db.example.com,IP:127.0.0.1")
    options = [f"--ssl-cert={certificate}", f"--ssl-key={certificate.with_suffix('.key')}",
               "--bind-address=127.0.0.1,127.0.0.2"]
    with running_database(base / "tls", options=options) as server:
        server.reset()
        yield server


@pytest.fixture
def option_file(directory):
    path = directory / "my.cnf"

    def write(text):
        path.write_text(text)
        path.chmod(0o644)
        return str(path)

    return write


def known(host, ca):
    return {"hosts": [host], "tls": "required", "tls_ca": str(ca)}


def database_line(daemon):
    return Report(daemon).only("ok", "database")["detail"]


def complaint(daemon):
    report = Report(daemon)
    assert report.code == 69
    return report.only("FAIL", "database")


def rcpt(session):
    session.command("MAIL FROM:<>")
    reply = session.command(f"RCPT TO:<{EMAIL1}>")
    session.command("RSET")
    return reply.status


# --- each value, with a server that has TLS and one that has none -----------

@pytest.mark.parametrize("tls, is_safe", [
    ("", IS_ORACLES_LIBRARY), ("off", False), ("try", True), ("required", True)])
def test_a_server_with_tls(make_lmtpd, tls_server, tls, is_safe):
    host = f"127.0.0.1:{tls_server.port}"
    line = database_line(make_lmtpd(mysql={"hosts": [host], "tls": tls}))
    if is_safe:
        assert line.startswith(f"{host}, {TLS}")
    else:
        assert line == f"{host}, plain text"


@pytest.mark.parametrize("tls", ["", "off", "try"])
def test_a_server_without_tls(make_lmtpd, database, tls):
    host = f"127.0.0.1:{database.port}"
    assert database_line(make_lmtpd(mysql={"hosts": [host], "tls": tls})) == f"{host}, plain text"


def test_required_of_a_server_without_tls(make_lmtpd, database, cas):
    host = f"127.0.0.1:{database.port}"
    found = complaint(make_lmtpd(mysql={"hosts": [host], "tls": "required"}))
    assert f"{NO_TLS} (2026); give it a certificate" in found["detail"]
    assert "openssl s_client" in found["remedy"]
    found = complaint(make_lmtpd(mysql=known(host, cas[0])))
    assert "SSL is required" in found["detail"] and "mysql.tls_ca" in found["detail"]


def test_an_account_that_must_use_tls(make_lmtpd, tls_server):
    daemons = {tls: make_lmtpd(mysql={"hosts": [f"127.0.0.1:{tls_server.port}"], "tls": tls})
               for tls in ("", "off", "try", "required")}
    tls_server.sql(f"ALTER USER {ACCOUNT} REQUIRE SSL", database="")
    try:
        for tls, daemon in daemons.items():
            daemon.start()
            with daemon.session() as session:
                is_safe = tls in ("try", "required") or tls == "" and IS_ORACLES_LIBRARY
                expected = "250 2.1.5" if is_safe else "451 4.4.3"
                assert rcpt(session) == expected, tls
    finally:
        tls_server.sql(f"ALTER USER {ACCOUNT} REQUIRE NONE", database="")


class Thief(Server):
    """A server of MySQL without TLS, as far as one that has never seen the account: it wants the whole password of it, and
    keeps what it gets. What it greets with, and when, can be another thing."""

    SCRAMBLE = b"abcdefghijklmnopqrst"
    # Protocol 4.1, a password in parts, plugins; CAN_TLS is one more.
    CAPABILITIES, CAN_TLS = 0x8A20D, 0x800

    def __init__(self):
        self.greeting = self.make_greeting(self.CAPABILITIES)
        self.heard = []
        super().__init__()

    def make_greeting(self, capabilities):
        low, high = (capabilities & 0xFFFF).to_bytes(2, "little"), (capabilities >> 16).to_bytes(2, "little")
        return (b"\x0a8.4.0\0" + bytes(4) + self.SCRAMBLE[:8] + b"\0" + low + b"\xff\2\0" + high + b"\x15"
                + bytes(10) + self.SCRAMBLE[8:] + b"\0caching_sha2_password\0")

    def serve(self, client):
        client.settimeout(20)
        for number, packet in ((0, self.greeting), (2, b"\1\4")):
            client.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)
            answer = client.recv(4096)
            if not answer:
                return
            self.heard.append(answer[4:])


@pytest.fixture
def thief():
    made = Thief()
    yield made
    made.close()


@pytest.mark.parametrize("tls", ["", "off", "try", "required"])
def test_a_password_never_goes_in_clear_text(make_lmtpd, make_auth, thief, tls):
    """The server is asked for its key, or nothing is said to it at all."""
    keys = {"hosts": [f"127.0.0.1:{thief.port}"], "tls": tls, "password": "of-the-account"}
    for daemon in (make_lmtpd(mysql=keys), make_auth(mysql=keys)):
        said = complaint(daemon)["detail"]
        assert (NO_TLS in said) == (tls == "required"), said
    assert b"of-the-account" not in b"".join(thief.heard)
    assert (b"\2" in thief.heard) == (tls != "required")


@pytest.mark.skipif(IS_ORACLES_LIBRARY, reason="its library asks for TLS by itself")
def test_a_greeting_that_is_none(make_lmtpd, thief):
    """Of an error the library tells, and the password goes to nobody; who says nothing is waited for once."""
    host = f"127.0.0.1:{thief.port}"
    for greeting, words in ((b"\xff\x10\x04#08004Too many connections", "Too many connections"),
                            (b"\x09no such version", "")):
        thief.greeting = greeting
        for tls in ("try", "required"):
            assert words in complaint(make_lmtpd(mysql={"hosts": [host], "tls": tls}))["detail"]
    assert b"".join(thief.heard) == b""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        said = complaint(make_lmtpd(mysql={"hosts": [host], "tls": "try", "timeout": 2}))["detail"]
        assert "it does not greet: Connection timed out (2003)" in said
        assert 1.5 < time.monotonic() - began < 30


# --- a server that is known -------------------------------------------------

def test_a_server_that_is_known(make_lmtpd, tls_server, cas):
    host = f"127.0.0.1:{tls_server.port}"
    daemon = make_lmtpd(mysql=known(host, cas[0]))
    assert database_line(daemon).startswith(f"{host}, {TLS}")
    with daemon.start().session() as session:
        assert rcpt(session) == "250 2.1.5"


def test_a_server_that_is_not_known(make_lmtpd, tls_server, cas):
    """A stranger's signature, or another's name: neither is let through, and without tls_ca both are."""
    ours, other = cas
    for host, ca in (("127.0.0.1", other), ("127.0.0.2", ours), ("127.0.0.2", other)):
        host = f"{host}:{tls_server.port}"
        daemon = make_lmtpd(mysql=known(host, ca))
        assert "mysql.tls_ca" in complaint(daemon)["detail"]
        with daemon.start().session() as session:
            assert rcpt(session) == "451 4.4.3"
        assert "(2026)" in daemon.output()
        daemon.configure(mysql={"tls_ca": ""})
        assert database_line(daemon).startswith(f"{host}, {TLS}")


def test_a_ca_that_is_not_there(make_lmtpd, tls_server, directory):
    daemon = make_lmtpd(mysql=known(f"127.0.0.1:{tls_server.port}", directory / "none"))
    assert f"mysql.tls_ca: {directory}/none: No such file" in complaint(daemon)["detail"]


@pytest.mark.parametrize("tls", ["", "off", "try"])
def test_a_ca_that_would_verify_nobody(make_lmtpd, cas, tls):
    code, said = make_lmtpd(mysql={"tls": tls, "tls_ca": str(cas[0])}).fails_to_start()
    assert code == 78
    assert "mysql.tls_ca verifies with mysql.tls = required alone" in said


def test_a_value_that_is_none(make_lmtpd):
    code, said = make_lmtpd(mysql={"tls": "yes"}).fails_to_start()
    assert code == 78
    assert "off, try or required" in said


def test_the_next_host_has_tls(make_lmtpd, database, tls_server):
    hosts = [f"127.0.0.1:{server.port}" for server in (database, tls_server)]
    daemon = make_lmtpd(mysql={"hosts": hosts, "tls": "required"})
    report = Report(daemon)
    assert report.code == 0
    assert hosts[0] in report.only("warn", "database")["detail"]
    assert report.only("ok", "database")["detail"].startswith(f"{hosts[1]}, {TLS}")
    with daemon.start().session() as session:
        assert rcpt(session) == "250 2.1.5"


def test_a_reload_that_finds_no_tls(make_lmtpd, database):
    """As with a wrong password, the old configuration is kept."""
    daemon = make_lmtpd(mysql={"hosts": [f"127.0.0.1:{database.port}"]}).start()
    daemon.configure(mysql={"tls": "required"})
    line = daemon.reload()
    assert line["level"] == "error" and NO_TLS in line["reason"]
    with daemon.session() as session:
        assert rcpt(session) == "250 2.1.5"


@pytest.mark.parametrize("tls", ["off", "try", "required"])
def test_a_socket_needs_none(make_lmtpd, database, tls_server, cas, tls):
    """Whether its server has a certificate or not."""
    ca = str(cas[0]) if tls == "required" else ""
    for server in (database, tls_server):
        host = f"unix:{server.socket}"
        daemon = make_lmtpd(mysql={"hosts": [host], "tls": tls, "tls_ca": ca})
        assert Report(daemon).troubles() == []
        assert database_line(daemon) == host


def test_logins(make_auth, database, tls_server, cas):
    host = f"127.0.0.1:{tls_server.port}"
    assert database_line(make_auth(mysql=known(host, cas[0]))).startswith(f"{host}, {TLS}")
    assert "mysql.tls_ca" in complaint(make_auth(mysql=known(host, cas[1])))["detail"]
    plain = f"127.0.0.1:{database.port}"
    complaint(make_auth(mysql={"hosts": [plain], "tls": "required"}))


# --- option files -----------------------------------------------------------

@pytest.mark.parametrize("group", ["lmtpd", "client", "client-server", "client-mariadb"])
def test_the_option_file_decides(make_lmtpd, tls_server, option_file, cas, group):
    """Without the key all is as the library makes it, in each group that it reads."""
    host = f"127.0.0.1:{tls_server.port}"
    file = option_file(f"[{group}]\nssl-ca={cas[0]}\n")
    daemon = make_lmtpd(mysql={"hosts": [host], "option_file": file})
    assert Report(daemon).troubles() == []
    assert database_line(daemon).startswith(f"{host}, {TLS}")


@pytest.mark.skipif(IS_ORACLES_LIBRARY, reason="ORACLE'S LIBRARY: it uses TLS without such lines")
def test_lines_that_do_nothing(make_lmtpd, tls_server, database, option_file):
    """They look as if there were TLS, and there is none."""
    host = f"127.0.0.1:{tls_server.port}"
    daemon = make_lmtpd(mysql={"hosts": [host], "option_file": option_file("[lmtpd]\nssl=1\n")})
    report = Report(daemon)
    assert report.code == 0
    assert report.only("ok", "database")["detail"] == f"{host}, plain text"
    assert "plain text" in report.only("warn", "database")["detail"]
    assert "mysql.tls = required" in report.only("warn", "database")["remedy"]
    # Nor a group that is not read, and a socket needs nothing.
    option_file("[mysql]\nssl=1\n")
    assert Report(daemon).troubles() == []
    option_file("[lmtpd]\nssl=1\n")
    daemon.configure(mysql={"hosts": [f"unix:{database.socket}"]})
    assert Report(daemon).troubles() == []


@pytest.mark.parametrize("tls, line", [
    ("required", "ssl-verify-server-cert=0"), ("required", "ssl_enforce=0"),
    ("required", "!include /nowhere"), ("try", "ssl-ca=/nowhere"), ("off", "ssl-cipher=x")])
def test_an_option_file_that_says_otherwise(make_lmtpd, tls_server, option_file, cas, tls, line):
    """The library reads it behind the keys: a line could switch off that the server is verified."""
    daemon = make_lmtpd(mysql={
        "hosts": [f"127.0.0.2:{tls_server.port}"], "tls": tls,
        "tls_ca": str(cas[0]) if tls == "required" else "",
        "option_file": option_file(f"[lmtpd]\n{line}\n")})
    detail = complaint(daemon)["detail"]
    assert "may undo it" in detail
    assert line.split("=")[0].split()[0].replace("_", "-") in detail


@pytest.mark.skipif(IS_ORACLES_LIBRARY, reason="ORACLE'S LIBRARY: it reads no tls-version from a file")
def test_an_option_file_that_says_how(make_lmtpd, tls_server, option_file, cas):
    host = f"127.0.0.1:{tls_server.port}"
    file = option_file("[lmtpd]\ntls-version=TLSv1.2\nssl-cipher=ECDHE-RSA-AES256-GCM-SHA384\n")
    daemon = make_lmtpd(mysql={**known(host, cas[0]), "option_file": file})
    assert database_line(daemon) == f"{host}, TLS 1.2, ECDHE-RSA-AES256-GCM-SHA384"
