"""Many messages at once whose scripts send, mark and store, and a server that takes what they send, or does not: what is acknowledged is
where it belongs, and nobody is answered twice."""

import contextlib
from collections import Counter

from harness.audit import Audit
from harness.load import Load, add_mailboxes, letter_bytes
from harness.process import wait_until
from harness.scripts import FORWARD, FORWARD_COPY, NONE, ONCE, PLAIN, SENT, Kind, Scripts
from harness.sent import TOLD, MoodyTaker, SendingLedger

COPIES = 1000
SENDERS = tuple(f"sender{number}@example.net" for number in range(5))
REQUIRE = 'require ["vacation", "enotify", "duplicate", "envelope"]; '
ANSWER = ('if envelope :matches "to" "*" { set "me" "${1}"; } '
          'vacation :handle "h" :from "${me}" :addresses "list@example.net" "Away."; ')
TELL = f'notify :from "${{me}}" :message "Mail." "mailto:{TOLD}"; '
AWAY = Kind(REQUIRE + ANSWER, {"": PLAIN})
ALL = Kind(f'{REQUIRE} if duplicate {{ discard; stop; }} redirect :copy "taker@example.net"; {ANSWER} {TELL}'
           'fileinto :copy :create "Copy";', {"": PLAIN, ".Copy": PLAIN, SENT: PLAIN})
SCRIPTS = Scripts(NONE, FORWARD, FORWARD_COPY, AWAY, ONCE, ALL)


LAST = b"One more.\r\n"


def inbox_of(entry):
    """Of what was to be sent."""
    return entry[0].removesuffix(f"/{SENT}"), entry[1]


def assert_books(daemon, ledger, taker):
    """All is where it belongs. What the server has refused lies in INBOX instead; so may what comes a second time, since nobody has
    read the reply. What is sent may be sent twice: of a connection that breaks off behind the last dot nobody knows."""
    audit = Audit(daemon.vhosts, ledger, sent=set(taker.entries))
    assert audit.torn == audit.left == [], str(audit)
    elsewhere = {entry for entry in [*taker.refused, *ledger.doubtful] if entry[0].endswith(f"/{SENT}")}
    assert [entry for entry in audit.lost if entry not in elsewhere or not audit.found[inbox_of(entry)]] == []
    instead = {inbox_of(entry) for entry in elsewhere}
    assert [entry for entry in audit.surplus if entry not in instead] == []


def assert_answered_once(daemon, ledger, taker, mailboxes):
    """Each sender by each mailbox, as soon as the server takes what it is given."""
    answering = [address for address, [place] in mailboxes.items() if SCRIPTS.kind_of(place) in (AWAY, ALL)]
    with daemon.session() as session:
        for number, sender in enumerate(SENDERS):
            ledger.post(f"last{number}", LAST)
            replies = session.deliver(*answering, body=letter_bytes(f"last{number}", LAST), sender=sender)
            assert {reply.code for reply in replies} == {250}
    wanted = {(address, sender) for address in answering for sender in SENDERS}
    wait_until(lambda: set(taker.answered) == wanted, 60, "all notices")
    assert Counter(taker.answered) == Counter(wanted)


def has_seen_all(load, ledger, taker):
    load.check()
    return len(ledger.saved) > COPIES and all((load.n_deferred, load.n_broken, taker.refused, taker.n_refused_notices))


def test_all_at_once(make_lmtpd, database):
    ledger = SendingLedger()
    with contextlib.closing(MoodyTaker(ledger)) as taker:
        daemon = make_lmtpd(sieve={"enabled": True, "submission": f"inet:127.0.0.1:{taker.port}"})
        mailboxes = {address: places for address, places in add_mailboxes(database, 1, 60, 1).items()
                     if not address.startswith("alias")}
        SCRIPTS.write(daemon.vhosts, mailboxes)
        daemon.start()
        with Load(daemon.connect, ledger, SCRIPTS.file(mailboxes), n_senders=12, drains=True, rudeness=0.01,
                  from_whom=SENDERS) as load:
            wait_until(lambda: has_seen_all(load, ledger, taker), 180, "each mood, often enough")
        taker.is_moody = False
        daemon.wait_until_alone()
        assert_books(daemon, ledger, taker)
        assert_answered_once(daemon, ledger, taker, mailboxes)
        # Not more than their rate, nor than there were messages.
        assert max(Counter(taker.told).values()) <= 10
        counts = daemon.submissions()
        print(f"{len(ledger.saved)} copies, {load.n_deferred} put off, {load.n_broken} left; {counts}")
        assert counts["redirects_refused"] == len(taker.refused)
