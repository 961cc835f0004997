"""The servers that the tests share, and a fresh lmtpd for each test.

The environment variable LMTPD names the binary to test, and DATABASE=mysql its server, which is MariaDB
otherwise.
"""

import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.base import make_base
from harness.disk import CuttableDisk, Mount, unshare_mounts
from harness.dovecot import Dovecot, SieveDovecot
from harness.lmtpd import Lmtpd
from harness.mysql import IS_MYSQL, running_database
from harness.peers import make_peers as make_both
from harness.postfix import Postfix
from harness.process import IS_ROOT, run_checked
from harness.sending import make_sending_site
from harness.sieve import Site

TREE = Path(__file__).resolve().parents[2]
counter = itertools.count(1)
collect_ignore = [] if IS_MYSQL else ["test_mysql.py"]

# Debian keeps servers where plain users do not look.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def pytest_addoption(parser):
    parser.addoption("--cuts", type=int, default=4, help="power cuts on each disk")
    parser.addoption("--soak", type=int, default=20, help="seconds of the soak test")
    parser.addoption("--senders", type=int, default=1500, help="who write to the mailbox on holiday")
    parser.addoption("--cluster", action="store_true", help="the drills with a cluster, too")


def pytest_ignore_collect(collection_path, config):
    """The drills take packages of their own, and minutes."""
    if collection_path.name == "test_cluster.py" and not config.getoption("--cluster"):
        return True
    return None


def pytest_configure(config):
    # Clean up then too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if IS_ROOT:
        unshare_mounts()
    config.addinivalue_line("markers", "heavy: much load; left out with sanitizers")
    config.addinivalue_line("markers", "quick: what a change needs before its commit")
    config.addinivalue_line("markers", "mariadb(why): left out on MySQL")
    config.addinivalue_line("markers", "needs_root: Postfix, Dovecot and mounts change users")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("needs_root") and not IS_ROOT:
            item.add_marker(pytest.mark.skip(reason="NOT ROOT: run it with sudo to test this too"))
        of_mariadb = item.get_closest_marker("mariadb")
        if of_mariadb and IS_MYSQL:
            item.add_marker(pytest.mark.skip(reason=f"MYSQL: {of_mariadb.args[0]}"))


@pytest.fixture(scope="session")
def base():
    """A directory for everything that the tests write."""
    directory = make_base()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def binary(base):
    """A copy of lmtpd that the owner of the mail may execute, wherever the tree lies."""
    built = os.environ.get("LMTPD", str(TREE / "build/release/lmtpd/lmtpd"))
    return Path(shutil.copy(built, base / "lmtpd"))


@pytest.fixture(scope="session")
def mariadb(base):
    with running_database(base / "db") as server:
        yield server


@pytest.fixture
def database(mariadb):
    """MariaDB with the sample rows."""
    if not mariadb.is_running():
        mariadb.start()
    mariadb.reset()
    return mariadb


@pytest.fixture
def guide_database(mariadb):
    """The same rows in the tables as the guide made them."""
    if not mariadb.is_running():
        mariadb.start()
    mariadb.reset("guide")
    return mariadb


@pytest.fixture
def directory(base):
    path = base / str(next(counter))
    path.mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def mount():
    """mount(source, path, options, kind): unmounted in the end."""
    mounted = []

    def do_mount(*arguments, **options):
        mounted.append(Mount(*arguments, **options))
        return mounted[-1]

    yield do_mount
    for mounts in reversed(mounted):
        mounts.close()


@pytest.fixture
def lay_over():
    """lay_over(source, target): source is seen in the place of the system's target."""
    if os.readlink("/proc/self/ns/mnt") == os.readlink(f"/proc/{os.getppid()}/ns/mnt"):
        pytest.skip("THE MOUNTS OF THE TESTS WOULD BE THE MACHINE'S")
    laid = []

    def do_lay(source, target):
        run_checked("mount", "--bind", source, target)
        laid.append(target)

    yield do_lay
    for target in laid:
        run_checked("umount", target)


@pytest.fixture(scope="session")
def lossydisk(base):
    """Compiles lossydisk.c."""
    program = base / "lossydisk"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["cc", "-O2", "-Wall", "-Werror", "-o", program,
                    Path(__file__).with_name("lossydisk.c"), *flags], check=True)
    return program


@pytest.fixture
def cuttable_disk(directory, lossydisk):
    disk = CuttableDisk(directory, lossydisk)
    yield disk
    disk.close()


@pytest.fixture
def make_lmtpd(binary, directory, mount, database):
    """Makes lmtpds that are not started yet; at the end each must end well and be sane. They end
    before what the test mounted for them is unmounted."""
    made = []

    def make(**overrides):
        home = directory / f"lmtpd{len(made) + 1}" if made else directory
        home.mkdir(exist_ok=True)
        made.append(Lmtpd(binary, home, database, **overrides))
        return made[-1]

    yield make
    for daemon in made:
        was_running = daemon.is_running()
        code = daemon.stop()
        daemon.assert_sane()
        assert not was_running or code == 0, daemon.output()


@pytest.fixture
def lmtpd(make_lmtpd):
    """Makes and starts lmtpds: lmtpd(lmtp={"recipient_limit": 2})."""
    return lambda **overrides: make_lmtpd(**overrides).start()


@pytest.fixture
def faults(base):
    """Compiles faults.c, for LD_PRELOAD; gives the environment that makes lmtpd load it."""
    library = base / "faults.so"
    if not library.exists():
        source = Path(__file__).with_name("faults.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"],
            check=True,
        )

    def environment(**settings):
        # The sanitizers want to be the first library; here they need not be.
        return {
            "LD_PRELOAD": str(library), "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0",
            **{f"FAULT_{key.upper()}": str(value) for key, value in settings.items()},
        }

    return environment


@pytest.fixture(scope="session")
def postfix_server(base, mariadb):
    server = Postfix(base / "pfx", mariadb)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postfix(postfix_server, database):
    """Postfix with an empty queue."""
    postfix_server.reset()
    return postfix_server


@pytest.fixture
def guide_machine(postfix, make_lmtpd):
    """Postfix, and lmtpd on the socket that the guide gives to Dovecot, started as root."""
    daemon = make_lmtpd(
        starts_as_root=True,
        lmtp={
            "listen": [f"unix:{postfix.lmtp_socket}"], "socket_user": "postfix",
            "socket_group": "postfix", "socket_mode": 0o600,
        },
    )
    daemon.socket = postfix.lmtp_socket
    return postfix, daemon.start()


@pytest.fixture
def make_dovecot(directory, database):
    """Starts Dovecots over the homes of an lmtpd."""
    started = []

    def make(daemon):
        started.append(Dovecot(directory / f"dovecot{len(started)}", database, daemon.vhosts))
        started[-1].start()
        return started[-1]

    yield make
    for server in started:
        server.stop()


@pytest.fixture
def make_sieve_dovecot(directory, database):
    """Starts Dovecots with ManageSieve over homes, with scripts of the admin and more settings."""
    started = []

    def make(vhosts, scripts=(), more=""):
        started.append(SieveDovecot(directory / f"sieve{len(started)}", database, vhosts, scripts, more))
        started[-1].start()
        return started[-1]

    yield make
    for server in started:
        server.stop()


@pytest.fixture
def site(make_lmtpd, make_sieve_dovecot):
    """site(sieve={...}, ...): an lmtpd that runs scripts, and its Dovecot."""
    def start(sieve=None, **rest):
        daemon = make_lmtpd(sieve={"enabled": True, **(sieve or {})}, **rest)
        dovecot = make_sieve_dovecot(daemon.vhosts)
        return Site(daemon.start(), dovecot)

    return start


@pytest.fixture
def sending_site(postfix, make_lmtpd, make_sieve_dovecot):
    """sending_site(sieve={...}, ...): lmtpd behind Postfix, to which it sends, and its Dovecot."""
    return lambda **settings: make_sending_site(make_lmtpd, make_sieve_dovecot, postfix, **settings)


@pytest.fixture
def make_peers(make_lmtpd, make_sieve_dovecot, directory):
    """make_peers(sieve={...}, ...): lmtpd and Pigeonhole beside it."""
    made = []

    def make(*arguments, **options):
        made.append(make_both(make_lmtpd, make_sieve_dovecot, directory / "vhosts-of-dovecot", *arguments, **options))
        return made[-1]

    yield make
    for peers in made:
        peers.close()
