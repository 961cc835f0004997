"""lmtpd is killed while scripts send: Postfix brings again what was not acknowledged, and nothing is lost."""

import random
import re
import time

import pytest

from harness.process import wait_until
from harness.sieve import EMAIL1, EMAIL2, mail
from test_sieve_send import sending_site  # noqa: F401

pytestmark = [pytest.mark.needs_root, pytest.mark.heavy]

ROUNDS, LETTERS = 40, 5


def ids(messages):
    return [re.search(r"^Message-ID: <([^@]+)@", message, re.MULTILINE | re.IGNORECASE)[1] for message in messages]


def test_killed_while_redirecting(sending_site):  # noqa: F811
    """Each message is with whom it is redirected to, and where a copy is kept, there as well."""
    here = sending_site()
    here.activate(f'require "copy"; redirect :copy "{EMAIL2}";')
    rng = random.Random(1)
    sent = []
    for turn in range(ROUNDS):
        for number in range(LETTERS):
            sent.append(f"m{turn}-{number}")
            here.postfix.send([EMAIL1], mail(sent[-1]), "outside@example.net")
        time.sleep(rng.uniform(0, 0.06))
        here.daemon.kill()
        here.daemon.start()

    def is_empty():
        here.postfix.flush()
        time.sleep(0.5)
        return here.postfix.queue() == []

    wait_until(is_empty, 240, "end of the queue")
    kept, redirected = ids(here.messages(EMAIL1)), ids(here.messages(EMAIL2))
    assert set(kept) == set(redirected) == set(sent)
    # The kills have met deliveries.
    n_deferred = here.postfix.log().count("status=deferred")
    assert n_deferred > 0
    print(f"{len(sent)} messages, {ROUNDS} kills: {len(kept) - len(sent)} kept twice,"
          f" {len(redirected) - len(sent)} redirected twice, {n_deferred} put off")
