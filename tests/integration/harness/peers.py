"""lmtpd, and Dovecot's LMTP with Pigeonhole, side by side: what do both send for the same script and message?"""

import os
import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses

from harness.dovecot import is_2_4
from harness.process import MAIL_GROUP, MAIL_ID, wait_until
from harness.sieve import EMAIL1, Site, activate, deliver
from harness.sink import Sink

SENDER = "ann@example.net"
RENAMED_2_4 = {("sieve_vacation_dont_check_recipient", "yes"): ("sieve_vacation_check_recipient", "no")}

MORE_2_3 = """
submission_host = 127.0.0.1:{port}
postmaster_address = postmaster@mx.example.com
plugin {{
  sieve_extensions = +vacation-seconds +editheader
  {settings}
}}
"""
MORE_2_4 = """
submission_host = 127.0.0.1:{port}
postmaster_address = postmaster@mx.example.com
sieve_extensions {{
  vacation-seconds = yes
  editheader = yes
}}
{settings}
"""


class Peers:
    """Both, each with a home and a server of SMTP of its own."""

    def __init__(self, here, there, sinks):
        self.here = here
        self.there = there
        self.sinks = sinks

    def activate(self, script, user=EMAIL1):
        for dovecot in (self.here.dovecot, self.there):
            activate(dovecot, script, user)

    def deliver(self, text, recipient=EMAIL1, sender=SENDER):
        """The replies of lmtpd and of the other one."""
        return [deliver(socket, recipient, body=text, sender=sender)[0]
                for socket in (self.here.daemon.socket, self.there.socket)]

    def sends(self, text, recipient=EMAIL1, sender=SENDER, n=1):
        """What both have sent for a message: for each what came to its sink. Dovecot answers when it has sent; what lmtpd
        sends after its answer it has announced in its log."""
        assert self.deliver(text, recipient, sender) == ["250 2.0.0"] * 2
        wait_until(lambda: len(self.sinks[0].taken) >= n, 60, "mail of lmtpd")
        return [sink.take() for sink in self.sinks]

    def log(self):
        """Of the last delivery of lmtpd."""
        return self.here.log(event="delivery")[-1]

    def close(self):
        for sink in self.sinks:
            sink.close()


def sending_to(sink, settings):
    """What Dovecot is told, so that what Pigeonhole sends goes to the sink. Settings by their names of Dovecot 2.3."""
    lines = [" = ".join(RENAMED_2_4.get(setting, setting) if is_2_4() else setting) for setting in settings.items()]
    return (MORE_2_4 if is_2_4() else MORE_2_3).format(port=sink.port, settings="\n  ".join(lines))


def make_peers(make_lmtpd, make_dovecot, vhosts, sieve=None, **settings):
    """Settings of lmtpd's section sieve, and those of Pigeonhole by their names of Dovecot 2.3."""
    sinks = [Sink(), Sink()]
    daemon = make_lmtpd(
        sieve={"enabled": True, "submission": f"inet:127.0.0.1:{sinks[0].port}", **(sieve or {})})
    here = Site(daemon, make_dovecot(daemon.vhosts))
    daemon.start()
    vhosts.mkdir(mode=0o700)
    os.chown(vhosts, MAIL_ID, MAIL_GROUP)
    there = make_dovecot(vhosts, more=sending_to(sinks[1], settings))
    return Peers(here, there, sinks)


# --- what is the same -------------------------------------------------------

OWN = {"message-id", "date", "x-sieve"}


def value_of(name, value):
    """What a reader sees of a field, however it is folded and encoded."""
    value = re.sub(r"\r?\n[ \t]", " ", value)
    if name.lower() in OWN:
        return ""
    if name in ("From", "To"):
        return [(readable(phrase), address.lower()) for phrase, address in getaddresses([value])]
    return readable(value)


def readable(value):
    return str(make_header(decode_header(value))).rstrip()


def shown_of(taken):
    """The envelope and the fields in their order, without what is each program's own or the time's; and the body."""
    message = message_from_bytes(taken.message)
    fields = [(name, value_of(name, value)) for name, value in message.raw_items()]
    return taken.sender, taken.recipients, fields, taken.message.split(b"\r\n\r\n", 1)[1].rstrip()
