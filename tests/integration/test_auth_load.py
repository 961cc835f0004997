"""Many logins at once, and more than the machine can bear."""

import os
import socket
import threading
import time

import pytest

from harness.auth import EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, plain_response, set_password
from harness.process import wait_until

pytest_plugins = ["harness.auth_fixtures"]

# "expensive", by bcrypt at a cost that takes a large part of a second.
EXPENSIVE_USER = "expensive@example.com"
EXPENSIVE = "$2b$12$abcdefghijklmnopqrstuu1IiTQeMUa6eqMOqcyBkbE1eIbL.6NPC"
# A quarter of that: of a few logins behind each other all are in time where the machine has other things to do, too.
LESS_EXPENSIVE = "$2b$10$abcdefghijklmnopqrstuugzF922p8NtXgOAukO158wixbm2O9dOe"
# The passwords of the sample rows, as cheap as crypt(5) has them.
CHEAP1 = "$5$rounds=1000$saltsalt$8qB7uh380qxObtepUV/o1e9E5PS6citKptaVI.JZhs7"
CHEAP2 = "$5$rounds=1000$saltsalt$xvCgZI2J7hM8dcF6owzSbDww/WVoEEfsnV6qAjmd5EA"
# What Postfix bears: its AUTH_TIMEOUT.
PATIENCE = 10
# Connections to the database, which are opened one by one as they are needed.
LOOKUPS = 4
# Passwords are hashed by as many threads.
CORES = os.cpu_count()
GUESSERS = 99
# Whoever goes first waits for what is being hashed already, and beside him others are hashed; and this
# process may have stood still for a while between its looks at the log.
OVERTAKEN_MAX = 3 * CORES + 10
WEBMAIL = "192.0.2.25"


def verbs(clients):
    """What each was told: OK, FAIL or closed."""
    told = []
    for client in clients:
        try:
            told.append(client.answer().verb)
        except (EOFError, ConnectionResetError):
            told.append("closed")
    return told


def close_all(clients):
    for client in clients:
        client.close()


def test_idle_hundred_and_burst_of_five_hundred(auth, database):
    """As a large Postfix: its processes hold connections all day, and then all want to log in. What passwords cost is no
    part of it."""
    for user, stored in ((EMAIL1, CHEAP1), (EMAIL2, CHEAP2)):
        set_password(database, user, stored)
    daemon = auth(auth={"failure_delay": 2})
    idle = [daemon.client() for _ in range(100)]
    burst = [daemon.client() for _ in range(500)]
    expected = ["OK" if number % 5 else "FAIL" for number in range(500)]
    began = time.monotonic()
    for client, verb in zip(burst, expected):
        client.send_plain(EMAIL1, PASSWORD1 if verb == "OK" else "wrong")
    assert verbs(burst) == expected
    assert time.monotonic() - began < PATIENCE
    for client in idle:
        client.send_plain(EMAIL2, PASSWORD2)
    assert verbs(idle) == ["OK"] * 100
    assert len(daemon.log(event="auth", result="ok")) == 500
    assert len(daemon.log(event="auth", result="fail")) == 100
    close_all(idle + burst)


def test_all_connect_at_the_same_moment(auth):
    """None is refused: Postfix's smtpd ends itself when it cannot connect."""
    daemon = auth()
    sockets = []
    for _ in range(600):
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        # With a full backlog this would fail at once.
        connection.connect(str(daemon.socket))
        sockets.append(connection)
    for connection in sockets:
        connection.settimeout(PATIENCE)
        handshake = b""
        while not handshake.endswith(b"DONE\n"):
            data = connection.recv(4096)
            assert data
            handshake += data
        connection.close()


def test_logins_while_clients_come_and_go(auth):
    """Connections that break off in every state disturb nobody and leave nothing."""
    daemon = auth()
    with daemon.client() as steady:
        assert steady.plain(EMAIL1, PASSWORD1).verb == "OK"
        before = daemon.descriptors()
        stop = threading.Event()

        def come_and_go():
            line = f"AUTH\t1\tPLAIN\tresp={plain_response(EMAIL1, PASSWORD1)}\n"
            number = 0
            while not stop.is_set():
                with daemon.connect() as client:
                    client.send(line[:number % len(line) + 1])
                number += 7
                time.sleep(0.001)

        threads = [threading.Thread(target=come_and_go) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(150):
                assert steady.plain(EMAIL1, PASSWORD1).verb == "OK"
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        wait_until(lambda: daemon.descriptors() <= before + LOOKUPS, 60,
                   "end of the broken connections")


@pytest.mark.heavy
def test_overload(auth, database):
    """More than can be hashed in time: the late ones are put off, none is refused, and then there
    is peace again."""
    set_password(database, EXPENSIVE_USER, EXPENSIVE)
    daemon = auth()
    with daemon.client() as steady:
        assert steady.plain(EXPENSIVE_USER, "expensive").verb == "OK"
        descriptors, memory = daemon.descriptors(), daemon.memory()
        clients = [daemon.client() for _ in range(400)]
        # Two addresses: of 400 one would take the counts of the other at some run, the table is small.
        for number, client in enumerate(clients):
            rip = "192.0.2.9" if 200 <= number < 204 else "192.0.2.1"
            client.send_plain(EXPENSIVE_USER, "expensive", rip=rip)
        told = verbs(clients)
        assert "FAIL" not in told
        assert 0 < told.count("closed") and 0 < told.count("OK")
        # The oldest come first, as long as they have not waited for long; then the newest do. Some
        # of them had to wait for their thread's first connection to the database.
        assert "OK" in told[:40]
        close_all(clients)
        late = daemon.wait_for_log(told.count("closed"), event="auth", result="error")
        assert len(late) == told.count("closed")
        assert all("too many logins" in line["reason"] for line in late)
        # Those that are late are the last. A hash may have been on its way for each thread.
        results = [line["result"] for line in daemon.log(event="auth")]
        n_first = 1 + max(1, min(3, told.count("OK") - CORES))
        assert results[:n_first] == ["ok"] * n_first
        assert results[-50:].count("error") >= 40
        wait_until(lambda: daemon.descriptors() <= descriptors + LOOKUPS, 60,
                   "end of the connections")
        assert daemon.memory() - memory < 32_000_000
        assert steady.plain(EMAIL1, PASSWORD1).verb == "OK"
        before = daemon.ticks()
        time.sleep(0.5)
        assert daemon.ticks() - before <= 5, "it still works on what nobody waits for"
        # Whoever was part of it has failed, as far as the next failure goes.
        began = time.monotonic()
        assert steady.plain(EMAIL2, "wrong", rip="192.0.2.9").verb == "FAIL"
        assert time.monotonic() - began > 0.5 * told[200:204].count("closed") - 0.05


@pytest.mark.heavy
def test_newest_first_when_not_all_can_be_served(auth, database):
    """Who comes while others have waited for long already is served, and not put behind them all to
    wait as long in vain."""
    set_password(database, EXPENSIVE_USER, EXPENSIVE)
    daemon = auth()
    crowd = [daemon.client() for _ in range(min(50 * CORES, 400))]
    for client in crowd:
        client.send_plain(EXPENSIVE_USER, "expensive")
    time.sleep(3)
    with daemon.client() as newcomer:
        before = len(daemon.log(event="auth", result="ok"))
        assert newcomer.plain(EXPENSIVE_USER, "expensive").verb == "OK"
        assert len(daemon.log(event="auth", result="ok")) - before <= OVERTAKEN_MAX
    assert "FAIL" not in verbs(crowd)
    close_all(crowd)


def overtaken(daemon, client, logins, rip):
    """How many others were hashed before these, of which each is right, and no other is. Where the
    machine has other things to do, the others may all be given up meanwhile."""
    before = len(daemon.log(event="auth"))
    for login in logins:
        client.send_plain(*login, rip=rip)
    assert [client.answer().verb for _ in logins] == ["OK"] * len(logins)
    results = [line["result"] for line in daemon.log(event="auth")[before:]]
    last = [number for number, result in enumerate(results) if result == "ok"][-1]
    return results[:last].count("fail")


class Guessers:
    """Each is at an address of its own, has failed to guess a user's password before, and guesses
    again when that costs much."""

    def __init__(self, daemon, database):
        self.clients = [daemon.client() for _ in range(GUESSERS)]
        # Nobody has this name yet, so it costs little.
        for _ in range(3):
            self.guess()
        for _ in range(3):
            assert verbs(self.clients) == ["FAIL"] * GUESSERS
        set_password(database, EXPENSIVE_USER, LESS_EXPENSIVE)

    def guess(self, right=0):
        """All at once, the first of them with the right password."""
        for number, client in enumerate(self.clients):
            client.send_plain(EXPENSIVE_USER, "expensive" if number < right else "wrong",
                              rip=f"198.51.100.{number}")


@pytest.fixture
def guessers(auth, database):
    daemon = auth(auth={"trusted": [WEBMAIL, "2001:db8::/32"]})
    made = Guessers(daemon, database)
    yield daemon, made
    close_all(made.clients)


def wait_until_they_are_hashed(daemon):
    daemon.wait_for_log(3 * GUESSERS + 2, event="auth", result="fail")


@pytest.mark.heavy
@pytest.mark.parametrize("rip, is_neighbour", [
    ("203.0.113.1", False), ("203.0.113.1", True), (WEBMAIL, True), ("127.0.0.1", True),
    ("2001:db8::1", True),
])
def test_owner_goes_before_who_guesses_his_password(guessers, rip, is_neighbour):
    """Also where others have failed at his address."""
    daemon, others = guessers
    with daemon.client() as owner:
        if is_neighbour:
            for _ in range(3):
                assert owner.plain("nobody@example.com", "wrong", rip=rip).verb == "FAIL"
        others.guess()
        wait_until_they_are_hashed(daemon)
        assert overtaken(daemon, owner, [(EXPENSIVE_USER, "expensive")], rip) <= OVERTAKEN_MAX


@pytest.mark.heavy
def test_webmail_beside_guessers(guessers):
    """All its users have one address, at which some of them mistype all day. None waits for those
    who guess elsewhere."""
    daemon, others = guessers
    logins = [(EXPENSIVE_USER, "expensive"), (EMAIL1, PASSWORD1)] * 3 + [(EMAIL2, PASSWORD2)]
    with daemon.client() as webmail:
        for number in range(10):
            for user in (EMAIL2, f"nobody{number}@example.com"):
                webmail.send_plain(user, "mistyped", rip=WEBMAIL)
        assert [webmail.answer().verb for _ in range(20)] == ["FAIL"] * 20
        others.guess()
        wait_until_they_are_hashed(daemon)
        assert overtaken(daemon, webmail, logins, WEBMAIL) <= OVERTAKEN_MAX


@pytest.mark.heavy
def test_good_password_is_never_refused(guessers):
    """Not in the middle of those who guess, from the same addresses, when there is no end of them: it
    is right, or it is put off."""
    daemon, others = guessers
    for _ in range(3):
        others.guess(right=33)
    for number, client in enumerate(others.clients):
        for _ in range(3):
            verb = verbs([client])[0]
            assert verb in (("OK", "closed") if number < 33 else ("FAIL", "closed"))
            if verb == "closed":
                break


@pytest.mark.heavy
def test_nobody_waits_for_those_who_left(auth, database):
    """Work whose client is gone is not done, or the next login would be late."""
    set_password(database, EXPENSIVE_USER, EXPENSIVE)
    daemon = auth()
    clients = [daemon.client() for _ in range(200)]
    for client in clients:
        client.send_plain(EXPENSIVE_USER, "expensive")
    close_all(clients)
    with daemon.client() as owner:
        assert owner.plain(EMAIL1, PASSWORD1).verb == "OK"
    lines = daemon.wait_for_log(201, event="auth")
    assert len(lines) == 201
    assert sum(line["result"] == "ok" for line in lines) < 100
    assert all("level" not in line for line in lines), "it is no fault of ours"


@pytest.mark.heavy
def test_flood_of_wrong_passwords(auth):
    """Their FAILs wait, those who know their password do not wait for them."""
    daemon = auth(auth={"failure_delay": 2})
    flood = [daemon.client() for _ in range(300)]
    for client in flood:
        client.send_plain(EMAIL1, "wrong", rip="198.51.100.1")
    with daemon.client() as owner:
        assert owner.plain(EMAIL1, PASSWORD1).verb == "OK"
        for client in flood:
            client.socket.setblocking(False)
        # Whoever was refused so far was refused after its delay; most still wait.
        waiting = sum(has_no_answer(client) for client in flood)
        assert waiting > 200
    for client in flood:
        client.socket.settimeout(PATIENCE)
    assert verbs(flood) == ["FAIL"] * 300
    close_all(flood)
    assert len(daemon.log(event="auth", result="fail")) == 300


def has_no_answer(client):
    try:
        client.pending += client.socket.recv(4096)
        return False
    except BlockingIOError:
        return True


@pytest.mark.heavy
def test_memory_does_not_grow_with_use(auth):
    """Thousands of logins, right, wrong and malformed, later it is as small as before."""
    daemon = auth()

    def use(client, rounds):
        for _ in range(rounds):
            for _ in range(20):
                client.send_plain(EMAIL1, PASSWORD1)
                client.send_plain("nobody@example.com", "wrong")
                client.send_auth("PLAIN", "resp=!")
            for _ in range(60):
                client.answer()

    with daemon.client() as client:
        use(client, 5)
        before = daemon.memory()
        use(client, 30)
        assert daemon.memory() - before < 8_000_000
