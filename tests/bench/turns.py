"""One turn: a server, freshly started and warmed, under one workload."""

import contextlib
import json
import mmap
import os
from typing import NamedTuple

import processes
from filesystem import count_files, marking, remove_files
from harness.process import run_checked
from memory import holding
from workloads import EXISTING, FULL, MAILBOXES, MB, USED_ONCE

WARM_SECONDS = 0.5
TOUCHED = 4 << 30


class Figures(NamedTuple):
    messages: float         # a second
    deliveries: float       # a second
    p50: float = None       # ms from the dot to the last reply
    p95: float = None
    p99: float = None
    max: float = None
    processor: float = None  # seconds of server and database for 1,000 messages
    generator: float = None  # what the load generator took of one processor


def touch_memory():
    """Who writes much gets memory that was in use a moment ago, whoever had the turn before: what has
    long been free, a virtual machine may have to get from its host first."""
    n_pages = min(TOUCHED // mmap.PAGESIZE, os.sysconf("SC_AVPHYS_PAGES") // 2)
    with mmap.mmap(-1, n_pages * mmap.PAGESIZE) as memory:
        memory[::mmap.PAGESIZE] = bytes(n_pages)


@contextlib.contextmanager
def idle_connections(place, server, n):
    """Holds n of them; fails when the server does not take them all."""
    if n == 0:
        yield
        return
    with holding(place, server, n) as held:
        assert held == n, f"of {n} idle connections {held} were held"
        yield


class Turns:
    def __init__(self, place, seconds):
        self.place = place
        self.seconds = seconds
        # Of mailboxes that a turn takes for itself, how many are used up.
        self.n_used = {}

    def run(self, workload, name):
        if workload.size >= MB:
            touch_memory()
        if name == "disk":
            return self._run_disk(workload)
        server = self.place.start(name, self._root(workload, name), workload.database)
        try:
            return self._measure(server, workload, name)
        finally:
            server.stop()

    def _root(self, workload, name):
        return self.place.root(f"crowd-{name}" if workload.mailboxes == "crowd" else name)

    def _numbers(self, workload, name):
        """The mailboxes that this turn may deliver to."""
        numbers = MAILBOXES[workload.mailboxes]
        n_used = self.n_used.get((workload.mailboxes, name), 0)
        if workload.mailboxes == "single":
            self._use(workload, name, 1)
            return numbers[n_used:n_used + 1]
        return numbers[n_used:]

    def _use(self, workload, name, n):
        key = workload.mailboxes, name
        self.n_used[key] = self.n_used.get(key, 0) + n

    def _load(self, server, workload, numbers, *end):
        return json.loads(run_checked(
            self.place.programs["load"], "deliver", "--socket", server.socket,
            "--sessions", workload.sessions, "--recipients", workload.recipients,
            "--size", workload.size, "--first", numbers[0], "--mailboxes", len(numbers), *end,
            *(["--reconnect"] if workload.reconnects else []), timeout=180,
        ))

    def accustom(self, workload, name):
        """One message for each existing mailbox: Dovecot makes its indexes then."""
        server = self.place.start(name, self._root(workload, name))
        try:
            self._load(server, workload, EXISTING, "--messages", len(EXISTING))
        finally:
            server.stop()

    def _measure(self, server, workload, name):
        root = self._root(workload, name)
        numbers = self._numbers(workload, name)
        is_used_once = workload.mailboxes in USED_ONCE
        self._load(server, workload, EXISTING if is_used_once else numbers,
                   "--seconds", WARM_SECONDS)
        n_before = 0 if is_used_once else count_files(root, numbers)
        pids = (server.pid, self.place.database.pid)
        with idle_connections(self.place, server, workload.idle), self._client(root, workload):
            before = processes.processor_seconds(processes.tree(*pids))
            got = self._load(server, workload, numbers, "--seconds", self.seconds)
            used = processes.processor_seconds(processes.tree(*pids)) - before
        n = got["deliveries"]
        if is_used_once:
            assert n <= len(numbers), f"{workload.name}: {n} messages are too many for one run"
            numbers = numbers[:n]
            self._use(workload, name, n)
        # What a server says is not enough.
        n_found = count_files(root, numbers) - n_before
        assert n_found == n, f"{name}, {workload.name}: {n} acknowledged, {n_found} there"
        self._clear(workload, name, numbers)
        return Figures(
            got["messages_per_second"], got["deliveries_per_second"], got["p50"], got["p95"],
            got["p99"], got["max"], 1000 * used / got["messages"],
            got["own_processor_seconds"] / got["seconds"],
        )

    def _client(self, root, workload):
        return marking(root, FULL[0]) if workload.marks else contextlib.nullcontext()

    def _clear(self, workload, name, numbers):
        """Every turn begins alike. Dovecot's indexes know of its messages, so these stay."""
        if name not in ("dovecot", "pigeonhole") and workload.mailboxes != "full":
            remove_files(self._root(workload, name), {*EXISTING, *numbers})
        self.place.filesystem.sync()

    def _run_disk(self, workload):
        """The limit: the steps on the disk alone, without the sync of new/ for large messages."""
        root = self.place.root("disk")
        self._disk(workload, root, WARM_SECONDS)
        got = self._disk(workload, root, self.seconds)
        remove_files(root, EXISTING)
        self.place.filesystem.sync()
        rate = got["messages"] / got["seconds"]
        return Figures(rate, rate)

    def _disk(self, workload, root, seconds):
        return json.loads(run_checked(
            self.place.programs["disk"], "write" if workload.size >= MB else "deliver",
            root / "example.com", len(EXISTING) if workload.mailboxes == "existing" else 1,
            workload.sessions, workload.size, seconds,
        ))
