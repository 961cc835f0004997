"""postsrsd, and a Postfix that rewrites senders by it and sends what is for others to a server that keeps it."""

from pathlib import Path

from harness.manual import Manual
from harness.postfix import Postfix
from harness.process import Daemon, answers, free_port

OWN_WAY = Path(__file__).resolve().parents[3] / "examples/postfix/master-sieve.cf"

SENDERS = """
sender_canonical_maps = tcp:127.0.0.1:10001
sender_canonical_classes = envelope_sender
"""


class PostSrsd(Daemon):
    def __init__(self, directory, domain):
        super().__init__(directory / "postsrsd.log")
        self.secret = directory / "postsrsd.secret"
        self.secret.write_text("a secret of the tests\n")
        self.domain = domain
        self.forward, self.reverse = free_port(), free_port()

    def start(self):
        self.spawn(["postsrsd", "-4", f"-s{self.secret}", f"-d{self.domain}", f"-f{self.forward}", f"-r{self.reverse}"])
        self.wait_until_answers(lambda: answers(self.forward) and answers(self.reverse))


class SrsPostfix(Postfix):
    """has_own_way: only what comes by the service of examples/postfix/master-sieve.cf gets another sender, as docs/sieve.md
    says; else all, as postsrsd's own manual has it."""

    def __init__(self, base, database, srs, sink, has_own_way):
        super().__init__(base, database)
        self.srs = srs
        self.sink = sink
        self.own_port = free_port() if has_own_way else None

    def write(self):
        super().write()
        manual = Manual("sieve.md", "Senders that SPF allows")
        # This Postfix has no root of its own.
        own_way = OWN_WAY.read_text().replace("127.0.0.1:10026 inet n - y", f"127.0.0.1:{self.own_port} inet n - n")
        rewriting = "  " + manual.block("cleanup-srs").replace("n - y", "n - n")
        self.add_settings(f"default_transport = smtp:[127.0.0.1]:{self.sink.port}\n")
        self.add_settings(self.with_ports(manual.block("recipient_canonical_maps") + ("" if self.own_port else SENDERS)))
        with (self.base / "etc/master.cf").open("a") as master:
            master.write("smtp unix - - n - - smtp\n")
            master.write(self.with_ports(own_way + rewriting) if self.own_port else "")

    def with_ports(self, text):
        return text.replace(":10001", f":{self.srs.forward}").replace(":10002", f":{self.srs.reverse}")
