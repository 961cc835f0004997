"""The server that takes what scripts send fails in every way: mail is not lost for it, nor held up, nor told to be
saved where it is not."""

import signal
import threading

import pytest

from harness.process import free_port, wait_until
from harness.scripts import write_script
from harness.sieve import EMAIL1, EMAIL2, deliver, mail
from harness.sink import CLOSE, HANG, HOLD, STEPS, TAKE_AND_CLOSE, Sink

TARGET = "target@example.net"
REDIRECT = f'redirect "{TARGET}";'
VACATION = 'require "vacation"; vacation "I am away.";'
THREADS = 4
NOTICES = 2  # threads of theirs
DONE, KEPT, LATER = "250 2.0.0", "250 2.0.0 kept", "451 4.3.0"

GARBAGE = (b"", b"what?", b"25", b"25x 2.0.0 Ok", b"999 2.0.0 Ok", b"\0\xff\x80", b"250 " + b"x" * 100000,
           b"250-no end\r\n" * 2000 + b"354 x")
FAULTS = [
    # A server that takes nobody does not refuse the message.
    *[("GREETING", said, LATER) for said in (b"554 5.3.2 No", b"421 4.3.2 No", b"450 4.3.2 No", *GARBAGE)],
    *[("EHLO", said, LATER) for said in (b"421 4.3.2 No", *GARBAGE)],
    # Who does not know EHLO is said HELO.
    ("EHLO", b"502 5.5.1 No", DONE),
    *[(step, b"550 5.7.1 No", KEPT) for step in ("MAIL", "RCPT", "DATA", "END")],
    *[(step, said, LATER) for step in ("MAIL", "RCPT", "DATA", "END")
      for said in (b"451 4.3.0 Later", b"421 4.3.2 Later", *GARBAGE)],
    *[(step, CLOSE, LATER) for step in STEPS],
    ("END", TAKE_AND_CLOSE, LATER),
]


@pytest.fixture
def sink():
    server = Sink()
    yield server
    server.released.set()
    server.close()


def start_sending(make_lmtpd, sink, script=REDIRECT, **settings):
    """An lmtpd whose first user has a script, and the second one has none."""
    daemon = make_lmtpd(sieve={"enabled": True, "submission": f"inet:127.0.0.1:{sink.port}"}, **settings)
    write_script(daemon.vhosts / "example.com/email1", script)
    return daemon.start()


@pytest.fixture
def sending(make_lmtpd, sink):
    return lambda script=REDIRECT, **settings: start_sending(make_lmtpd, sink, script, **settings)


def n_kept(daemon, user="email1"):
    return len(list((daemon.vhosts / "example.com" / user).glob("Maildir/new/*")))


def test_each_fault(sending, sink):
    """The client is told what became of it; the next message goes the usual way, over the same threads."""
    daemon = sending(mysql={"connections": 1})
    [status] = deliver(daemon.socket, EMAIL1, body=mail("first"))
    assert status == DONE
    n_threads, n_descriptors = daemon.threads(), daemon.descriptors()
    sink.take()
    for number, (step, said, wanted) in enumerate(FAULTS):
        what = f"{said[:20]} at {step}"
        before = n_kept(daemon)
        sink.become(**{step: said})
        [status] = deliver(daemon.socket, EMAIL1, body=mail(f"fault{number}"))
        assert status == wanted[:9], what
        assert n_kept(daemon) - before == (wanted == KEPT), what
        assert len(sink.take()) == (wanted == DONE or said == TAKE_AND_CLOSE), what
        sink.become()
        [status] = deliver(daemon.socket, EMAIL1, body=mail(f"next{number}"))
        assert status == DONE, what
        [taken] = sink.take()
        assert taken.recipients == [TARGET] and f"next{number}".encode() in taken.message
        assert n_kept(daemon) - before == (wanted == KEPT), what
    assert daemon.threads() == n_threads
    # Each thread may keep its connection. That of the last client may be open for a moment yet.
    wait_until(lambda: daemon.descriptors() <= n_descriptors + THREADS - 1, 60, "end of all other connections")
    counts = daemon.submissions()
    n_refused, n_deferred = (sum(wanted == what for *_, wanted in FAULTS) for what in (KEPT, LATER))
    # Each fault has a message behind it that is taken, and the first one stands before all.
    assert (counts["redirected"], counts["redirects_refused"], counts["redirects_deferred"]) == (
        2 * len(FAULTS) + 1 - n_refused - n_deferred, n_refused, n_deferred)


@pytest.mark.parametrize("endpoint", ["inet:127.0.0.1:{port}", "unix:{directory}/nobody"])
def test_nobody_there(make_lmtpd, directory, endpoint):
    place = endpoint.format(port=free_port(), directory=directory)
    daemon = make_lmtpd(sieve={"enabled": True, "submission": place})
    write_script(daemon.vhosts / "example.com/email1", REDIRECT)
    daemon.start()
    assert deliver(daemon.socket, EMAIL1, EMAIL2) == [LATER, DONE]
    assert (n_kept(daemon), n_kept(daemon, "email2")) == (0, 1)
    [line] = daemon.log(event="delivery", to=f"<{EMAIL1}>")
    assert line["reason"].startswith(f"to {TARGET}: ")


class Waiting(threading.Thread):
    """A delivery that somebody waits for."""

    def __init__(self, daemon, name, *addresses):
        super().__init__(daemon=True)
        self.session = daemon.session(timeout=120)
        self.body, self.addresses = mail(name), addresses or (EMAIL1,)
        self.statuses = None
        self.start()

    def run(self):
        with self.session as session:
            self.statuses = [reply.status for reply in session.deliver(*self.addresses, body=self.body)]


@pytest.mark.heavy  # half a minute
def test_hangs(make_lmtpd):
    """At each step, each with a daemon of its own, all threads at once: mail without a redirect does not wait."""
    sites = []
    for step in STEPS:
        sink = Sink()
        daemon = start_sending(make_lmtpd, sink)
        sink.become(**{step: HANG})
        waiting = [Waiting(daemon, f"m{n}") for n in range(2 * THREADS)]
        wait_until(lambda sink=sink: len(sink.hanging) == THREADS, 60, "all threads at a server that hangs")
        # Long before their patience ends, of which each site has its own.
        for n in range(10):
            assert deliver(daemon.socket, EMAIL2, body=mail(f"other{n}")) == [DONE]
        first = set(sink.hanging)
        assert len(first) == THREADS and not any(thread.statuses for thread in waiting)
        sites.append((daemon, sink, waiting, first))
    for daemon, sink, waiting, first in sites:
        # The others hang then in their place, unless they have given up, too.
        wait_until(lambda sink=sink, waiting=waiting, first=first: len(sink.hanging - first) == THREADS
                   or all(thread.statuses for thread in waiting), 90, "the end of patience")
        sink.become()
        for thread in waiting:
            thread.join(90)
        assert [thread.statuses for thread in waiting] == [[LATER]] * len(waiting) and sink.take() == []
        assert n_kept(daemon) == 0
        assert deliver(daemon.socket, EMAIL1, body=mail("after")) == [DONE]
        sink.close()


@pytest.mark.parametrize("step, said, status", [
    ("GREETING", b"554 5.3.2 No", "deferred"), ("MAIL", b"451 4.3.0 Later", "deferred"),
    ("RCPT", b"550 5.1.1 No", "refused"), ("DATA", CLOSE, "deferred"), ("END", b"554 5.7.1 No", "refused"),
    ("END", b"451 4.3.0 Later", "deferred"),
])
def test_notice_that_is_not_taken(sending, sink, step, said, status):
    """The mail is here all the same, the log tells, and the sender's next message has a notice."""
    daemon = sending(VACATION)
    sink.become(**{step: said})
    assert deliver(daemon.socket, EMAIL1, body=mail("one")) == [DONE]
    [line] = daemon.wait_for_log(event="vacation")
    assert (line["level"], line["status"]) == ("warning", status)
    assert n_kept(daemon) == 1 and sink.take() == []

    def is_answered():
        deliver(daemon.socket, EMAIL1, body=mail("two"))
        return sink.taken

    # It is forgotten behind the line.
    sink.become()
    wait_until(is_answered, 60, "notice")
    [notice] = sink.take()
    assert (notice.sender, notice.recipients) == ("", ["sender@example.net"])


def test_two_messages_of_one_sender(sending, sink):
    """The second does not wait for the first, which is about to be answered; nor is it put off."""
    daemon = sending(f'''require ["copy", "vacation"];
vacation "I am away.";
if header "subject" "first" {{ redirect :copy "{TARGET}"; }}''')
    sink.become(**{TARGET: HOLD})
    thread = Waiting(daemon, "first")
    wait_until(lambda: sink.hanging, 60, "redirect")
    assert deliver(daemon.socket, EMAIL1, body=mail("second")) == [DONE]
    assert thread.statuses is None and sink.take() == []
    sink.released.set()
    thread.join(60)
    assert thread.statuses == [DONE] and n_kept(daemon) == 2
    wait_until(lambda: len(sink.taken) == 2, 60, "notice")
    assert [taken.recipients for taken in sink.take()] == [[TARGET], ["sender@example.net"]]


@pytest.mark.parametrize("said", [CLOSE, TAKE_AND_CLOSE, b"what?"])
def test_notice_that_may_be_there(sending, sink, said):
    """The server has all of it, and does not say whether it keeps it: its sender is not told again."""
    daemon = sending(VACATION)
    sink.become(END=said)
    assert deliver(daemon.socket, EMAIL1, body=mail("one")) == [DONE]
    [line] = daemon.wait_for_log(event="vacation")
    assert (line["level"], line["status"]) == ("warning", "unknown")
    sink.become()
    sink.take()
    assert deliver(daemon.socket, EMAIL1, body=mail("two")) == [DONE]
    # Another sender's notice goes behind what there might be.
    assert deliver(daemon.socket, EMAIL1, body=mail("three"), sender="other@example.net") == [DONE]
    wait_until(lambda: sink.taken, 60, "notice")
    [notice] = sink.take()
    assert notice.recipients == ["other@example.net"]
    counts = daemon.submissions()
    assert (counts["notices"], counts["notices_failed"]) == (1, 1)


# --- the end of the process, and new settings -----------------------------------------------------------------------

def send_from(daemon, n):
    for number in range(n):
        sender = f"sender{number}@example.net"
        assert deliver(daemon.socket, EMAIL1, body=mail(f"m{number}"), sender=sender) == [DONE]


def hold(sink, step):
    sink.become(**{step: HOLD})


@pytest.mark.parametrize("step", ["GREETING", "MAIL", "DATA", "END"])
def test_ends_while_redirecting(sending, sink, step):
    """Who waits for his answer gets it."""
    daemon = sending()
    hold(sink, step)
    thread = Waiting(daemon, "held", EMAIL1, EMAIL2)
    wait_until(lambda: sink.hanging, 60, "redirect")
    daemon.signal(signal.SIGTERM)
    assert daemon.is_running() and thread.statuses is None
    sink.released.set()
    thread.join(60)
    assert thread.statuses == [DONE, DONE]
    wait_until(lambda: not daemon.is_running(), 60, "its end")
    assert daemon.process.returncode == 0
    assert [taken.recipients for taken in sink.take()] == [[TARGET]]
    assert (n_kept(daemon), n_kept(daemon, "email2")) == (0, 1)


@pytest.mark.parametrize("step", ["GREETING", "MAIL", "DATA", "END"])
def test_reloaded_while_redirecting(sending, sink, step):
    """What is under way goes on; what comes then goes to the new server."""
    daemon, other = sending(), Sink()
    hold(sink, step)
    thread = Waiting(daemon, "held")
    wait_until(lambda: sink.hanging, 60, "redirect")
    daemon.configure(sieve={"submission": f"inet:127.0.0.1:{other.port}"})
    daemon.reload()
    assert deliver(daemon.socket, EMAIL1, body=mail("new")) == [DONE]
    assert thread.statuses is None
    sink.released.set()
    thread.join(60)
    assert thread.statuses == [DONE]
    assert (len(sink.take()), len(other.take()), n_kept(daemon)) == (1, 1, 0)
    other.close()


def notices_from(daemon, numbers):
    """Each from a domain of its own, as far as there are that many shares of the lane."""
    for number in numbers:
        assert deliver(daemon.socket, EMAIL1, body=mail(f"m{number}"), sender=f"sender@domain{number}.example") == [DONE]


def test_redirects_do_not_wait_for_notices(sending, sink):
    """However many of them the server is silent to."""
    daemon = sending(VACATION)
    write_script(daemon.vhosts / "example.com/email2", REDIRECT)
    sink.become(**{f"sender@domain{number}.example": HOLD for number in range(40)})
    notices_from(daemon, range(40))
    wait_until(lambda: len(sink.hanging) == NOTICES, 60, "notices")
    for number in range(THREADS):
        assert deliver(daemon.socket, EMAIL2, body=mail(f"redirected{number}")) == [DONE]
    assert [taken.recipients for taken in sink.take()] == [[TARGET]] * THREADS


def test_notices_do_not_wait_for_one_domain(sending, sink):
    """However many of its own the server is silent to."""
    daemon = sending(VACATION)
    sink.become(**{f"sender{number}@example.net": HOLD for number in range(40)})
    send_from(daemon, 40)
    wait_until(lambda: sink.hanging, 60, "notice")
    notices_from(daemon, range(8))
    # Some domains are of one share.
    wait_until(lambda: len(sink.taken) >= 4, 60, "notices to others")
    assert all("@domain" in taken.recipients[0] for taken in sink.take())


def test_notices_hang(sending, sink):
    """Those behind a server that is silent have their turn all the same, soon enough."""
    daemon = sending(VACATION)
    sink.become(**{"sender0@example.net": HANG})
    send_from(daemon, 2)
    wait_until(lambda: sink.hanging, 60, "notice")
    wait_until(lambda: sink.taken, 60, "the notice behind it")
    assert [taken.recipients for taken in sink.take()] == [["sender1@example.net"]]
    [line] = daemon.log(event="vacation", status="deferred")
    assert line["to"] == "<sender0@example.net>"
    # It is forgotten.
    sink.become()
    wait_until(lambda: deliver(daemon.socket, EMAIL1, body=mail("again"), sender="sender0@example.net") and sink.taken,
               20, "notice")


def test_reloaded_while_notices_wait(sending, sink):
    """New settings lose none."""
    daemon = sending(VACATION)
    hold(sink, "MAIL")
    notices_from(daemon, range(12))
    wait_until(lambda: len(sink.hanging) == NOTICES, 60, "notices")
    daemon.reload()
    sink.become()
    # But for those that the server broke off, and where we were slow those that it had kept waiting for too long.
    wait_until(lambda: sink.n_left >= NOTICES and len(sink.taken) == 12 - sink.n_left, 60, "all others")
    assert len({taken.recipients[0] for taken in sink.take()}) == 12 - sink.n_left
    assert n_kept(daemon) == 12


def end(daemon):
    daemon.signal(signal.SIGTERM)
    wait_until(lambda: not daemon.is_running(), 60, "its end")
    assert daemon.process.returncode == 0, daemon.output()


def test_ends_while_notices_hang(sending, sink):
    """The end does not wait for a server that is silent. Whom it was not told of yet is answered at his next message."""
    daemon = sending(VACATION)
    hold(sink, "MAIL")
    notices_from(daemon, range(12))
    wait_until(lambda: len(sink.hanging) == NOTICES, 60, "notices")
    end(daemon)
    assert sink.take() == []
    sink.become()
    daemon.start()
    notices_from(daemon, range(12))
    wait_until(lambda: len(sink.taken) >= 12 - NOTICES, 60, "notices")
    assert n_kept(daemon) == 24


def test_ends_while_notices_wait(sending, sink):
    """Those that can be sent are, and the others forgotten: each sender is answered once."""
    daemon = sending(VACATION)
    notices_from(daemon, range(40))
    end(daemon)
    daemon.start()
    notices_from(daemon, range(40))
    wait_until(lambda: len(sink.taken) == 40, 60, "notices")
    end(daemon)
    assert len({taken.recipients[0] for taken in sink.take()}) == 40
