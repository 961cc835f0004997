"""Many logins at once, and more than the machine can bear."""

import socket
import threading
import time

import pytest

from harness.auth import EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, plain_response, set_password
from harness.process import wait_until

pytest_plugins = ["harness.auth_fixtures"]

# "expensive", by bcrypt at a cost that takes a large part of a second.
EXPENSIVE = "$2b$12$abcdefghijklmnopqrstuu1IiTQeMUa6eqMOqcyBkbE1eIbL.6NPC"
# What Postfix bears: its AUTH_TIMEOUT.
PATIENCE = 10
# Connections to the database, which are opened one by one as they are needed.
LOOKUPS = 4


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


def test_idle_hundred_and_burst_of_five_hundred(auth):
    """As a large Postfix: its processes hold connections all day, and then all want to log in."""
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
        wait_until(lambda: daemon.descriptors() <= before + LOOKUPS, 10,
                   "end of the broken connections")


@pytest.mark.heavy
def test_overload(auth, database):
    """More than can be hashed in time: the late ones are put off, none is refused, and then there
    is peace again."""
    set_password(database, "expensive@example.com", EXPENSIVE)
    daemon = auth()
    with daemon.client() as steady:
        assert steady.plain("expensive@example.com", "expensive").verb == "OK"
        descriptors, memory = daemon.descriptors(), daemon.memory()
        clients = [daemon.client() for _ in range(400)]
        for client in clients:
            client.send_plain("expensive@example.com", "expensive")
        told = verbs(clients)
        assert "FAIL" not in told
        assert 0 < told.count("closed") and 0 < told.count("OK")
        # The oldest come first; those that came last may find the queue emptied of late ones.
        assert told[0] == "OK"
        close_all(clients)
        late = daemon.wait_for_log(told.count("closed"), event="auth", result="error")
        assert len(late) == told.count("closed")
        assert all("too many logins" in line["reason"] for line in late)
        # In the order in which they came: those that are late are the last. One hash may have been
        # on its way for each of them.
        results = [line["result"] for line in daemon.log(event="auth")]
        assert results[:10] == ["ok"] * 10
        assert results[-50:].count("error") >= 40
        wait_until(lambda: daemon.descriptors() <= descriptors + LOOKUPS, 10,
                   "end of the connections")
        assert daemon.memory() - memory < 32_000_000
        assert steady.plain(EMAIL1, PASSWORD1).verb == "OK"
        before = daemon.ticks()
        time.sleep(0.5)
        assert daemon.ticks() - before <= 5, "it still works on what nobody waits for"


@pytest.mark.heavy
def test_nobody_waits_for_those_who_left(auth, database):
    """Work whose client is gone is not done, or the next login would be late."""
    set_password(database, "expensive@example.com", EXPENSIVE)
    daemon = auth()
    clients = [daemon.client() for _ in range(200)]
    for client in clients:
        client.send_plain("expensive@example.com", "expensive")
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
