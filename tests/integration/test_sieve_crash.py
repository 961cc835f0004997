"""lmtpd is killed while scripts send: Postfix brings again what was not acknowledged, and nothing is lost.

Twice is only what nobody could know to be done: see docs/sieve.md. A notice of vacation is never sent twice."""

import random
import re
import time
from typing import NamedTuple

import pytest

from harness.postfix import DELIVERY
from harness.process import wait_until
from harness.sieve import EMAIL1, EMAIL2, mail
from harness.sending import field
from harness.sink import TAKE_AND_CLOSE, Sink

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

ROUNDS, LETTERS = 40, 5
KILLS = 3  # at each step
SOME = {0, 1}

REDIRECT = f'redirect "{EMAIL2}";'
COPY = f'redirect :copy "{EMAIL2}";'
VACATION = 'vacation :days 1 "I am away.";'
ONCE = "if duplicate { discard; stop; }"
REQUIRE = 'require ["copy", "vacation", "duplicate"];\n'

MARKS = "*/email1/.dovecot.lda-dupes"
SAVED = f"reply 250 2.0.0 <{EMAIL1}>*"
NAMED = "name */email1/Maildir/new/*"


class Window(NamedTuple):
    """What there is of a message in the end, when lmtpd was killed at the step: numbers, or sets of them."""

    step: str
    script: str
    kept: object
    redirected: object
    notices: object = 0
    has_marks: bool = True  # from before


ALL = ONCE + COPY + VACATION
WINDOWS = {
    "before R": Window("before send MAIL FROM:<email2+*", ALL, 1, 1, 1),
    "in R, before the content": Window("before send BDAT*", ALL, 1, 1, 1),
    "in R, nobody has heard": Window("after send BDAT*", ALL, 1, {1, 2}, 1),
    "R to M": Window("after recv *queued as*", ALL, 1, 2, 1),
    "R to M, nothing kept": Window("after recv *queued as*", REDIRECT, 0, 2),
    # Its lock stays for ten seconds: who cannot remember that he answers does not.
    "in M, before it is written": Window(f"before write {MARKS}", ALL, 1, 2, SOME),
    "in M, written": Window(f"after write {MARKS}", ALL, 1, 1, SOME),
    "in M, the first": Window(f"before rename {MARKS}", ALL, 1, 2, SOME, False),
    "in M, the first has its name": Window(f"after rename {MARKS}", ALL, 1, 1, SOME, False),
    # "Sent before" keeps a message, which is then here as well.
    "M to N, nothing kept": Window(f"after sync {MARKS}", REDIRECT, 1, 1),
    "M to N": Window(f"before {NAMED}", ALL, 1, 1, 1),
    "in N": Window(f"after {NAMED}", ALL, 2, 1, 1),
    "N to D": Window(f"before write {MARKS}", ONCE + VACATION, 2, 0, SOME),
    "in D, written": Window(f"after write {MARKS}", ONCE + VACATION, 1, 0, 0),
    "in D, synced": Window(f"after sync {MARKS}", ONCE + VACATION, 1, 0, 0),
    "D to A": Window(f"before {SAVED}", ALL, 1, 1, SOME),
    "D to A, no test": Window(f"before {SAVED}", COPY + VACATION, 2, 1, SOME),
    "D to A, nothing kept": Window(f"before {SAVED}", REDIRECT, 1, 1),
    "after A": Window(f"after {SAVED}", ALL, 1, 1, SOME),
    "after A, nothing kept": Window(f"after {SAVED}", REDIRECT, 0, 1),
    "mark to notice": Window("before send MAIL FROM:<> *", ALL, 1, 1, 0),
    "in a notice": Window("after recv *queued as*", VACATION, {1, 2}, 0, 1),
}


def ids(messages):
    return [field(message, "Message-ID")[1:].partition("@")[0] for message in messages]


def notices_in(log):
    """Whose notice Postfix has taken. It tries them once: those that it cannot deliver have come all the same."""
    queue_ids = set(re.findall(r"qmgr\[\d+\]: (\w+): from=<>, size=", log))
    found = {row["qid"]: row["to"] for row in DELIVERY.finditer(log) if row["qid"] in queue_ids}
    return [re.search(r"\+(\w+)@", address)[1] for address in found.values()]


def sent_once(messages):
    """One of each that was handed to Postfix: the kill may have met its own delivery, too, which comes again then."""
    return {re.search(r"with ESMTP\w* id (\w+)", message)[1]: message for message in messages}.values()


def empty(here):
    """Postfix tries until nothing is left, nor of what lmtpd has said to it by then."""
    def is_empty():
        here.postfix.flush()
        time.sleep(0.2)
        return here.postfix.queue() == []

    wait_until(is_empty, 240, "end of the queue")
    here.daemon.submissions()
    wait_until(lambda: here.postfix.queue() == [], 60, "end of the notices in the queue")


@pytest.fixture
def killed_site(sending_site, faults, directory):  # noqa: F811
    """A site whose lmtpd kills itself at a step, once it is told which."""
    here = sending_site(environment=faults(kill=directory / "kill"))
    here.step = directory / "kill"
    here.home = here.daemon.vhosts / "example.com/email1"
    return here


def send_and_kill(here, name, step):
    here.step.write_text(step)
    here.postfix.send([EMAIL1], mail(name), f"email2+{name}@example.com")
    wait_until(lambda: not here.daemon.is_running(), 60, f"kill of lmtpd {step}")
    assert here.daemon.process.returncode == -9 and not here.step.exists()
    here.daemon.start()
    empty(here)


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_killed_in(killed_site, window):
    """Exactly there. Each message has its own sender, so that each has its own notice."""
    here = killed_site
    n_logged = len(here.postfix.log())
    here.activate(REQUIRE + window.script)
    if window.has_marks:
        here.send([EMAIL1], mail("first"), "email2+first@example.com")
        empty(here)
    names = [f"m{n}" for n in range(KILLS)]
    for name in names:
        for path in here.home.glob(".dovecot.lda-dupes*" if not window.has_marks else "*.lock"):
            path.unlink()
        send_and_kill(here, name, window.step)
    log = here.postfix.log()[n_logged:]
    assert "status=bounced" not in log
    redirected = [message for message in sent_once(here.messages(EMAIL2))
                  if field(message, "X-Sieve-Redirected-From")]
    found = {"kept": ids(here.messages(EMAIL1)), "redirected": ids(redirected),
             "notices": notices_in(log)}
    n_found = {what: [found[what].count(name) for name in names] for what in found}
    print(window.step, n_found)
    for what, numbers in n_found.items():
        wanted = getattr(window, what)
        assert set(numbers) <= (wanted if isinstance(wanted, set) else {wanted}), (what, n_found)


@pytest.mark.parametrize("restarts", [False, True])
def test_brought_again(sending_site, restarts):  # noqa: F811
    """One of two takes it, the other one later: the process knows a message that Postfix brings again. One that was
    started anew takes it for a second message, which is kept then. Nobody gets it twice."""
    one, two = "one@example.net", "two@example.net"
    sink = Sink()
    sink.refusals[two] = b"451 4.3.0 Later"
    here = sending_site(sieve={"submission": f"inet:127.0.0.1:{sink.port}"})
    here.activate(f'redirect "{one}"; redirect "{two}";')
    qid = here.postfix.send([EMAIL1], mail("brought"), "outside@example.net")
    here.postfix.wait_until_deferred(qid)
    assert here.shown() == {}
    if restarts:
        here.daemon.kill()
        here.daemon.start()
    sink.refusals.clear()
    empty(here)
    assert [taken.recipients for taken in sink.take()] == [[one], [two]]
    assert here.shown() == ({"INBOX": [("brought", [])]} if restarts else {})
    sink.close()


def test_never_confirmed(sending_site):  # noqa: F811
    """A server that takes each message and does not say so: it gets this one twice, and not with each try of Postfix until
    that returns it; the mailbox keeps it then."""
    sink = Sink()
    sink.refusals["END"] = TAKE_AND_CLOSE
    here = sending_site(sieve={"submission": f"inet:127.0.0.1:{sink.port}"})
    here.activate('redirect "one@example.net";')
    qid = here.postfix.send([EMAIL1], mail("brought"), "outside@example.net")
    here.postfix.wait_until_deferred(qid)
    assert here.shown() == {} and len(sink.taken) == 1
    empty(here)
    assert here.shown() == {"INBOX": [("brought", [])]}
    assert [taken.recipients for taken in sink.take()] == [["one@example.net"]] * 2
    [line] = here.daemon.log(event="redirect")
    assert "not confirmed" in line["reason"]
    sink.close()


def test_killed_while_redirecting(sending_site):  # noqa: F811
    """Each message is with whom it is redirected to, and where a copy is kept, there as well."""
    here = sending_site()
    here.activate(f'require "copy"; redirect :copy "{EMAIL2}";')
    rng = random.Random(1)
    sent = []
    for turn in range(ROUNDS):
        for number in range(LETTERS):
            sent.append(f"m{turn}-{number}")
            here.postfix.send([EMAIL1], mail(sent[-1]), "outside@example.net")
        time.sleep(rng.uniform(0, 0.06))
        here.daemon.kill()
        here.daemon.start()
    empty(here)
    kept, redirected = ids(here.messages(EMAIL1)), ids(here.messages(EMAIL2))
    assert set(kept) == set(redirected) == set(sent)
    # The kills have met deliveries.
    n_deferred = here.postfix.log().count("status=deferred")
    assert n_deferred > 0
    print(f"{len(sent)} messages, {ROUNDS} kills: {len(kept) - len(sent)} kept twice,"
          f" {len(redirected) - len(sent)} redirected twice, {n_deferred} put off")
