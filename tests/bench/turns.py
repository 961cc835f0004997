"""One turn: a server, freshly started and warmed, under one workload."""

import json
from typing import NamedTuple

import processes
from filesystem import count_files, remove_files
from harness.process import run_checked
from workloads import EXISTING, MISSING, SINGLE

WARM_SECONDS = 0.5


class Figures(NamedTuple):
    messages: float    # a second
    deliveries: float  # a second
    p50: float         # ms from the dot to the last reply
    p95: float
    p99: float
    max: float
    processor: float   # seconds of server and database for 1,000 messages


class Turns:
    def __init__(self, place, seconds):
        self.place = place
        self.seconds = seconds
        # Each turn takes mailboxes that none has taken before.
        self.n_single = {}
        self.n_missing = {}

    def _numbers(self, workload, name):
        """The mailboxes that this turn delivers to."""
        if workload.mailboxes == "single":
            n = self.n_single[name] = self.n_single.get(name, -1) + 1
            return SINGLE[n:n + 1]
        if workload.mailboxes == "missing":
            return MISSING[self.n_missing.get(name, 0):]
        return EXISTING

    def _load(self, server, workload, numbers, seconds):
        return json.loads(run_checked(
            self.place.programs["load"], "deliver", "--socket", server.socket,
            "--sessions", workload.sessions, "--recipients", workload.recipients,
            "--size", workload.size, "--first", numbers[0], "--mailboxes", len(numbers),
            "--seconds", seconds, *(["--reconnect"] if workload.reconnects else []),
        ))

    def run(self, workload, name):
        server = self.place.start(name)
        try:
            return self._measure(server, workload, name)
        finally:
            server.stop()

    def _measure(self, server, workload, name):
        root = self.place.root(name)
        numbers = self._numbers(workload, name)
        self._load(server, workload, EXISTING, WARM_SECONDS)
        roots = (server.pid, self.place.database.pid)
        n_before = count_files(root, numbers)
        cpu_before = processes.processor_seconds(processes.tree(*roots))
        got = self._load(server, workload, numbers, self.seconds)
        cpu = processes.processor_seconds(processes.tree(*roots)) - cpu_before
        if workload.mailboxes == "missing":
            assert got["deliveries"] <= len(numbers), "every mailbox has been made"
            numbers = numbers[:got["deliveries"]]
            self.n_missing[name] = self.n_missing.get(name, 0) + len(numbers)
        n_new = count_files(root, numbers) - n_before
        assert n_new == got["deliveries"], f"{name}: {got['deliveries']} answered, {n_new} there"
        self._clear(name)
        return Figures(
            got["messages_per_second"], got["deliveries_per_second"], got["p50"], got["p95"],
            got["p99"], got["max"], 1000 * cpu / got["messages"],
        )

    def _clear(self, name):
        """Dovecot's indexes know of its messages, so these stay."""
        if name != "dovecot":
            remove_files(self.place.root(name), [*EXISTING, *SINGLE])
        run_checked("sync", "-f", self.place.filesystem.path)
