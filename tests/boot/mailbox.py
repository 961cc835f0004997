"""What a user's programs do: a mail program by IMAP, a webmail by ManageSieve.

usage: mailbox.py show USER PASSWORD          the folders that hold mail, as JSON: {folder: [[subject, flags], ...]}
       mailbox.py read USER PASSWORD          the texts of the messages in INBOX, as JSON
       mailbox.py folders USER PASSWORD       those to which the user is subscribed, as JSON
       mailbox.py create USER PASSWORD NAME   make a folder, and subscribe to it
       mailbox.py store USER PASSWORD NAME    keep the script that stdin has; with what the server says if it does not
       mailbox.py activate USER PASSWORD NAME let it run; with an empty name none does
"""

import contextlib
import imaplib
import json
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from harness.managesieve import ManageSieve, Refused  # noqa: E402, the path comes first
from harness.sieve import mail_in, names  # noqa: E402


def untrusting_context():
    """Debian's own certificate is signed by nobody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def imap(user, password):
    with imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=untrusting_context(), timeout=60) as client:
        client.login(user, password)
        yield client


def main(command, user, password, name=""):
    if command in ("store", "activate"):
        with ManageSieve(4190, user, password, context=untrusting_context()) as client:
            if command == "store":
                client.put(name, sys.stdin.read())
            else:
                client.activate(name)
        return
    with imap(user, password) as client:
        if command == "show":
            print(json.dumps(mail_in(client)))
        elif command == "read":
            client.select("INBOX", readonly=True)
            rows = client.fetch("1:*", "(BODY.PEEK[])")[1] if client.search(None, "ALL")[1] != [b""] else []
            print(json.dumps([row[1].decode("utf-8", "replace") for row in rows if isinstance(row, tuple)]))
        elif command == "folders":
            print(json.dumps(names(client, "lsub")))
        elif command == "create":
            for do in (client.create, client.subscribe):
                assert do(name)[0] == "OK"
        else:
            sys.exit(__doc__)


try:
    main(*sys.argv[1:])
except Refused as refused:
    sys.exit(str(refused))
