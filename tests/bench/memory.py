"""Memory of a server with all its processes."""

import contextlib
import json
import subprocess
import threading
from typing import NamedTuple

import processes
from harness.process import run_checked
from workloads import MB

MAILBOXES = range(100)
IDLE = (1000, 10_000)
FLIGHTS = 100
FLIGHT_SIZE = 50 * MB


# The sink's thread for each connection is no measure of memory.
SERVERS = ("lmtpd", "dovecot")


class Memory(NamedTuple):
    server: str
    title: str
    wanted: int  # connections
    held: int
    rss: int
    pss: int


def idle_title(n):
    return f"{n:,} idle connections"


FLIGHT_TITLE = f"{FLIGHTS} messages of {FLIGHT_SIZE // MB} MB at once"


def tree_of(name):
    """The directory of the disk for a server's mail."""
    return f"memory-{name}"


def send(place, server, sessions, messages, size, *options):
    run_checked(
        place.programs["load"], "deliver", "--socket", server.socket, "--sessions", sessions,
        "--messages", messages, "--size", size, "--mailboxes", len(MAILBOXES), *options,
        timeout=600,
    )


class Peak:
    """The most memory that a server has while something runs, looked at every few ms."""

    def __init__(self, server):
        self.server = server
        self.rss = self.pss = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.is_over.wait(0.02):
            rss, pss = processes.memory(processes.tree(self.server.pid))
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        pids = processes.tree(self.server.pid)
        if len(pids) == 1:  # the kernel has seen what falls between two looks
            self.rss = max(self.rss, processes.high_water(pids[0]))


def at_rest(place, server, name):
    send(place, server, 1, 1, 4096)
    return Memory(name, "at rest", 0, 0, *processes.memory(processes.tree(server.pid)))


@contextlib.contextmanager
def holding(place, server, n):
    """n idle connections, or as many as the server takes: the number of them."""
    with subprocess.Popen(
        [place.programs["load"], "hold", "--socket", str(server.socket), "--sessions", str(n)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as load:
        try:
            yield json.loads(load.stdout.readline())["held"]
        finally:
            load.stdin.close()


def with_idle(place, server, name, n):
    with holding(place, server, n) as held:
        memory = processes.memory(processes.tree(server.pid))
    return Memory(name, idle_title(n), n, held, *memory)


def in_flight(place, server, name):
    """While large messages come in at once, and until they are saved."""
    with Peak(server) as peak:
        send(place, server, FLIGHTS, FLIGHTS, FLIGHT_SIZE, "--at-once")
    return Memory(name, FLIGHT_TITLE, FLIGHTS, FLIGHTS, peak.rss, peak.pss)


def measure(place, is_quick):
    """Each figure with a fresh server; quickly, only lmtpd gets the large messages."""
    found = []

    def add(name, measure_one, *arguments):
        server = place.start(name, place.root(tree_of(name)))
        try:
            found.append(measure_one(place, server, name, *arguments))
        finally:
            server.stop()

    for name in SERVERS:
        add(name, at_rest)
        for n in IDLE:
            if found[-1].held == found[-1].wanted:
                add(name, with_idle, n)
        if name == "lmtpd" or not is_quick:
            add(name, in_flight)
        place.drop(tree_of(name))
    return found
