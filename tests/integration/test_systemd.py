"""The units and what else meson installs: valid, closed, and what the daemons expect."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from harness.process import run, run_checked

TREE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LMTPD", TREE / "build/release/lmtpd/lmtpd")).parents[1]
PREFIX = "/usr/local"
# Both directories of the tree and configurations.
DAEMONS = {"lmtpd": "lmtpd", "lmtpd-auth": "auth"}
UNITS = ["lmtpd-policy.socket",
         *(f"{name}.{kind}" for name in DAEMONS for kind in ("socket", "service"))]
CONFIGURATION_ERROR = 78


@pytest.fixture(scope="module")
def installed(base):
    """What meson installs, with the units' commands leading there."""
    root = base / "installed"
    run_checked("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
    for unit in (root / f"{PREFIX[1:]}/lib/systemd/system").iterdir():
        text = unit.read_text()
        unit.write_text(re.sub(rf"^(Exec\w+=){PREFIX}", rf"\1{root}{PREFIX}", text, flags=re.M))
    return root / PREFIX[1:]


def unit(installed, name):
    return installed / "lib/systemd/system" / name


def settings(installed, name):
    """The keys of a unit with their values: {"User": ["vmail"]}."""
    found = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit(installed, name).read_text(), re.M):
        found.setdefault(key, []).append(value)
    return found


def example(daemon):
    return TREE / f"examples/{DAEMONS[daemon]}.conf"


def check(daemon, config, **environment):
    """What --check of a daemon prints for a configuration."""
    done = run(BUILD / DAEMONS[daemon] / daemon, "-c", config, "--check", "--json",
               env={**os.environ, **environment})
    return done.returncode, {row["what"]: row for row in json.loads(done.stdout)["checks"]}


# --- units ------------------------------------------------------------------

def test_all_units_are_installed(installed):
    assert sorted(path.name for path in unit(installed, "").iterdir()) == sorted(UNITS)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit(installed, name):
    done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
               unit(installed, name))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", DAEMONS)
def test_the_service_is_closed(installed, name):
    """systemd's own measure, in tenths: 0 is closed, 100 open."""
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager",
               unit(installed, f"{name}.service"))
    assert done.returncode == 0, done.stdout


def test_openat2_is_left_open(installed):
    """systemd takes openat2() away with it, and lmtpd reaches mailboxes by nothing else."""
    assert "RestrictSUIDSGID" not in settings(installed, "lmtpd.service")


@pytest.mark.parametrize("name", DAEMONS)
def test_restart_leaves_the_socket(installed, name):
    service, listener = (settings(installed, f"{name}.{kind}") for kind in ("service", "socket"))
    assert service["Requires"] == [f"{name}.socket"]
    assert service["StartLimitIntervalSec"] == ["0"]
    assert "PartOf" not in listener and "BindsTo" not in listener
    assert service["Also"] == [f"{name}.socket"]


@pytest.mark.parametrize("name", DAEMONS)
def test_socket_of_the_unit_is_the_daemon_s(installed, name, tmp_path):
    """A daemon with an empty configuration would make the same one."""
    listener = settings(installed, f"{name}.socket")
    config = tmp_path / "empty.conf"
    config.write_text("")
    _, checks = check(name, config)
    assert f"unix:{listener['ListenStream'][0]}" in checks["socket"]["detail"]
    for key, value in {
        "socket_mode": listener["SocketMode"][0],
        "socket_user": f'"{listener["SocketUser"][0]}"',
        "socket_group": f'"{listener["SocketGroup"][0]}"',
        "user": f'"{settings(installed, f"{name}.service")["User"][0]}"',
        "group": f'"{settings(installed, f"{name}.service")["Group"][0]}"',
    }.items():
        assert re.search(rf"^  #{key} += {value}$", example(name).read_text(), re.M), (key, value)


def test_policy_socket(installed):
    """It is another of lmtpd's, beside that of LMTP, and only for who enables it."""
    lmtp, policy = (settings(installed, name) for name in ("lmtpd.socket", "lmtpd-policy.socket"))
    assert policy["FileDescriptorName"] == ["policy"] and "FileDescriptorName" not in lmtp
    assert policy["Service"] == ["lmtpd.service"]
    assert "lmtpd.service" in policy["WantedBy"][0].split(), "a restart of lmtpd starts it"
    for key in ("SocketMode", "SocketUser", "SocketGroup", "Backlog"):
        assert policy[key] == lmtp[key]
    service = unit(installed, "lmtpd.service").read_text()
    assert "lmtpd-policy" not in service
    path = policy["ListenStream"][0]
    assert f'policy = "unix:{path}"' in example("lmtpd").read_text()
    assert path.endswith("/private/lmtpd-policy")
    assert "unix:private/lmtpd-policy" in (TREE / "examples/postfix/main.cf").read_text()


@pytest.mark.parametrize("name", DAEMONS)
def test_the_service_makes_the_control_socket_s_directory(installed, name, tmp_path):
    """Of a daemon with an empty configuration."""
    [directory] = settings(installed, f"{name}.service")["RuntimeDirectory"]
    control = f"/run/{directory}/control"
    assert re.search(rf'^  #control += "{control}"$', example(name).read_text(), re.M)
    config = tmp_path / "empty.conf"
    config.write_text("")
    if not Path(control).exists():
        done = run(BUILD / DAEMONS[name] / name, "-c", config, "--status")
        assert done.returncode == 69 and f"{control}: " in done.stderr


# --- the configurations -----------------------------------------------------

@pytest.mark.parametrize("name", DAEMONS)
def test_shipped_configuration_finds_the_credential(installed, name, tmp_path):
    """The file that the package installs, with what LoadCredential= of the unit hands over."""
    service = settings(installed, f"{name}.service")
    credential, source = service["LoadCredential"][0].split(":")
    (tmp_path / credential).write_text("secret\n")
    (tmp_path / credential).chmod(0o600)
    _, checks = check(name, example(name), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert checks["configuration"]["status"] == "ok", checks
    # What systemd hands over where that file is missing.
    assert service["SetCredential"] == [f"{credential}:\\n"]
    (tmp_path / credential).write_text("\n")
    code, checks = check(name, example(name), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert code == CONFIGURATION_ERROR
    assert f"{tmp_path / credential}: it is empty" in checks["configuration"]["detail"]
    # By hand, without systemd, it is the file that the unit names, in Debian's place.
    _, checks = check(name, example(name))
    path = source.replace(f"{PREFIX}/etc", "/etc")
    assert checks["configuration"]["status"] == "ok" or path in checks["configuration"]["detail"]


@pytest.mark.parametrize("name", DAEMONS)
def test_every_key_that_the_example_shows(name, tmp_path):
    """With all of them switched on it is a configuration still."""
    shown = tmp_path / "shown.conf"
    text, n_keys = re.subn(r"^( *)#(\w+ *=)", r"\1\2", example(name).read_text(), flags=re.M)
    assert n_keys > 10
    shown.write_text(text)
    password = tmp_path / f"{DAEMONS[name]}.password"
    password.write_text("secret\n")
    password.chmod(0o600)
    _, checks = check(name, shown, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert checks["configuration"]["status"] == "ok", checks


# --- who serves the socket --------------------------------------------------

def test_socket_that_another_serves(installed, directory):
    """As Dovecot does, before a move."""
    script, path = installed / "libexec/lmtpd/socket-is-free", directory / "socket"
    assert run(script, path).returncode == 0
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert run(script, path).returncode == 0, "nobody listens yet"
        listener.listen()
        done = run(script, path)
        assert done.returncode == 1
        assert str(path) in done.stderr and "Dovecot" in done.stderr
        path.rename(directory / "away")
        assert run(script, path).returncode == 0, "what listens has no name any more"
        (directory / "away").rename(path)
        with subprocess.Popen([script, path]) as waiting:
            listener.close()
            assert waiting.wait(20) == 0, "it lets go while the script waits"
    assert path.exists(), "left behind, and nobody's"
    assert run(script, path).returncode == 0


# --- users and directories --------------------------------------------------

@pytest.fixture
def machine(directory):
    """The part of a machine that users and directories are made in."""
    (directory / "etc").mkdir()
    (directory / "var/mail").mkdir(parents=True)
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (directory / "etc/group").write_text("root:x:0:\n")
    return directory


def make_users(machine, installed):
    run_checked("systemd-sysusers", f"--root={machine}", installed / "lib/sysusers.d/lmtpd.conf")
    lines = (machine / "etc/passwd").read_text().splitlines()
    return {line.split(":")[0]: line.split(":") for line in lines}


def make_directories(machine, installed):
    """Returns mode and owner of the mail root."""
    run_checked("systemd-tmpfiles", "--create", f"--root={machine}",
                installed / "lib/tmpfiles.d/lmtpd.conf")
    status = (machine / "var/mail/vhosts").stat()
    return status.st_mode & 0o7777, status.st_uid, status.st_gid


@pytest.mark.needs_root
def test_users_of_a_new_machine(machine, installed):
    users = make_users(machine, installed)
    assert users["vmail"][2:4] == ["5000", "5000"], "the numbers of the guide"
    assert users["vmail"][6] == users["lmtpd-auth"][6] == "/usr/sbin/nologin"
    assert make_directories(machine, installed) == (0o700, 5000, 5000)


@pytest.mark.needs_root
def test_users_that_exist(machine, installed):
    """What a site has stays as it is: the owner of the mail, and the mode of its root."""
    with open(machine / "etc/passwd", "a") as passwd, open(machine / "etc/group", "a") as group:
        passwd.write("vmail:x:4000:4001::/var/mail:/bin/sh\n")
        group.write("vmail:x:4001:\n")
    vhosts = machine / "var/mail/vhosts"
    vhosts.mkdir()
    vhosts.chmod(0o2755)
    os.chown(vhosts, 4000, 4001)
    assert make_users(machine, installed)["vmail"][2:7] == ["4000", "4001", "", "/var/mail",
                                                            "/bin/sh"]
    assert make_directories(machine, installed) == (0o2755, 4000, 4001)


@pytest.mark.needs_root
def test_user_5000_is_taken(machine, installed):
    with open(machine / "etc/passwd", "a") as passwd:
        passwd.write("somebody:x:5000:0::/:/bin/sh\n")
    users = make_users(machine, installed)
    assert users["vmail"][2] not in ("0", "5000")
