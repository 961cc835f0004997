"""lmtpd-auth on its socket: the protocol, users and their hashes, delays, the log."""

import os
import re
import signal
import socket
import stat
import time

import pytest

from harness.auth import (
    AUTH_GROUP, AUTH_ID, EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, AuthClient, base64_of,
    plain_response, set_password,
)
from harness.process import free_port, run_checked, wait_until

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.quick

ARGON2 = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub"
HOSTILE = "a\" rip=203.0.113.9 result=ok@example.com"


# --- protocol ---------------------------------------------------------------

def test_handshake_comes_unasked(auth):
    """Postfix says nothing before it has read DONE; MECH stands before SPID."""
    daemon = auth()
    with daemon.connect() as client:
        lines = [client.line()]
        while lines[-1] != "DONE":
            lines.append(client.line())
    assert lines[:3] == ["VERSION\t1\t2", "MECH\tPLAIN\tplaintext", "MECH\tLOGIN\tplaintext"]
    assert lines[3] == f"SPID\t{daemon.pid}"
    assert re.fullmatch(r"CUID\t\d+", lines[4])
    assert re.fullmatch(r"COOKIE\t[0-9a-f]{32}", lines[5])
    assert lines[6:] == ["DONE"]


def test_connections_differ(auth):
    daemon = auth()
    with daemon.connect() as first, daemon.connect() as second:
        handshakes = [client.hello() for client in (first, second)]
    assert handshakes[0][4] != handshakes[1][4]
    assert handshakes[0][5] != handshakes[1][5]


@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN"])
def test_one_mechanism_only(auth, offered):
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[offered]
    daemon = auth(auth={"mechanisms": [offered.lower()]})
    with daemon.connect() as client:
        assert [line for line in client.hello() if line.startswith("MECH")] == [
            f"MECH\t{offered}\tplaintext"]
        client.send_auth(other)
        assert client.answer().verb == "FAIL"
        assert getattr(client, offered.lower())(EMAIL1, PASSWORD1).verb == "OK"


def test_plain_and_login(auth):
    with auth().client() as client:
        for attempt in (client.plain, client.login):
            assert attempt(EMAIL1, PASSWORD1) == ("OK", str(client.last_id), [f"user={EMAIL1}"])
            assert attempt(EMAIL2, PASSWORD2).user == EMAIL2
            assert attempt(EMAIL1, PASSWORD2).verb == "FAIL"
            assert attempt("nobody@example.com", PASSWORD1).verb == "FAIL"


def test_plain_without_initial_response(auth):
    with auth().client() as client:
        number = client.send_auth("plain")
        assert client.line() == f"CONT\t{number}\t"
        client.send(f"CONT\t{number}\t{plain_response(EMAIL1, PASSWORD1)}\n")
        assert client.answer().verb == "OK"


def test_strangers_learn_nothing_from_a_failure(auth):
    """Postfix shows reason= to whoever asks."""
    with auth().client() as client:
        assert client.plain(EMAIL1, "wrong") == ("FAIL", "1", [f"user={EMAIL1}"])
        assert client.plain("nobody@example.com", "wrong") == (
            "FAIL", "2", ["user=nobody@example.com"])
        client.send_auth("PLAIN", "resp=!")
        assert client.answer() == ("FAIL", "3", [])


def test_bad_requests_leave_others_alone(auth):
    """Neither garbage nor long lines nor failures disturb a login of the same connection."""
    daemon = auth()
    with daemon.client() as client:
        number = client.send_auth("LOGIN")
        assert client.answer().verb == "CONT"
        client.send(b"AUTH\t77\tPLAIN\tresp=" + b"A" * 20000 + b"\nAUTH\nNONSENSE\t1\n\n\0\xff\n")
        assert client.answer() == ("FAIL", "77", [])
        client.send(f"CONT\t{number}\t{base64_of(EMAIL1)}\n")
        assert client.answer().verb == "CONT"
        client.send("AUTH\t78\tPLAIN\tresp=x\nAUTH\t79\tGSSAPI\n")
        assert {client.answer().id, client.answer().id} == {"78", "79"}
        client.send(f"CONT\t{number}\t{base64_of(PASSWORD1)}\n")
        assert client.answer() == ("OK", str(number), [f"user={EMAIL1}"])


def test_undecided_login_leaves_its_neighbours_alone(auth, database):
    """The others of its connection are answered before that closes, and nothing new is read."""
    set_password(database, EMAIL2, ARGON2)
    daemon = auth(auth={"failure_delay": 1})
    with daemon.client() as client:
        logins = [(EMAIL1, "wrong"), (EMAIL2, PASSWORD2), (EMAIL1, PASSWORD1), (EMAIL1, "wrong")]
        client.send("".join(
            f"AUTH\t{number}\tPLAIN\trip=192.0.2.{number}\tresp={plain_response(*login)}\n"
            for number, login in enumerate(logins, 1)))
        daemon.wait_for_log(result="error")
        answers = {(answer.verb, answer.id) for answer in (client.answer() for _ in range(3))}
        assert answers == {("OK", "3"), ("FAIL", "1"), ("FAIL", "4")}
        assert client.is_closed()


def test_hanging_lookup_leaves_its_neighbours_alone(auth, database):
    """The login that the database does not answer for closes the connection, but not before the
    failure beside it was told; nothing is read meanwhile."""
    daemon = auth(auth={"failure_delay": 4}, mysql={"timeout": 1})
    with daemon.client() as client:
        client.send_plain(EMAIL1, "wrong")
        daemon.wait_for_log(result="fail")
        database.freeze()
        try:
            client.send_plain(EMAIL1, PASSWORD1)
            daemon.wait_for_log(result="error")
            client.send_plain(EMAIL2, "wrong")
            assert client.answer()[:2] == ("FAIL", "1")
            assert client.is_closed()
        finally:
            database.thaw()
    assert daemon.log(user=EMAIL2) == []


def test_another_version(auth):
    daemon = auth()
    with daemon.client() as client:
        client.send("VERSION\t2\t0\n")
        assert client.is_closed()
    assert len(daemon.wait_for_log(event="client")) == 1


def test_many_requests_of_one_connection(auth):
    """Each gets one answer, whatever the order."""
    daemon = auth(auth={"failure_delay": 1})
    with daemon.client() as client:
        right, wrong = [], []
        for number in range(40):
            good = number % 3 != 0
            sent = client.send_plain(EMAIL1, PASSWORD1 if good else "wrong")
            (right if good else wrong).append(str(sent))
        answers = [client.answer() for _ in range(40)]
    assert sorted(answer.id for answer in answers if answer.verb == "OK") == sorted(right)
    assert sorted(answer.id for answer in answers if answer.verb == "FAIL") == sorted(wrong)


def test_byte_by_byte(auth):
    with auth().client() as client:
        client.last_id += 1
        for byte in f"AUTH\t1\tPLAIN\tresp={plain_response(EMAIL1, PASSWORD1)}\n".encode():
            client.send(bytes([byte]))
        assert client.answer() == ("OK", "1", [f"user={EMAIL1}"])


def test_client_that_never_reads(auth):
    """Its answers fill nothing of ours: others are served, and memory stays."""
    daemon = auth()
    with daemon.client() as good:
        assert good.plain(EMAIL1, PASSWORD1).verb == "OK"
        before = daemon.memory()
        with daemon.connect() as deaf:
            deaf.socket.setblocking(False)
            sent = 0
            try:
                while sent < 50_000_000:
                    sent += deaf.socket.send(b"AUTH\t1\tGSSAPI\n" * 1000)
            except BlockingIOError:
                pass
            assert sent < 50_000_000, "it swallows everything"
            assert good.plain(EMAIL1, PASSWORD1).verb == "OK"
            assert daemon.memory() - before < 16_000_000


def test_client_leaves_while_it_is_verified(auth):
    """Nobody is there to take the answer; the log has a line for each all the same."""
    daemon = auth(auth={"failure_delay": 1})
    for number in range(20):
        with daemon.client() as client:
            client.send_plain(EMAIL1, PASSWORD1 if number % 2 else "wrong",
                              rip=f"192.0.2.{number}")
    lines = daemon.wait_for_log(20, event="auth", user=EMAIL1)
    assert {line["rip"] for line in lines} == {f"192.0.2.{number}" for number in range(20)}
    for line in lines:
        told = "ok" if int(line["rip"].split(".")[3]) % 2 else "fail"
        assert line["result"] in (told, "error")
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_cancel(auth):
    with auth(auth={"failure_delay": 1}).client() as client:
        client.send_plain(EMAIL1, "wrong")
        client.send("CANCEL\t1\n")
        assert client.plain(EMAIL1, PASSWORD1).id == "2"
        client.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            client.answer()


# --- users ------------------------------------------------------------------

def test_name_in_any_case(auth, database):
    """The answer has the row's own spelling: Postfix compares it with smtpd_sender_login_maps."""
    with auth().client() as client:
        assert client.plain("EMAIL1@Example.COM", PASSWORD1).user == EMAIL1
        database.sql(f"UPDATE virtual_users SET email = 'Mixed.Case@example.com' "
                     f"WHERE email = '{EMAIL1}'")
        assert client.plain("mixed.case@example.com", PASSWORD1).user == "Mixed.Case@example.com"


@pytest.mark.parametrize("near", ["émail1@example.com", "email1@example.com ", " " + EMAIL1,
                                  "email1@example.com\u200b", "email1@exámple.com"])
def test_names_that_the_collation_takes_for_equal(auth, near):
    """MySQL finds a row; it is not the one that was asked for."""
    with auth().client() as client:
        assert client.plain(near, PASSWORD1).verb == "FAIL"


@pytest.mark.parametrize("user", [
    "' OR '1'='1", "email1@example.com' -- ", "%u", "%", "_", "email1@example.co_", "\\", "\\'",
    "email1", "@", "@example.com", "a" * 490 + "@example.com", "日本@example.com",
    "😀@example.com", "x'; DROP TABLE virtual_users; -- ", "NULL", "0", "{}",
])
@pytest.mark.parametrize("tables", ["database", "guide_database"])
def test_strange_names_are_unknown_users(auth, request, tables, user):
    """None of them is an accident: a stranger must not be able to look like a broken database."""
    database = request.getfixturevalue(tables)
    database.sql("GRANT SELECT ON guide.* TO 'mailauth'@'localhost'")
    daemon = auth(mysql={"dbname": database.database})
    with daemon.client() as client:
        assert client.plain(user, PASSWORD1) == ("FAIL", "1", [f"user={user}"])
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    assert daemon.log(result="error") == []


@pytest.mark.parametrize("tables", ["database", "guide_database"])
def test_name_that_is_no_utf8(auth, request, tables):
    database = request.getfixturevalue(tables)
    database.sql("GRANT SELECT ON guide.* TO 'mailauth'@'localhost'")
    daemon = auth(mysql={"dbname": database.database})
    with daemon.client() as client:
        for name in (b"\xff\xfe@example.com", b"email1\x80@example.com", b"\xc3@example.com",
                     b"\xf0\x9f@example.com", b"\xed\xa0\x80@example.com"):
            client.send_auth("PLAIN", "resp=" + base64_of(b"\0" + name + b"\0firstpassword"))
            line = client.socket.recv(65536)
            assert line.startswith(b"FAIL\t%d" % client.last_id), name
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_hashes_of_all_kinds(auth, auth_binary, database):
    """What sites have in their tables: with and without a prefix, made by others and by us."""
    word = "Büro-Tür 7"
    made = {
        f"openssl{flag}": run_checked("openssl", "passwd", flag, "-stdin", input=word).strip()
        for flag in ("-6", "-5", "-1")
    }
    for method in ("sha512crypt", "yescrypt", "bcrypt"):
        made[method] = run_checked(auth_binary, "--hash", method, input=word + "\n").strip()
    stored = dict(made)
    stored["crypt"] = "{CRYPT}" + made["openssl-5"]
    stored["blf-crypt"] = "{BLF-CRYPT}" + made["bcrypt"]
    stored["sha256-crypt"] = "{sha256-crypt}" + made["openssl-5"]
    stored["md5-crypt"] = "{MD5-CRYPT}" + made["openssl-1"]
    database.sql("ALTER TABLE virtual_users MODIFY password VARCHAR(255) NOT NULL")
    stored["sha512-crypt"] = "{SHA512-CRYPT}" + made["openssl-6"]
    for name, text in stored.items():
        set_password(database, f"{name}@example.com", text)
    with auth().client() as client:
        for name in stored:
            assert client.plain(f"{name}@example.com", word).verb == "OK", name
            assert client.plain(f"{name}@example.com", word + "x").verb == "FAIL", name


@pytest.mark.parametrize("stored", [
    ARGON2, "{PLAIN}firstpassword", "clear text", "{SSHA}x", "$6$short",
    "$6$qK6vOLrQgeLk2tSd$VSae2KdrqS08uXHTh.XWU1dEIePDxqkF8fkT.hrLA3moGYQNnnrjVM0.bMTMq3tsr",
])
def test_hash_that_cannot_be_checked(auth, database, stored):
    """The connection closes, which Postfix turns into 454; never "wrong password"."""
    set_password(database, EMAIL1, stored)
    daemon = auth()
    for password in (PASSWORD1, "wrong", stored):
        with daemon.client() as client:
            client.send_plain(EMAIL1, password)
            assert client.is_closed()
    lines = daemon.wait_for_log(3, event="auth")
    assert [line["result"] for line in lines] == ["error"] * 3
    assert all("hash" in line["reason"] for line in lines)
    with daemon.client() as client:
        assert client.plain(EMAIL2, PASSWORD2).verb == "OK"


def test_hash_that_cannot_be_checked_costs_as_much(auth, database):
    """The connection closes when a failure would have been told, and each counts as one: else such
    an account could be told from others, and guessed at without end."""
    set_password(database, EMAIL2, ARGON2)
    daemon = auth(auth={"failure_delay": 1})
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    for number in range(3):
        with daemon.client() as client:
            began = time.monotonic()
            client.send_plain(EMAIL2, PASSWORD2, rip="192.0.2.1")
            assert client.is_closed()
            assert 1 + number * 0.5 - 0.05 < time.monotonic() - began < 5
    with daemon.client() as client:
        verb, seconds = timed(client, EMAIL1, "wrong", rip="192.0.2.1")
        assert verb == "FAIL" and seconds > 2.45


@pytest.mark.parametrize("stored", ["", "*", "!", "!locked", "{CRYPT}", "{CRYPT}*", "{ARGON2ID}!x"])
def test_locked_account(auth, database, stored):
    """For a stranger it is as one with another password; the log knows more."""
    set_password(database, EMAIL1, stored)
    daemon = auth(auth={"failure_delay": 1})
    with daemon.client() as client:
        for number, password in enumerate((PASSWORD1, "", stored)):
            verb, seconds = timed(client, EMAIL1, password, rip="192.0.2.1")
            assert verb == "FAIL"
            assert 1 + number * 0.5 - 0.05 < seconds < 5
        assert client.plain(EMAIL2, PASSWORD2).verb == "OK"
    lines = daemon.log(event="auth", user=EMAIL1)
    assert [(line["level"], line["result"], line["reason"]) for line in lines] == [
        ("warning", "fail", "locked")] * 3


def test_null_is_locked(auth):
    daemon = auth(mysql={
        "password_query": "SELECT email, NULL FROM virtual_users WHERE email = '%u'"})
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1) == ("FAIL", "1", [f"user={EMAIL1}"])
    assert daemon.log(event="auth")[0]["reason"] == "locked"


@pytest.mark.parametrize("stored", [ARGON2, "{CRYPT}", "*", "$2b$99$" + "C" * 53, None])
def test_password_of_another_opens_nothing(auth, database, stored):
    """What is hashed in the place of a hash is somebody's: his password must be of no use there."""
    if stored is None:
        database.sql(f"DELETE FROM virtual_users WHERE email = '{EMAIL2}'")
    else:
        set_password(database, EMAIL2, stored)
    daemon = auth()
    with daemon.client() as client:
        for password in ("", PASSWORD1):
            with daemon.client() as stranger:
                stranger.send_plain(EMAIL2, password)
                try:
                    assert stranger.answer().verb == "FAIL"
                except EOFError:
                    pass
            assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    assert daemon.log(event="auth", user=EMAIL2, result="ok") == []


@pytest.mark.parametrize("stored", ["$6$short", "$y$garbage", "$2b$10$short", ARGON2])
def test_one_bad_hash_is_its_owners_alone(auth, database, stored):
    """Unknown users are refused as ever, whatever was stored for the one before."""
    set_password(database, EMAIL1, stored)
    daemon = auth()
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    with daemon.client() as client:
        assert client.plain("nobody@example.com", PASSWORD1).verb == "FAIL"
        assert client.plain(EMAIL2, "wrong").verb == "FAIL"


def test_longest_and_empty_passwords(auth):
    with auth().client() as client:
        for password in ("", "x" * 511, "x" * 512, "x" * 513, "x" * 4096, "x" * 4097):
            assert client.plain(EMAIL1, password).verb == "FAIL", len(password)
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_changed_password_counts_at_once(auth, auth_binary, database):
    with auth().client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        set_password(database, EMAIL1, run_checked(auth_binary, "--hash", input="new\n").strip())
        assert client.plain(EMAIL1, PASSWORD1).verb == "FAIL"
        assert client.plain(EMAIL1, "new").verb == "OK"
        database.sql(f"DELETE FROM virtual_users WHERE email = '{EMAIL1}'")
        assert client.plain(EMAIL1, "new").verb == "FAIL"


# --- database ---------------------------------------------------------------

def test_database_stopped_and_back(auth, database):
    """Logins are put off, not refused, and work again without a restart."""
    daemon = auth()
    standing = daemon.client()
    assert standing.plain(EMAIL1, PASSWORD1).verb == "OK"
    database.stop()
    standing.send_plain(EMAIL1, PASSWORD1)
    assert standing.is_closed()
    for user, password in ((EMAIL1, PASSWORD1), (EMAIL1, "wrong"), ("nobody@example.com", "x")):
        with daemon.client() as client:
            client.send_plain(user, password)
            assert client.is_closed()
    lines = daemon.wait_for_log(4, event="auth", result="error")
    assert all("mysql" in line["reason"] for line in lines)
    database.start()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        assert client.plain(EMAIL1, "wrong").verb == "FAIL"


def test_starts_without_the_database(make_auth, database):
    database.stop()
    daemon = make_auth().start()
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    database.start()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_starts_with_a_wrong_password_of_the_database(auth):
    """It may be mended there: logins are put off until then, and the log says why."""
    daemon = auth(mysql={"password": "wrong"})
    [line] = daemon.wait_for_log(event="start", level="error")
    assert "Access denied" in line["reason"]
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    [line] = daemon.wait_for_log(event="auth")
    assert line["result"] == "error" and "Access denied" in line["reason"]
    assert "wrong" not in line["reason"]


def test_database_that_hangs(auth, database):
    """An answer comes before Postfix gives up after 10 s, and only this connection closes."""
    daemon = auth(mysql={"timeout": 2})
    with daemon.client() as client, daemon.client() as bystander:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        database.freeze()
        try:
            began = time.monotonic()
            client.send_plain(EMAIL1, PASSWORD1)
            assert client.is_closed()
            assert time.monotonic() - began < 10
        finally:
            database.thaw()
        assert bystander.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_connections_killed_by_the_server(auth, database):
    """As after wait_timeout: one more try, and nobody notices."""
    daemon = auth()
    with daemon.client() as client:
        for _ in range(5):
            assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
            database.sql("KILL USER 'mailauth'@'localhost'")
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    assert daemon.log(result="error") == []


def test_account_reads_two_columns_and_no_more(auth, database):
    """The grants of schema/grants.sql are enough for the daemon, and give nothing else."""
    for text in ("SELECT id FROM virtual_users", "SELECT * FROM virtual_users",
                 "SELECT * FROM virtual_domains", "SELECT * FROM virtual_aliases",
                 "UPDATE virtual_users SET password = ''", "DELETE FROM virtual_users"):
        done = database.client(text, database.database, user="mailauth", password="mailauthpass")
        assert done.returncode != 0 and "denied" in done.stderr, text
    with auth().client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_account_without_the_right_to_read(auth):
    """lmtpd's own account cannot read passwords: said at the start, and logins are put off."""
    daemon = auth(mysql={"user": "mailuser", "password": "mailuserpass"})
    [line] = daemon.wait_for_log(event="start", level="error")
    assert "password_query" in line["reason"]
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()


# --- delays -----------------------------------------------------------------

def timed(client, *arguments, **options):
    began = time.monotonic()
    answer = client.plain(*arguments, **options)
    return answer.verb, time.monotonic() - began


def test_failure_delay(auth):
    """A FAIL waits, for a user that exists and for one that does not; an OK does not."""
    daemon = auth(auth={"failure_delay": 2})
    with daemon.client() as client:
        for user in (EMAIL1, "nobody@example.com"):
            verb, seconds = timed(client, user, "wrong")
            assert verb == "FAIL"
            assert 1.95 < seconds < 5
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_delay_grows_for_one_client_alone(auth):
    daemon = auth()
    with daemon.client() as client:
        for number in range(5):
            verb, seconds = timed(client, EMAIL1, "wrong", rip="198.51.100.1")
            assert verb == "FAIL"
            assert number * 0.5 - 0.05 < seconds < 5
        # Many more change nothing: it stays below what the contract of Postfix bears, which is 10 s.
        for _ in range(20):
            client.send_plain(EMAIL1, "wrong", rip="198.51.100.1")
        verb, seconds = timed(client, EMAIL1, PASSWORD1, rip="198.51.100.1")
        assert verb == "OK", "a good password never waits for failures"
        began = time.monotonic()
        assert [client.answer().verb for _ in range(20)] == ["FAIL"] * 20
        assert time.monotonic() - began < 10


def fail_often(client, users, rip):
    for user in users:
        client.send_plain(user, "wrong", rip=rip)
    assert [client.answer().verb for _ in users] == ["FAIL"] * len(users)


@pytest.mark.parametrize("rip, is_trusted", [
    ("192.0.2.7", True), ("192.0.2.8", False), ("2001:db8:7::1", True), ("2001:db9::1", False),
    ("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("128.0.0.1", False),
])
def test_trusted_addresses_make_nobody_wait(auth, rip, is_trusted):
    """A webmail has one address for all its users: who fails there makes himself wait, not them."""
    daemon = auth(auth={"trusted": ["192.0.2.7", "2001:db8::/32"]})
    with daemon.client() as client:
        fail_often(client, [f"user{number}@example.com" for number in range(6)], rip)
        verb, seconds = timed(client, EMAIL1, "wrong", rip=rip)
        assert verb == "FAIL"
        assert seconds < 2 if is_trusted else seconds > 2.95


def test_guessing_at_a_trusted_address(auth):
    """The account counts there, so that nobody guesses on without waiting."""
    with auth().client() as client:
        fail_often(client, [EMAIL1] * 6, "127.0.0.1")
        assert timed(client, EMAIL1, "wrong", rip="127.0.0.1")[1] > 2.95
        assert timed(client, EMAIL2, "wrong", rip="127.0.0.1")[1] < 2


def test_nobody_is_locked_out(auth):
    """A stranger guesses one account's password; its owner logs in meanwhile, from anywhere."""
    daemon = auth(auth={"failure_delay": 4})
    with daemon.client() as stranger, daemon.client() as owner:
        for _ in range(50):
            stranger.send_plain(EMAIL1, "guess", rip="198.51.100.1")
        daemon.wait_for_log(50, result="fail")
        for rip in ("192.0.2.1", "198.51.100.1"):
            assert owner.plain(EMAIL1, PASSWORD1, rip=rip).verb == "OK"
        with pytest.raises(BlockingIOError):
            stranger.socket.setblocking(False)
            stranger.answer()


def test_unknown_users_cost_a_hash(auth, database):
    """Else the time of an answer would tell who exists, and whose account is locked: the work is
    counted, not the clock."""
    set_password(database, EMAIL2, "*")
    daemon = auth()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        spent = {}
        for user in (EMAIL1, "nobody@example.com", EMAIL2):
            before = daemon.ticks()
            for number in range(300):
                client.send_plain(user, "wrong")
                if number % 50 == 49:
                    assert {client.answer().verb for _ in range(50)} == {"FAIL"}
            spent[user] = daemon.ticks() - before
    assert spent[EMAIL1] > 10
    for user in ("nobody@example.com", EMAIL2):
        assert spent[user] > spent[EMAIL1] / 2


# --- log --------------------------------------------------------------------

def test_log_lines(auth):
    """One line for each login, with who, how, from where and why."""
    daemon = auth()
    with daemon.client() as client:
        client.plain(EMAIL1, PASSWORD1, rip="192.0.2.1")
        client.login(EMAIL1, "wrong", rip="2001:db8::1")
        client.plain("nobody@example.com", "wrong", rip="192.0.2.3")
        client.send_auth("PLAIN", "resp=!", rip="192.0.2.4")
        client.answer()
    lines = daemon.log(event="auth")
    assert [(line["user"], line["mech"], line["rip"], line["result"]) for line in lines] == [
        (EMAIL1, "PLAIN", "192.0.2.1", "ok"),
        (EMAIL1, "LOGIN", "2001:db8::1", "fail"),
        ("nobody@example.com", "PLAIN", "192.0.2.3", "fail"),
        ("", "PLAIN", "192.0.2.4", "fail"),
    ]
    assert lines[0]["reason"] == ""
    assert lines[1]["reason"] == "wrong password"
    assert lines[2]["reason"] == "unknown user"
    assert lines[3]["reason"]


def test_log_names_the_mechanism_that_was_asked_for(auth):
    """Not one that was never used."""
    daemon = auth()
    with daemon.client() as client:
        client.send_auth("GSSAPI")
        assert client.answer().verb == "FAIL"
    [line] = daemon.log(event="auth")
    assert line["result"] == "fail"
    assert line["mech"] != "PLAIN"


def test_nobody_can_write_into_the_log(auth):
    daemon = auth()
    with daemon.client() as client:
        for number, user in enumerate((HOSTILE, "x\\", "a b", "ä")):
            assert client.plain(user, "wrong", rip=f"192.0.2.{number}").verb == "FAIL"
        client.send_plain(EMAIL1, PASSWORD1, rip="1.2.3.4 result=ok")
        client.answer()
    lines = daemon.output().splitlines()
    logins = [line for line in lines if line.startswith("event=auth")]
    assert len(logins) == 5
    assert [line["result"] for line in daemon.log(event="auth")] == ["fail"] * 4 + ["ok"]
    assert [line["rip"] for line in daemon.log(event="auth")[:4]] == [
        f"192.0.2.{number}" for number in range(4)]


def test_no_password_and_no_hash_in_the_log(auth, database):
    """Whatever happens: right, wrong, malformed, unknown scheme, database away."""
    secrets = [PASSWORD1, "guessed-word", "malformed-word", ARGON2, "$6$", "argon2id",
               "mailauthpass"]
    daemon = auth()
    with daemon.client() as client:
        client.plain(EMAIL1, PASSWORD1)
        client.login(EMAIL1, "guessed-word")
        client.plain("nobody@example.com", "guessed-word")
        client.send_auth("PLAIN", "resp=" + base64_of("malformed-word"))
        client.answer()
        client.send_auth("PLAIN", "resp=" + base64_of("\0x\0malformed-word\0"))
        client.answer()
        client.send("AUTH\t99\tPLAIN\tresp=" + base64_of("malformed-word" * 2000) + "\n")
        client.answer()
    set_password(database, EMAIL1, ARGON2)
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    database.stop()
    with daemon.client() as client:
        client.send_plain(EMAIL2, PASSWORD2)
        assert client.is_closed()
    database.start()
    daemon.stop()
    output = daemon.output()
    assert len(daemon.log(event="auth")) >= 7
    for secret in [*secrets, PASSWORD2]:
        assert secret not in output
        assert base64_of(secret).rstrip("=") not in output


# --- the process ------------------------------------------------------------

@pytest.mark.needs_root
def test_root_is_given_up_for_good(make_auth):
    daemon = make_auth(starts_as_root=True, auth={
        "socket_user": "postfix", "socket_group": "postfix", "socket_mode": 0o660}).start()
    tasks = daemon.tasks()
    assert len(tasks) > 2
    for status in tasks:
        assert status["Uid"].split() == [str(AUTH_ID)] * 4
        assert status["Gid"].split() == [str(AUTH_GROUP)] * 4
        assert set(status["Groups"].split()) <= {str(AUTH_GROUP)}
        assert status["NoNewPrivs"].strip() == "1"
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[capabilities], 16) == 0, capabilities
    status = daemon.socket.stat()
    assert stat.S_IMODE(status.st_mode) == 0o660
    assert daemon.socket.owner() == "postfix" and daemon.socket.group() == "postfix"


USER = [f"--reuid={AUTH_ID}", f"--regid={AUTH_GROUP}", "--clear-groups"]


@pytest.mark.needs_root
@pytest.mark.parametrize("identity, said", [
    ([*USER, "--inh-caps=+setuid", "--ambient-caps=+setuid"], "has capabilities"),
    ([*USER, "--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"],
     "has capabilities"),
    ([*USER[:2], f"--groups={AUTH_GROUP},0"], "root's group"),
    ([USER[0], "--regid=0", "--clear-groups"], f"gid are 0, 0 and 0, but must all be {AUTH_GROUP}"),
])
def test_start_as_somebody_who_could_be_root(make_auth, identity, said):
    """Whoever starts it: it does not serve as long as there is a way back."""
    daemon = make_auth(starts_as_root=True)
    daemon.launch(wrapper=["setpriv", *identity])
    assert daemon.process.wait(60) == 78
    assert said in daemon.output()
    daemon.launch(wrapper=["setpriv", *USER[:2], f"--groups={AUTH_GROUP},27"])
    daemon.wait_until_answers(daemon.is_answering)


@pytest.mark.needs_root
def test_others_cannot_look_into_its_memory(make_auth):
    """Passwords pass through it, so not even its own user may attach to it or make it dump."""
    daemon = make_auth(starts_as_root=True)
    daemon.start(wrapper=["prlimit", "--core=unlimited"])
    assert os.stat(f"/proc/{daemon.pid}/mem").st_uid == 0
    assert os.stat(f"/proc/{daemon.pid}/environ").st_uid == 0
    with open(f"/proc/{daemon.pid}/limits") as limits:
        [core] = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
    assert core == ["0", "0"]


def test_passwords_are_wiped(auth):
    """What was read from the socket is not left in memory once it has been answered."""
    marker = b"a-word-that-nobody-else-has"
    daemon = auth()
    with daemon.client() as client:
        for _ in range(20):
            assert client.plain(EMAIL1, marker.decode()).verb == "FAIL"
            assert client.login(EMAIL1, marker.decode()).verb == "FAIL"
    for needle in (marker, base64_of(marker).encode(),
                   plain_response(EMAIL1, marker.decode()).encode()):
        assert not is_in_memory(daemon.pid, needle), needle


def test_password_is_wiped_before_its_failure_is_told(auth):
    """The answer waits for seconds; the password does not."""
    marker = b"a-word-that-nobody-else-has"
    daemon = auth(auth={"failure_delay": 4})
    with daemon.client() as client:
        client.send_plain(EMAIL1, marker.decode())
        daemon.wait_for_log(result="fail")
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.answer()
        assert not is_in_memory(daemon.pid, marker)


def is_in_memory(pid, needle):
    try:
        memory = open(f"/proc/{pid}/mem", "rb")
    except PermissionError:
        pytest.skip("NOT ROOT: the memory of the daemon cannot be read")
    with open(f"/proc/{pid}/maps") as maps, memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            try:
                memory.seek(start)
                content = memory.read(min(end - start, 1 << 28))
            except (OSError, ValueError, OverflowError):
                continue
            if needle in content:
                return True
    return False


def test_sigterm_when_idle(auth):
    daemon = auth()
    with daemon.client() as client:
        assert daemon.stop() == 0
        assert client.is_closed()
    assert not daemon.socket.exists()


def test_sigterm_answers_what_is_pending(auth):
    """A failure that is being delayed is still told; then it ends."""
    daemon = auth(auth={"failure_delay": 2})
    with daemon.client() as failing, daemon.client() as idle:
        failing.send_plain(EMAIL1, "wrong")
        daemon.wait_for_log(result="fail")
        daemon.signal(signal.SIGTERM)
        assert idle.is_closed()
        assert failing.answer() == ("FAIL", "1", [f"user={EMAIL1}"])
        assert failing.is_closed()
    assert daemon.process.wait(60) == 0


def test_sigterm_under_load(auth):
    """Every login that was read is answered, or its connection closes; no answer is wrong."""
    daemon = auth(auth={"failure_delay": 1})
    clients = [daemon.client() for _ in range(60)]
    for number, client in enumerate(clients):
        client.send_plain(EMAIL1, PASSWORD1 if number % 2 else "wrong")
    daemon.signal(signal.SIGTERM)
    for number, client in enumerate(clients):
        try:
            assert client.answer().verb == ("OK" if number % 2 else "FAIL")
        except (EOFError, ConnectionResetError):
            pass
        client.close()
    assert daemon.process.wait(60) == 0


def test_restart_with_clients_connected(auth):
    """The socket is there again, and new clients are served."""
    daemon = auth()
    with daemon.client() as client:
        assert daemon.stop() == 0
        daemon.start()
        assert client.is_closed()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


@pytest.mark.needs_root
def test_leaks(make_auth, database):
    """With AddressSanitizer the daemon looks for what it lost when it ends; it must be root then,
    since nobody else may look into it."""
    daemon = make_auth(starts_as_root=True, auth={"user": "0", "group": "0"})
    options = daemon.environment["ASAN_OPTIONS"]
    daemon.environment["ASAN_OPTIONS"] = options.replace("detect_leaks=0", "detect_leaks=1")
    daemon.start()
    for _ in range(3):
        with daemon.client() as client:
            client.plain(EMAIL1, PASSWORD1)
            client.login(EMAIL1, "wrong")
            client.send_auth("PLAIN", "resp=!")
            client.send_auth("LOGIN")
            client.send_plain(EMAIL1, PASSWORD1)
            client.send("AUTH\t100\tPLAIN\tresp=half a line")
        daemon.reload()
    set_password(database, EMAIL1, ARGON2)
    with daemon.client() as client:
        client.send_plain(EMAIL1, PASSWORD1)
        assert client.is_closed()
    daemon.configure(auth={"nonsense": 1})
    daemon.reload()
    assert daemon.stop() == 0


def test_socket_left_by_a_killed_daemon(auth):
    daemon = auth()
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()


def test_second_daemon_on_the_same_socket(auth, make_auth):
    first = auth()
    code, said = make_auth(auth={"listen": [f"unix:{first.socket}"]}).fails_to_start()
    assert code == 78
    assert str(first.socket) in said
    assert first.is_answering()


def test_socket_handed_over(make_auth, directory):
    """As systemd does it: the socket is file 3, and wins over the configuration."""
    handed = directory / "handed"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(handed))
        listener.listen(100)
        handed.chmod(0o666)
        daemon = make_auth()
        configured, daemon.socket = daemon.socket, handed
        daemon.launch(
            wrapper=["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh"],
            preexec_fn=lambda: os.dup2(listener.fileno(), 3), pass_fds=[3],
        )
        daemon.wait_until_answers(daemon.is_answering)
    assert not configured.exists()
    assert daemon.stop() == 0
    assert handed.exists(), "a socket that was handed over is not ours to remove"


def test_several_listeners(make_auth, directory):
    daemon = make_auth()
    paths = [daemon.directory / "first", daemon.directory / "second"]
    daemon.configure(auth={"listen": [f"unix:{path}" for path in paths]})
    daemon.socket = paths[0]
    daemon.start()
    for path in paths:
        with AuthClient(path) as client:
            client.hello()
            assert client.plain(EMAIL1, PASSWORD1).verb == "OK"


def test_tcp(make_auth):
    """smtpd_sasl_path may be inet:127.0.0.1:port."""
    daemon = make_auth()
    daemon.socket = ("127.0.0.1", free_port())
    daemon.configure(auth={"listen": ["inet:{}:{}".format(*daemon.socket)]})
    daemon.start()
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        assert client.login(EMAIL1, "wrong").verb == "FAIL"


def test_idle_daemon_does_nothing(auth):
    daemon = auth()
    with daemon.client() as client:
        client.plain(EMAIL1, PASSWORD1)
        assert daemon.comes_to_rest()


# --- reload -----------------------------------------------------------------

def test_reload_of_the_failure_delay(auth):
    """It counts for the next login, also on connections that stand: Postfix keeps them long."""
    daemon = auth()
    with daemon.client() as client:
        assert client.plain(EMAIL1, "wrong").verb == "FAIL"
        daemon.configure(auth={"failure_delay": 3})
        assert "level" not in daemon.reload()
        verb, seconds = timed(client, EMAIL1, "wrong")
        assert verb == "FAIL"
        assert 2.95 < seconds < 5


def test_reload_of_the_trusted_addresses(auth):
    daemon = auth()
    with daemon.client() as client:
        fail_often(client, [EMAIL1] * 6, "192.0.2.7")
        assert timed(client, EMAIL2, "wrong", rip="192.0.2.7")[1] > 2.95
        daemon.configure(auth={"trusted": ["192.0.2.0/24"]})
        assert "level" not in daemon.reload()
        assert timed(client, "nobody@example.com", "wrong", rip="192.0.2.7")[1] < 2


def test_reload_of_the_mechanisms(auth):
    """New connections are offered the new ones; what was offered stays offered."""
    daemon = auth()
    with daemon.client() as old:
        daemon.configure(auth={"mechanisms": ["PLAIN"]})
        daemon.reload()
        assert old.login(EMAIL1, PASSWORD1).verb == "OK"
        with daemon.connect() as new:
            assert "MECH\tLOGIN\tplaintext" not in new.hello()
            new.send_auth("LOGIN")
            assert new.answer().verb == "FAIL"


def test_reload_of_the_query(auth):
    daemon = auth()
    with daemon.client() as client:
        daemon.configure(mysql={"password_query":
                                "SELECT email, password FROM virtual_users "
                                "WHERE email = '%u' AND email <> 'email1@example.com'"})
        daemon.reload()
        assert client.plain(EMAIL1, PASSWORD1).verb == "FAIL"
        assert client.plain(EMAIL2, PASSWORD2).verb == "OK"


@pytest.mark.parametrize("broken", [
    {"auth": {"failure_delay": 99}}, {"auth": {"nonsense": 1}}, {"auth": {"mechanisms": []}},
    {"mysql": {"password_query": "SELECT email FROM virtual_users WHERE email = '%u'"}},
    {"mysql": {"password_query": "SELECT email, secret FROM virtual_users WHERE email = '%u'"}},
])
def test_reload_of_a_broken_configuration(auth, broken):
    """The old one stays, and the log says why."""
    daemon = auth()
    good = daemon.config
    with daemon.client() as client:
        daemon.configure(**broken)
        line = daemon.reload()
        assert line["level"] == "error"
        assert list(list(broken.values())[0])[0] in line["reason"]
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    daemon.config = good


def test_reload_while_the_database_is_away(auth, database):
    """It may come back: the new configuration counts, with a warning."""
    daemon = auth()
    daemon.configure(auth={"failure_delay": 1})
    database.stop()
    daemon.signal(signal.SIGHUP)
    warning, done = daemon.wait_for_log(2, event="reload")
    assert warning["level"] == "warning" and "mysql" in warning["reason"]
    assert "level" not in done
    database.start()
    with daemon.client() as client:
        assert timed(client, EMAIL1, "wrong")[1] > 0.95


def test_reload_with_a_wrong_password_of_the_database(auth):
    """What works is not given up for what does not."""
    daemon = auth()
    good = daemon.config
    with daemon.client() as client:
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
        daemon.configure(mysql={"password": "wrong"})
        line = daemon.reload()
        assert line["level"] == "error" and "Access denied" in line["reason"]
        assert client.plain(EMAIL1, PASSWORD1).verb == "OK"
    daemon.config = good


def test_many_reloads_at_once_and_the_end(auth):
    daemon = auth(auth={"failure_delay": 1})
    with daemon.client() as client:
        client.send_plain(EMAIL1, "wrong")
        for _ in range(20):
            daemon.signal(signal.SIGHUP)
        client.send_plain(EMAIL1, PASSWORD1)
        assert {client.answer().verb, client.answer().verb} == {"OK", "FAIL"}
    daemon.signal(signal.SIGHUP)
    assert daemon.stop() == 0


def test_reload_while_logins_are_out(auth):
    """Each is answered by one configuration or the other, none is lost."""
    daemon = auth(auth={"failure_delay": 1})
    clients = [daemon.client() for _ in range(30)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.send_plain(EMAIL1, PASSWORD1 if number % 2 else "wrong")
        daemon.configure(auth={"failure_delay": turn % 2})
        daemon.reload()
        for number, client in enumerate(clients):
            assert client.answer().verb == ("OK" if number % 2 else "FAIL")
    for client in clients:
        client.close()


def test_reloads_leave_nothing_behind(auth):
    """No threads, descriptors or connections to the database pile up."""
    daemon = auth()

    def held():
        return len(os.listdir(f"/proc/{daemon.pid}/task")), daemon.descriptors()

    with daemon.client() as client:
        client.plain(EMAIL1, PASSWORD1)
        daemon.reload()
        before = held()
        for _ in range(10):
            daemon.reload()
        wait_until(lambda: held()[0] <= before[0] and held()[1] <= before[1] + 1, 60,
                   "end of what was before")
