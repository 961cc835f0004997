"""--status of both daemons: what it tells after mail and logins, in every form, and who may ask."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from contextlib import contextmanager, suppress

import pytest

from harness.auth import EMAIL1, PASSWORD1
from harness.lmtp import message
from harness.process import IS_ROOT, run, wait_until
from harness.status import PROMETHEUS_SAMPLE

pytest_plugins = ["harness.auth_fixtures"]

# Nothing in it that a sanitizer of the daemon could find.
only_the_client = pytest.mark.heavy

UNAVAILABLE, NO_PERMISSION, USAGE, CONFIGURATION = 69, 77, 64, 78


def status(daemon, form="--json"):
    done = daemon.run("--status", *([form] if form else []))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout) if form == "--json" else done.stdout


def status_at_rest(daemon):
    """When all threads have gone to rest: who has the answer of one may be faster than that."""
    def told():
        found = status(daemon)
        busy = [found[lane][what] for lane in ("lookups", "commits") for what in ("waiting", "busy")]
        return None if any(busy) else found

    return wait_until(told, 60, "rest of the threads")


def ask(daemon, request, timeout=10):
    """A request on the bare socket, as socat sends it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(daemon.control))
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while data := client.recv(65536):
            answer += data
        return answer.decode()


@contextmanager
def running(command, **options):
    """A client, which ends with the block: one that goes on would be waited for."""
    with subprocess.Popen(command, **options) as client:
        try:
            yield client
        finally:
            client.kill()


@contextmanager
def table_away(database):
    database.sql("RENAME TABLE virtual_users TO gone")
    try:
        yield
    finally:
        database.sql("RENAME TABLE gone TO virtual_users")


# --- Prometheus's format ----------------------------------------------------

def parse_prometheus(text, prefix):
    """The samples as {(name, labels): value}; fails on what the format, version 0.0.4, forbids."""
    samples, kinds, helped, current = {}, {}, set(), None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert name not in helped and words and "\\" not in words
            helped.add(name)
            current = name
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and name not in kinds, "TYPE once, behind HELP"
            assert kind in ("counter", "gauge", "histogram")
            assert (kind == "counter") == name.endswith("_total"), name
            kinds[name] = kind
            continue
        match = PROMETHEUS_SAMPLE.fullmatch(line)
        assert match, line
        name, labels = match[1], tuple(re.findall(r'([a-z_]+)="([^"]*)"', match[2] or ""))
        family = name
        if kinds.get(current) == "histogram":
            family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert family == current, "all lines of a metric stand together, behind its TYPE"
        assert name.startswith(prefix)
        assert (name, labels) not in samples, "each series once"
        samples[name, labels] = float(match[3])
    for name, kind in kinds.items():
        if kind == "histogram":
            buckets = [(dict(labels)["le"], value) for (sample, labels), value in samples.items()
                       if sample == f"{name}_bucket"]
            bounds = [float(le.replace("+Inf", "inf")) for le, _ in buckets]
            values = [value for _, value in buckets]
            assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf")
            assert values == sorted(values), "buckets are cumulative"
            assert values[-1] == samples[f"{name}_count", ()]
            assert (name + "_sum", ()) in samples
    return samples


# --- lmtpd ------------------------------------------------------------------

def test_mail_of_each_outcome(lmtpd, database):
    daemon = lmtpd(lmtp={"message_size_limit": 100000})
    with daemon.session() as session:
        session.deliver(EMAIL1, "email2@example.com")
        session.mail()
        assert session.rcpt("nobody@example.com").status == "550 5.1.1"
        assert session.rcpt("somebody@example.org").status == "550 5.1.2"
        assert session.rcpt("a@b@example.com").status == "550 5.1.3"
        assert session.rcpt(EMAIL1).code == 250
        [reply] = session.data(message("x" * 200000))
        assert reply.status == "552 5.3.4"
        session.mail()
        with table_away(database):
            assert session.rcpt(EMAIL1).status == "451 4.4.3"
        told = status_at_rest(daemon)
        text, samples = status(daemon, None), status(daemon, "--prometheus")
        assert daemon.run("--version").stdout == f"lmtpd {told['process']['version']}\n"
        assert told["process"]["program"] == "lmtpd"
        assert told["process"]["pid"] == daemon.pid
        assert told["process"]["state"] == "serving"
        assert 0 <= told["process"]["uptime"] < 60
        assert abs(told["process"]["memory"] - daemon.memory()) < 16 << 20
        assert told["connections"]["now"] == 1
        assert told["connections"]["total"] == 2, "with that of the fixture"
        assert told["sessions"] == {"total": 1, "in_transaction": 1}
        # A message that is too big is refused for each of its recipients before it is delivered.
        assert told["messages"]["total"] == 1
        size = sum(int(line["size"]) for line in daemon.log(status="saved")) // 2
        assert told["messages"]["bytes"] == size
        assert told["recipients"] == {"saved": 2, "deferred": 1, "rejected": 4, "soft_bounce": 0}
        counted = {reply: n for reply, n in told["replies"].items() if n > 0}
        assert counted == {"250 2.0.0": 2, "550 5.1.1": 1, "550 5.1.2": 1, "550 5.1.3": 1,
                           "552 5.3.4": 1, "451 4.4.3": 1}
        lookups, commits = told["lookups"], told["commits"]
        assert lookups["count"] == 6 and commits["count"] == 1
        for times in (lookups, commits):
            assert 0 < times["p50"] <= times["p95"] <= times["p99"] < 10
        assert lookups["threads"] == 4 and commits["threads"] == 64
        assert told["database"]["state"] == "does not answer"
        assert told["database"]["errors"] == 1
        assert "virtual_users" in told["database"]["last_error"]
        # Postfix took what will bounce, though its own maps should have refused it. That a message
        # is too big is its sender's problem.
        problems = told["problems"]
        assert {problem["level"] for problem in problems} == {"warning"}
        assert [re.search(r"code=\d+ dsn=\S+", problem["message"])[0] for problem in problems] == [
            "code=451 dsn=4.4.3", "code=550 dsn=5.1.3", "code=550 dsn=5.1.2", "code=550 dsn=5.1.1"]

        samples = parse_prometheus(samples, "lmtpd_")
        assert samples["lmtpd_recipients_total",
                       (("status", "saved"), ("code", "250"), ("dsn", "2.0.0"),
                        ("reason", "Saved"))] == 2
        assert samples["lmtpd_recipients_total",
                       (("status", "rejected"), ("code", "552"), ("dsn", "5.3.4"),
                        ("reason", "Message too big"))] == 1
        assert samples["lmtpd_lookup_duration_seconds_count", ()] == 6
        assert samples["lmtpd_database_up", ()] == 0
        assert samples["lmtpd_log_problems_total", (("level", "warning"),)] == 4
        assert samples["lmtpd_connections_open", ()] == 1
        assert re.search(r"^recipients   saved 2, deferred 1, rejected 4$", text, re.M)
        assert re.search(r"^  \S+Z event=delivery level=warning .*code=451", text, re.M)

        assert session.rcpt(EMAIL1).code == 250
        assert status(daemon)["database"]["state"] == "answers"


@only_the_client
def test_names_of_metrics(lmtpd, auth):
    """By the rules of Prometheus's own tool, which says of each name what is wrong with it."""
    for daemon in (lmtpd(), auth()):
        done = run("promtool", "check", "metrics", input=status(daemon, "--prometheus"))
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_scrape_of_the_socket(lmtpd):
    """What socat sends and gets is what --status prints."""
    daemon = lmtpd()
    assert parse_prometheus(ask(daemon, b"prometheus\n"), "lmtpd_").keys() == \
        parse_prometheus(status(daemon, "--prometheus"), "lmtpd_").keys()
    assert json.loads(ask(daemon, b"json\n")).keys() == status(daemon).keys()
    assert ask(daemon, b"text\n").startswith("process      program lmtpd,")
    assert ask(daemon, b"stop\n").startswith("error: ")


def test_reload_and_end(lmtpd):
    """A reload keeps what was counted; at the end it answers until the last session is over."""
    daemon = lmtpd()
    with daemon.session() as session:
        session.deliver(EMAIL1)
        daemon.configure(lmtp={"recipient_limit": 5}, maildir={"writers": 3})
        daemon.reload()
        daemon.wait_for_log(event="reload")
        session.deliver(EMAIL1)
        told = status(daemon)
        assert told["messages"]["total"] == 2
        assert told["commits"]["count"] == 2 and told["commits"]["threads"] == 3
        assert told["process"]["reload_failed"] == 0
        daemon.configure(maildir={"writers": 0})
        daemon.reload()
        daemon.wait_for_log(event="reload", level="error")
        assert json.loads(ask(daemon, b"json\n"))["process"]["reload_failed"] == 1
        daemon.configure(maildir={"writers": 3})
        daemon.reload()
        wait_until(lambda: status(daemon)["process"]["reload_failed"] == 0, 60, "the reload")
        session.mail()
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log(event="stop")
        assert status(daemon)["process"]["state"] == "ending"
        assert parse_prometheus(
            status(daemon, "--prometheus"), "lmtpd_")["lmtpd_ending", ()] == 1
        assert session.rcpt(EMAIL1).code == 250
        [reply] = session.data(message())
        assert reply.code == 250
    assert daemon.process.wait(60) == 0
    assert not daemon.control.exists()
    done = daemon.run("--status")
    assert done.returncode == UNAVAILABLE and done.stdout == ""
    assert str(daemon.control) in done.stderr and "No such file" in done.stderr


def test_clients_do_not_keep_it_from_ending(lmtpd):
    """Silent ones, in all places and in the backlog."""
    daemon = lmtpd()
    descriptors = daemon.descriptors()
    clients = []
    for _ in range(10):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(str(daemon.control))
    with daemon.session() as session:
        session.deliver(EMAIL1)
    assert daemon.descriptors() - descriptors < len(clients), "not all of them, and one for MySQL"
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 4
    for client in clients:
        client.close()


@only_the_client
def test_without_a_control_socket(lmtpd, directory):
    """It is no reason not to serve."""
    daemon = lmtpd(lmtp={"control": f"{directory}/missing/control"})
    [warning] = daemon.wait_for_log(event="control", level="warning")
    assert f"{directory}/missing/control: No such file" in warning["reason"]
    assert daemon.run("--status").returncode == UNAVAILABLE
    with daemon.session() as session:
        session.deliver(EMAIL1)
    daemon.stop()
    daemon.configure(lmtp={"control": ""})
    daemon.start()
    done = daemon.run("--status")
    assert done.returncode == CONFIGURATION and 'control = ""' in done.stderr
    assert len(daemon.log(event="control")) == 1
    daemon.stop()
    daemon.configure(lmtp={"control": "relative"})
    assert daemon.fails_to_start()[0] == CONFIGURATION


@only_the_client
def test_one_session_has_none(make_lmtpd):
    daemon = make_lmtpd()
    assert daemon.run("--stdio", input="LHLO me\r\nQUIT\r\n").returncode == 0
    assert not daemon.control.exists()


@pytest.mark.needs_root
def test_who_may_ask(make_lmtpd, directory):
    """Started as root it makes the directory; root and its own user are answered, nobody else."""
    control = directory / "run/control"
    daemon = make_lmtpd(starts_as_root=True, lmtp={"control": str(control)}).start()
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    assert control.stat().st_uid == control.parent.stat().st_uid == 5000
    command = daemon.command("--status", "--json")
    assert run(*command).returncode == 0
    assert run(*command, user=5000, group=5000, extra_groups=[]).returncode == 0
    done = run(*command, user=65534, group=65534, extra_groups=[])
    assert done.returncode == NO_PERMISSION and "Permission denied" in done.stderr
    control.chmod(0o666)
    done = run(*command, user=65534, group=65534, extra_groups=[])
    assert done.returncode == NO_PERMISSION and "only root" in done.stderr and done.stdout == ""


@only_the_client
def test_a_daemon_that_hangs(lmtpd, directory):
    """Nobody waits forever: a socket that is never answered."""
    daemon = lmtpd()
    daemon.stop()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(daemon.control))
        if IS_ROOT:
            os.chown(daemon.control, 5000, 5000)
        done = daemon.run("--status")
        assert done.returncode == UNAVAILABLE and "Connection refused" in done.stderr
        listener.listen()
        with running(daemon.command("--status"), stdout=subprocess.PIPE, text=True) as asking:
            client, _ = listener.accept()
            client.recv(100)
            client.sendall(b"ab\x1b[2J\n")
            client.close()
            assert asking.communicate()[0] == "ab?[2J\n", "no byte that steers a terminal"
        # Nor does one that is answered drop by drop.
        with running(daemon.command("--status"), stderr=subprocess.PIPE, text=True) as asking:
            client, _ = listener.accept()
            with client, suppress(BrokenPipeError):
                for _ in range(30):
                    client.sendall(b"a")
                    time.sleep(1)
            assert asking.wait(5) == UNAVAILABLE
            assert "no answer" in asking.stderr.read()


@only_the_client
def test_usage(make_lmtpd, make_auth):
    lmtpd, auth = make_lmtpd(), make_auth()
    for arguments in (
            "--status --check", "--status --stdio", "--status --hash", "--status x", "--prometheus",
            "--watch", "--check --prometheus", "--status --json --prometheus",
            "--status --json --watch", "--status --watch 0", "--status --watch -1",
            "--status --watch 1.5", "--status --watch 3601", "--status --watch=2 3",
            "--status --watch=x", "--status --watch="):
        for daemon in (lmtpd, auth):
            done = daemon.run(*arguments.split())
            assert done.returncode == USAGE and "usage:" in done.stderr, (daemon.binary, arguments)


# --- live -------------------------------------------------------------------

def blocks_of(path):
    """Those that a watcher has written so far, and ended by the next one."""
    return path.read_text().split("\n\n")[:-1]


@only_the_client
def test_watch(lmtpd, directory):
    """One block after another, with rates from the second on; a restart is waited for; Ctrl-C is an
    orderly end."""
    daemon = lmtpd()
    out = directory / "watched"
    with open(out, "wb") as file, running(
            daemon.command("--status", "--watch", "1"), stdout=file, stderr=subprocess.STDOUT) as watcher:
        wait_until(lambda: len(blocks_of(out)) >= 1, 60, "first block")
        first = blocks_of(out)[0]
        assert "/s)" not in first and "\033" not in first
        with daemon.session() as session:
            session.deliver(EMAIL1)
        # A block may come before it is delivered.
        second = wait_until(lambda: next((block for block in blocks_of(out)[1:] if "saved 1" in block), None),
                            60, "another block")
        assert second.startswith("process ")
        assert re.search(r"^recipients   saved 1 \((0|1)\.\d/s\), deferred 0 \(0\.0/s\)", second, re.M)
        assert re.search(r"^commits      count 1 \(\d\.\d/s\), p50 [\d.]+ ms", second, re.M)
        daemon.stop()
        wait_until(lambda: "No such file" in out.read_text(), 60, "word of the end")
        daemon.start()
        n = out.read_text().count("problems")
        wait_until(lambda: out.read_text().count("problems") > n, 60, "another block")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(60) == 0


@only_the_client
def test_watch_on_a_terminal(lmtpd):
    daemon = lmtpd()
    primary, secondary = os.openpty()
    with running(daemon.command("--status", "--watch=3600"), stdout=secondary, stdin=secondary) as watcher:
        os.close(secondary)
        shown = b""
        while b"problems" not in shown:
            shown += os.read(primary, 65536)
        assert shown.startswith(b"\033[H\033[2J")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(60) == 0
    os.close(primary)


@only_the_client
def test_watch_of_nobody(make_lmtpd):
    assert make_lmtpd().run("--status", "--watch").returncode == UNAVAILABLE


# --- lmtpd-auth -------------------------------------------------------------

def test_logins_of_each_result(make_auth, database):
    daemon = make_auth().start()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        assert client.login(EMAIL1, PASSWORD1).verb == "OK"
        assert client.plain(EMAIL1, "top secret").verb == "FAIL"
        client.send_auth("CRAM-MD5")
        assert client.answer().verb == "FAIL"
        daemon.reload()
        with table_away(database):
            client.send_plain(EMAIL1, PASSWORD1)
            assert client.is_closed()
    told = status(daemon)
    assert told["process"]["program"] == "lmtpd-auth" and told["process"]["pid"] == daemon.pid
    assert told["logins"] == {"ok": 2, "fail": 2, "error": 1}
    assert {name: n for name, n in told["mechanisms"].items() if n > 0} == {
        "PLAIN ok": 1, "LOGIN ok": 1, "PLAIN fail": 1, "other fail": 1, "PLAIN error": 1}
    assert told["lookups"]["count"] == 4
    assert told["hashings"]["count"] == told["verifications"]["count"] == 3
    assert 0 < told["hashings"]["p50"] <= told["verifications"]["p99"] < 10
    assert told["database"]["state"] == "does not answer" and told["database"]["errors"] == 1
    [problem] = told["problems"]
    assert problem["level"] == "error" and "result=error" in problem["message"]

    samples = parse_prometheus(status(daemon, "--prometheus"), "lmtpd_auth_")
    assert samples["lmtpd_auth_logins_total", (("mechanism", "LOGIN"), ("result", "ok"))] == 1
    assert samples["lmtpd_auth_logins_total", (("mechanism", "other"), ("result", "fail"))] == 1
    assert samples["lmtpd_auth_login_errors_total", (("reason", "database"),)] == 1
    assert samples["lmtpd_auth_login_errors_total", (("reason", "hash"),)] == 0
    assert samples["lmtpd_auth_hashing_duration_seconds_count", ()] == 3
    text = status(daemon, None)
    assert re.search(r"^logins       ok 2, fail 2, error 1$", text, re.M)
    for form in (text, json.dumps(told)):
        assert PASSWORD1 not in form and "top secret" not in form and "$6$" not in form
    daemon.stop()
    assert not daemon.control.exists()
    assert daemon.run("--status").returncode == UNAVAILABLE


@pytest.mark.needs_root
def test_who_may_ask_lmtpd_auth(make_auth, directory):
    control = directory / "run/control"
    daemon = make_auth(starts_as_root=True, auth={"control": str(control)}).start()
    command = daemon.command("--status", "--json")
    assert run(*command).returncode == 0
    assert run(*command, user=5001, group=5001, extra_groups=[]).returncode == 0
    assert run(*command, user=5000, group=5000, extra_groups=[]).returncode == NO_PERMISSION
