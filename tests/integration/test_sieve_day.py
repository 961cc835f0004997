"""A mailbox is on holiday for a day, and thousands write to it: each has one notice, whatever they write and how often.

lmtpd sends 50 notices a second at most, 500 at once. What is beyond them is neither sent nor remembered: who writes again
later is answered then. ./dev vacation lets 10,000 write.
"""

import os
import random
import re
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.correspondents import Pace, Post, address_of, first_letters, ids_of, letters_of, random_ids, write_marks
from harness.process import IS_ROOT, MAIL_GROUP, MAIL_ID, wait_until
from harness.scripts import write_script
from harness.sieve import EMAIL1
from harness.sink import Sink

VACATION = 'require "vacation"; vacation :days 1 "I am away.";'
ID_BYTES = 16
RECORD_BYTES = 12 + ID_BYTES + len(EMAIL1)
CAPACITY = 50000  # marks
# What lmtpd keeps of each who was answered, for its rate: two small pieces of memory. And stacks, where other threads work.
PAIR_BYTES, STACKS_BYTES = 256, 512 << 10
# For a message of half a kilobyte: its file, its lines in the log, and its mark.
WRITTEN_MAX = 4096


@pytest.fixture
def sink():
    server = Sink()
    yield server
    server.close()


@pytest.fixture
def start_holiday(make_lmtpd, sink):
    """Starts an lmtpd with a mailbox that is on holiday."""
    def start(**settings):
        daemon = make_lmtpd(sieve={"enabled": True, "submission": f"inet:127.0.0.1:{sink.port}"}, **settings)
        daemon.home = daemon.vhosts / "example.com/email1"
        daemon.marks = daemon.home / ".dovecot.lda-dupes"
        write_script(daemon.home, VACATION)
        return daemon.start()

    return start


@pytest.fixture
def holiday(start_holiday):
    return start_holiday()


def wait_for_notices(sink, n):
    wait_until(lambda: len(sink.taken) >= n, 60, f"{n} notices")


def assert_answered_once(taken, numbers):
    """Each of them, none besides, and each with a notice that is his."""
    assert Counter(tuple(one.recipients) for one in taken) == {(address_of(number),): 1 for number in numbers}
    for one in taken:
        notice = message_from_bytes(one.message)
        number = re.fullmatch(r"sender(\d+)@example\.net", one.recipients[0])[1]
        assert one.sender == ""
        assert notice["To"] == f"S {number} <{one.recipients[0]}>" and notice["From"] == EMAIL1
        assert re.fullmatch(rf"<\w+?{number}\.\d@example\.net>", notice["In-Reply-To"])
        assert notice["Auto-Submitted"] == "auto-replied (vacation)"
        assert notice.get_payload().strip() == "I am away."


def n_kept(daemon):
    return len(list(daemon.home.glob("Maildir/new/*")))


# --- a day ------------------------------------------------------------------

class Snapshot(NamedTuple):
    """Of lmtpd when it has nothing to do."""

    memory: int  # of its own that is resident
    written: int  # bytes that it has handed to write(2), mail and log among them
    disk: int  # those that went to the disk

    @classmethod
    def of(cls, daemon):
        fields = dict(line.split(": ") for line in Path(f"/proc/{daemon.pid}/io").read_text().splitlines())
        memory = int(daemon.status()["RssAnon"].split()[0]) * 1024
        return cls(memory, int(fields["wchar"]), int(fields["write_bytes"]))


def bring(daemon, sink, letters, pace, n_before):
    """Returns what lmtpd is then, and how long it took."""
    begun = time.monotonic()
    Post(daemon, letters, pace)
    wait_for_notices(sink, n_before + sum(letter.is_first for letter in letters))
    return Snapshot.of(daemon), time.monotonic() - begun


def run_day(daemon, sink, n_senders):
    """In three parts. Returns a snapshot of the end of each."""
    letters = letters_of(range(n_senders), random.Random(n_senders), "day")
    pace = Pace(lambda: len(sink.taken))
    snapshots, n_before = [], 0
    for part in range(3):
        some = letters[part * len(letters) // 3:(part + 1) * len(letters) // 3]
        before = snapshots[-1] if snapshots else Snapshot.of(daemon)
        now, seconds = bring(daemon, sink, some, pace, n_before)
        n_first = sum(letter.is_first for letter in some)
        n_before += n_first
        snapshots.append(now)
        print(f"part {part + 1}: {len(some)} messages, {n_first} notices in {seconds:.0f} s; resident {now.memory >> 10} KiB; "
              f"written {(now.written - before.written) // len(some)} bytes a message, to the disk "
              f"{(now.disk - before.disk) // len(some)}", flush=True)
    assert len(letters) == n_kept(daemon)
    return snapshots, letters


def assert_day_was_well(daemon, sink, n_senders):
    taken = sink.take()
    assert_answered_once(taken, range(n_senders))
    counts = daemon.submissions()
    assert (counts["notices"], counts["notices_held"], counts["notices_failed"]) == (n_senders, 0, 0)
    assert len(set(ids_of(daemon.marks))) == n_senders
    assert daemon.marks.stat().st_size == 4 + n_senders * RECORD_BYTES
    assert not list(daemon.home.glob("*.lock")) and daemon.log(level="warning") == []


def test_a_few(holiday, sink):
    """On every build."""
    run_day(holiday, sink, 200)
    assert_day_was_well(holiday, sink, 200)


def test_next_day(start_holiday, sink, faults, directory):
    """All are answered once more, and the marks of yesterday make room for those of today."""
    clock = directory / "clock"
    clock.write_text("0")
    daemon = start_holiday(environment=faults(clock=clock))
    for day in range(2):
        clock.write_text(str(25 * 3600 * day))
        Post(daemon, letters_of(range(100), random.Random(day), f"d{day}x"), Pace(lambda: len(sink.taken), burst=100))
        wait_for_notices(sink, 100)
        assert_answered_once(sink.take(), range(100))
        assert len(set(ids_of(daemon.marks))) == 100 and daemon.marks.stat().st_size == 4 + 100 * RECORD_BYTES


# What is large is the system's again as soon as it is free, so that what stays resident is what is kept.
GIVES_BACK = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@pytest.mark.heavy
def test_day(start_holiday, sink, pytestconfig):
    """Memory does not grow with mail, but by what is kept of each who was answered; and the file of marks, which grows to its
    hundreds of kilobytes, is not written anew for each."""
    n_senders = pytestconfig.getoption("--senders")
    daemon = start_holiday(environment=GIVES_BACK)
    print()
    snapshots, letters = run_day(daemon, sink, n_senders)
    print(f"marks: {n_senders}, {daemon.marks.stat().st_size} bytes")
    assert_day_was_well(daemon, sink, n_senders)
    first, _, last = snapshots
    later = letters[len(letters) // 3:]
    assert last.memory < first.memory + sum(letter.is_first for letter in later) * PAIR_BYTES + STACKS_BYTES
    assert last.written - first.written < len(later) * WRITTEN_MAX


# --- many at once -----------------------------------------------------------

def test_slow_disk(start_holiday, sink, faults):
    """Marks that are made at once are written at once: nobody waits in vain for the lock of their file."""
    n = 300
    daemon = start_holiday(environment=faults(fsync_delay_ms=30))
    Post(daemon, first_letters(range(n), "slow"), n_connections=60)
    wait_for_notices(sink, n)
    assert_day_was_well(daemon, sink, n)


def address_in(line):
    return re.search(r"sends nothing to (\S+): ", line["reason"])[1]


@pytest.mark.heavy  # it must be faster than what may go out
def test_more_than_may_go_out(holiday, sink):
    """What is held is counted, told, and not remembered: who writes again is answered then."""
    n = 0
    while holiday.told()["submissions"]["notices_held"] < 100:
        assert n < 10000, "they come too slowly to be too many"
        Post(holiday, first_letters(range(n, n + 500), "burst"), n_connections=16)
        n += 500
    counts = holiday.submissions()
    held = [address_in(line) for line in holiday.log(event="vacation", level="warning")]
    answered = [taken.recipients[0] for taken in sink.taken]
    print(f"\n{n} at once: {len(answered)} notices, {len(held)} held")
    assert sorted(held + answered) == sorted(map(address_of, range(n)))
    assert (counts["notices"], counts["notices_held"]) == (len(answered), len(held))
    assert len(ids_of(holiday.marks)) == len(answered)
    time.sleep(1)
    numbers = [int(re.search(r"\d+", address)[0]) for address in held]
    Post(holiday, first_letters(numbers, "again"), Pace(lambda: len(sink.taken), burst=1))
    wait_for_notices(sink, n)
    assert_answered_once(sink.take(), range(n))
    assert holiday.submissions()["notices_held"] == len(held) and n_kept(holiday) == n + len(held)


# --- marks without end ------------------------------------------------------

def put_marks(daemon, ids, **options):
    write_marks(daemon.marks, ids, **options)
    if IS_ROOT:
        os.chown(daemon.marks, MAIL_ID, MAIL_GROUP)


def time_of(daemon, letters):
    """ms of a delivery, one after the other."""
    begun = time.monotonic()
    Post(daemon, letters, n_connections=1)
    return 1000 * (time.monotonic() - begun) / len(letters)


def test_full(holiday, sink):
    """The last one who is remembered is answered; further ones are not, and their mail is kept. When marks expire, they are."""
    ids = random_ids(CAPACITY)
    put_marks(holiday, ids[1:])
    last, late = first_letters([1, 2], "full")
    Post(holiday, [last], n_connections=1)
    wait_for_notices(sink, 1)
    full = holiday.marks.read_bytes()
    assert len(full) == 4 + CAPACITY * RECORD_BYTES and len(ids_of(holiday.marks)) == CAPACITY
    Post(holiday, [late, last, late], n_connections=1)
    held = holiday.log(event="vacation", level="warning")
    assert [address_in(line) for line in held] == [late.sender] * 2
    [why, _] = holiday.log(event="script", level="warning")
    assert why["reason"].endswith("it holds as many as it may")
    assert holiday.submissions()["notices_held"] == 2 and holiday.marks.read_bytes() == full
    put_marks(holiday, ids, seconds=-1)
    Post(holiday, [late], n_connections=1)
    wait_for_notices(sink, 2)
    assert holiday.marks.stat().st_size == 4 + RECORD_BYTES
    assert_answered_once(sink.take(), [1, 2])
    assert n_kept(holiday) == 5


@pytest.mark.heavy
def test_cost_of_marks(holiday, sink):
    """It is printed: a delivery that is answered, one that was, and one that cannot be."""
    print("\n marks   ms answered      known   resident KiB")
    for turn, n in enumerate([0, 10000, CAPACITY - 100, CAPACITY]):
        put_marks(holiday, random_ids(n))
        letters = first_letters(range(100 * turn, 100 * turn + 100), f"m{turn}x")
        new = time_of(holiday, letters)
        known = time_of(holiday, [letters[0]] * 100)
        print(f"{n:6} {new:13.2f} {known:10.2f} {holiday.memory() >> 10:14}", flush=True)
    wait_for_notices(sink, 300)
    assert_answered_once(sink.take(), range(300))
    assert holiday.submissions()["notices_held"] == 100 + 100
