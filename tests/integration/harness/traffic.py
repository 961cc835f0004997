"""Mail through a real Postfix and logins, steadily, and what became of them."""

import itertools
import random
import re
import smtplib
import threading
import time
from collections import Counter

from harness.audit import Audit, Ledger
from harness.auth import EMAIL1, PASSWORD1, plain_response
from harness.process import wait_until
from harness.sasl_postfix import SaslPostfix

# Postfix's maps are not what is drilled here: it takes whatever comes, and lmtpd alone asks. A message
# that was put off is tried again once after this time.
SETTINGS = """\
virtual_mailbox_domains = example.com
virtual_mailbox_maps = static:all
virtual_alias_maps =
minimal_backoff_time = 5s
maximal_backoff_time = 5s
queue_run_delay = 1s
"""
MAILBOXES = [f"user{number}@example.com" for number in range(50)]
TRY = re.compile(r"postfix/lmtp\[\d+\]: (\w+): to=<.*, delay=([\d.]+),.* status=(\w+) ")
LOGINS_OVER_SMTP = 2
LOGINS = 4
SENDERS = 3

OK, PUT_OFF, WRONG = "ok", "put off", "wrong"


class TrafficPostfix(SaslPostfix):
    def write(self):
        super().write()
        self.add_settings(SETTINGS)


class Worker(threading.Thread):
    """Does one thing again and again until the traffic ends."""

    def __init__(self, traffic, number):
        super().__init__(daemon=True)
        self.traffic = traffic
        self.rng = random.Random(f"{type(self).__name__} {number}")
        self.error = None

    def run(self):
        try:
            while not self.traffic.ending.is_set():
                self.do()
                time.sleep(self.rng.uniform(0.1, 0.3))
        except Exception as error:  # told to whoever waits for the traffic
            self.error = error


class Sender(Worker):
    """A message, for one mailbox, that Postfix has taken is promised."""

    def do(self):
        traffic = self.traffic
        letter = f"letter{next(traffic.letters)}"
        mailbox = self.rng.choice(MAILBOXES)
        body = b"x" * 70 + b"\r\n"
        traffic.ledger.post(letter, body)
        with smtplib.SMTP("127.0.0.1", traffic.postfix.port, timeout=60) as client:
            client.sendmail("sender@example.net", [mailbox],
                            b"Message-ID: <%s@sender.example.net>\r\n\r\n" % letter.encode() + body)
        local, domain = mailbox.split("@")
        traffic.ledger.settle(letter, [f"{domain}/{local}"])


class Login(Worker):
    """As one smtpd after the other; a connection that closes is Postfix's 454."""

    def do(self):
        with self.traffic.auth.client() as client:
            begun = time.monotonic()
            try:
                outcome = OK if client.plain(EMAIL1, PASSWORD1).verb == "OK" else WRONG
            except EOFError:
                outcome = PUT_OFF
            self.traffic.on_login(begun, outcome)


class LoginOverSmtp(Worker):
    def do(self):
        with smtplib.SMTP("127.0.0.1", self.traffic.postfix.plain_port, timeout=60) as client:
            client.ehlo("client.example.net")
            begun = time.monotonic()
            code, _ = client.docmd("AUTH", "PLAIN " + plain_response(EMAIL1, PASSWORD1))
            self.traffic.on_login(begun, {235: OK, 454: PUT_OFF}.get(code, WRONG))


class Traffic:
    """As long as the block runs. In the end all that Postfix took must have left its queue."""

    letters = itertools.count(1)

    def __init__(self, postfix, lmtpd, auth):
        self.postfix, self.lmtpd, self.auth = postfix, lmtpd, auth
        self.ledger = Ledger()
        self.logins = []  # (when it began, seconds, outcome)
        self.n_logged = len(postfix.log())
        self.ending = threading.Event()
        self.workers = [kind(self, number) for kind, n in (
            (Sender, SENDERS), (Login, LOGINS), (LoginOverSmtp, LOGINS_OVER_SMTP),
        ) for number in range(n)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        for worker in self.workers:
            worker.join(120)
        if kind is None:
            errors = [worker.error for worker in self.workers if worker.error]
            assert errors == [] and not any(worker.is_alive() for worker in self.workers)
            wait_until(lambda: self.postfix.queue() == [], 180, "an empty queue")

    def on_login(self, begun, outcome):
        self.logins.append((begun, time.monotonic() - begun, outcome))

    def tries(self):
        """(queue id, seconds since it came, status) of each."""
        log = self.postfix.log()[self.n_logged:]
        return [(qid, float(delay), status) for qid, delay, status in TRY.findall(log)]

    def n_sent(self):
        return sum(status == "sent" for _, _, status in self.tries())

    def logins_since(self, moment):
        """Outcomes of those that began later."""
        return Counter(outcome for begun, _, outcome in self.logins if begun >= moment)


class Figures:
    """What became of it all."""

    HEADLINE = (f"{'drill':44} messages deferred retries bounced lost doubled  longest s | logins  "
                "put off  wrong  longest s")

    def __init__(self, name, traffic):
        tries = traffic.tries()
        deferrals = Counter(qid for qid, _, status in tries if status == "deferred")
        outcomes = Counter(outcome for _, _, outcome in traffic.logins)
        audit = Audit(traffic.lmtpd.vhosts, traffic.ledger)
        self.name = name
        self.messages = len(traffic.ledger.saved)
        self.deferred = len(deferrals)
        self.retries = max(deferrals.values(), default=0)
        self.bounced = sum(status not in ("sent", "deferred") for _, _, status in tries)
        self.lost, self.doubled = len(audit.lost), len(audit.surplus)
        self.complaints = [] if audit.is_clean else [str(audit)]
        self.longest_delivery = max(delay for _, delay, status in tries if status == "sent")
        self.logins = len(traffic.logins)
        self.put_off, self.wrong = outcomes[PUT_OFF], outcomes[WRONG]
        self.longest_login = max(seconds for _, seconds, _ in traffic.logins)

    def __str__(self):
        return (f"{self.name:44} {self.messages:8} {self.deferred:8} {self.retries:7} "
                f"{self.bounced:7} {self.lost:4} {self.doubled:7} {self.longest_delivery:10.1f} | "
                f"{self.logins:6} {self.put_off:8} {self.wrong:6} {self.longest_login:10.1f}")
