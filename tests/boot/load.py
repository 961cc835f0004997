"""Sends numbered messages as servers or mail programs do, and tries again until they are taken.

usage: load.py SENDERS TAG PAUSE [USER PASSWORD]

SENDERS threads send to email1@example.com on port 25, or after a login on port 587, and wait PAUSE
seconds after each message. At the end of
stdin they finish what they have begun, and a summary is printed: the subjects that were accepted,
and how often which answer of the server made them try again or give up.
"""

import collections
import itertools
import json
import smtplib
import ssl
import sys
import threading
import time

TO = "email1@example.com"

accepted = []
temporary = collections.Counter()
permanent = collections.Counter()
stopping = threading.Event()
numbers = itertools.count(1)


def untrusting_context():
    """Debian's own certificate is signed by nobody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(login):
    if not login:
        return smtplib.SMTP("127.0.0.1", 25, "client.example.net", timeout=120)
    client = smtplib.SMTP("127.0.0.1", 587, "client.example.net", timeout=120)
    client.starttls(context=untrusting_context())
    client.login(*login)
    return client


def send(subject, login):
    """Returns whether the message is settled; a later try may settle it."""
    try:
        with connect(login) as client:
            sender = login[0] if login else "sender@example.net"
            client.sendmail(sender, [TO], f"Subject: {subject}\r\n\r\nBody.\r\n")
    except smtplib.SMTPRecipientsRefused as refused:
        code, text = refused.recipients[TO]
        return fails(code, text)
    except smtplib.SMTPResponseException as failed:
        return fails(failed.smtp_code, failed.smtp_error)
    except (OSError, smtplib.SMTPServerDisconnected) as lost:
        return fails(400, str(lost).encode())
    accepted.append(subject)
    return True


def fails(code, text):
    answer = f"{code} {text.decode(errors='replace')}"
    if code >= 500:
        permanent[answer] += 1
        return True
    temporary[answer] += 1
    return False


def work(tag, pause, login):
    while not stopping.is_set():
        subject = f"{tag}-{next(numbers)}"
        while not send(subject, login):
            time.sleep(0.5)
        time.sleep(pause)


def main(n_senders, tag, pause, *login):
    threads = [threading.Thread(target=work, args=(tag, float(pause), login)) for _ in range(int(n_senders))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()
    json.dump({"accepted": accepted, "temporary": temporary, "permanent": permanent}, sys.stdout)


main(*sys.argv[1:])
