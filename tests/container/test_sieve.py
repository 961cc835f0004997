"""Scripts of users in the containers: on and off as docs/container.md says, and what they do there."""

import json
import shutil
import sys

import pytest

from confinement import assert_confinement
from conftest import EMAIL1, EMAIL2, PASSWORD1, PASSWORD2, TREE, Lmtp, no_verification, wait_until

# Behind our own, which has a conftest.py, too.
sys.path.append(str(TREE / "tests/integration"))

from harness.managesieve import ManageSieve, Refused  # noqa: E402, the path comes first

OF_EMAIL2 = {"user": EMAIL2, "password": PASSWORD2}
STRANGER = "sender@example.net"
TARGET = "somebody@example.org"
FILES_FORWARDS_ANSWERS = f"""require ["fileinto", "mailbox", "copy", "vacation", "vacation-seconds"];
if header :contains "Subject" "project" {{
  fileinto :create "Projects";
}}
redirect :copy "{TARGET}";
vacation :seconds 3600 :subject "I am away" "Until Monday.";
"""
FORWARDS = """redirect "{}";\n"""


def override(stack):
    return stack.directory / "compose.override.yaml"


def switch(stack, is_on):
    """The words of docs/container.md."""
    if is_on:
        shutil.copy(stack.directory / "compose.sieve.yaml", override(stack))
    else:
        override(stack).unlink()
    stack.compose("up", "-d", "--force-recreate")
    stack.wait_for_health()


@pytest.fixture(scope="module", autouse=True)
def without_scripts(stacks):
    """Whoever comes behind these tests."""
    yield
    stacks.down()
    override(stacks).unlink(missing_ok=True)


@pytest.fixture
def scripts(stack):
    """All of it with scripts on, and no mail and no scripts."""
    if not override(stack).exists():
        switch(stack, is_on=True)
    return stack


def store(script, user=EMAIL1, password=PASSWORD1):
    """It is the active one then."""
    def attempt():
        with ManageSieve(4190, user, password, no_verification()) as client:
            client.put("rules", script)
            client.activate("rules")
            return True
    wait_until(attempt, 60, "ManageSieve")


def serves_managesieve():
    """A proxy of the engine may take the connection for nobody."""
    try:
        ManageSieve(4190, EMAIL1, PASSWORD1, no_verification())
    except (OSError, AssertionError):
        return False
    return True


def check(stack, *arguments):
    """The exit code of lmtpd --check, and its words."""
    done = stack.exec("lmtpd", "lmtpd", "--check", *arguments, check=False)
    return done.returncode, done.stdout


def wait_for_submission(stack):
    """Postfix serves its socket."""
    def is_served():
        code, words = check(stack)
        return "ok    submission: unix:/sockets/submission/smtp takes what scripts send" in words and code == 0
    wait_until(is_served, 60, "service of submission")


def queued(stack):
    """What goes out of the house, where nothing can: {(sender, recipient): queue id}."""
    found = {}
    for line in stack.exec("postfix", "postqueue", "-j").stdout.splitlines():
        if line.startswith("{"):
            message = json.loads(line)
            for recipient in message["recipients"]:
                found[message["sender"], recipient["address"]] = message["queue_id"]
    return found


def came_by_the_service(stack, queue_id):
    return any("postfix/sieve/smtpd" in line and f" {queue_id}: client=localhost[127.0.0.1]" in line
               for line in stack.logs("postfix").splitlines())


def test_on_and_off(stack):
    """What was there stays, also the scripts."""
    stack.send("before", EMAIL1)
    stack.wait_for("before")
    assert not serves_managesieve()
    code, words = check(stack)
    assert code == 0 and "submission" not in words

    switch(stack, is_on=True)
    stack.wait_for("before")
    wait_for_submission(stack)
    store(FILES_FORWARDS_ANSWERS)
    stack.send("project one", EMAIL1)
    stack.wait_for("project one", folder="Projects")

    switch(stack, is_on=False)
    stack.send("project two", EMAIL1)
    stack.wait_for("before", "project two")
    assert not serves_managesieve()

    switch(stack, is_on=True)
    stack.send("project three", EMAIL1)
    stack.wait_for("project one", "project three", folder="Projects")
    stack.wait_for("before", "project two")


def test_a_script_files_forwards_and_answers(scripts):
    """For a user without any mail yet; and nothing of it takes the port for mail from outside."""
    wait_for_submission(scripts)
    store(FILES_FORWARDS_ANSWERS)
    code, words = check(scripts, EMAIL1)
    assert code == 0 and "scripts  ~/sieve/rules.sieve" in words
    assert f"may      redirect to {TARGET}, over unix:/sockets/submission/smtp" in words
    scripts.send("project one", EMAIL1, sender=EMAIL2)
    scripts.send("lunch", EMAIL1, sender=STRANGER)
    scripts.wait_for("project one", folder="Projects")
    scripts.wait_for("lunch")
    scripts.wait_for("I am away", **OF_EMAIL2)

    expected = {(EMAIL2, TARGET), (STRANGER, TARGET), ("MAILER-DAEMON", STRANGER)}
    wait_until(lambda: set(queued(scripts)) == expected, 60, "mail that goes out")
    for queue_id in queued(scripts).values():
        assert came_by_the_service(scripts, queue_id)
    log = scripts.logs("lmtpd")
    assert f"event=vacation mailbox=<{EMAIL1}> to=<{EMAIL2}> status=sent code=250" in log
    assert f"folder=Projects script=rules redirect=<{TARGET}> vacation=<{EMAIL2}>" in log
    # Answered once; and whoever has no script any longer gets all in INBOX.
    scripts.send("project two", EMAIL1, sender=EMAIL2)
    scripts.wait_for("project one", "project two", folder="Projects")
    with ManageSieve(4190, EMAIL1, PASSWORD1, no_verification()) as client:
        client.activate("")
    scripts.send("project three", EMAIL1, sender=EMAIL2)
    scripts.wait_for("lunch", "project three")
    scripts.wait_for("I am away", **OF_EMAIL2)
    assert scripts.health("lmtpd") == scripts.health("lmtpd-auth") == 0 and check(scripts)[0] == 0
    assert "not owned by" not in scripts.logs("postfix"), "it looks at the owners in its queue when it starts"


def test_a_redirect_within_the_house(scripts):
    """Postfix hands it in again; and nobody's address is refused at once, so that INBOX keeps the message."""
    wait_for_submission(scripts)
    store(FORWARDS.format(EMAIL2))
    scripts.send("for another", EMAIL1)
    scripts.wait_for("for another", **OF_EMAIL2)
    store(FORWARDS.format("nobody@example.com"))
    scripts.send("for nobody", EMAIL1)
    scripts.wait_for("for nobody")
    assert "event=redirect level=warning" in scripts.logs("lmtpd")


def test_a_redirect_waits_for_postfix(scripts):
    """And the socket that a killed Postfix leaves behind is in nobody's way."""
    wait_for_submission(scripts)
    store(FORWARDS.format(EMAIL2))
    scripts.podman("kill", "postfix")
    client = Lmtp(scripts)
    scripts.stop("postfix")
    client.begin(EMAIL1)
    assert client.say("Subject: later\r\n\r\nbody\r\n.").startswith("451 4.3.0")
    assert scripts.health("lmtpd") == 0
    client.begin(EMAIL2)
    assert client.say("Subject: without a script\r\n\r\nbody\r\n.").startswith("250 2.0.0")
    scripts.start("postfix")
    wait_for_submission(scripts)
    client.begin(EMAIL1)
    assert client.say("Subject: later\r\n\r\nbody\r\n.").startswith("250 2.0.0")
    scripts.wait_for("without a script", "later", **OF_EMAIL2)


def test_logins(scripts):
    """With the password of the mail, and within TLS alone."""
    store(FORWARDS.format(EMAIL2))
    for password, context in (("wrong", no_verification()), (PASSWORD1, None)):
        with pytest.raises(Refused):
            ManageSieve(4190, EMAIL1, password, context)


def test_confinement(scripts):
    """As without scripts, but for the one volume that lmtpd and Postfix share."""
    wait_for_submission(scripts)
    store(FILES_FORWARDS_ANSWERS)
    scripts.send("project one", EMAIL1, sender=EMAIL2)
    scripts.wait_for("I am away", **OF_EMAIL2)
    with ManageSieve(4190, EMAIL1, PASSWORD1, no_verification()):
        assert_confinement(scripts, {"lmtpd": {"submission-socket"}, "postfix": {"submission-socket"}})


def test_postfix_comes_first(empty):
    """It fills the volume of the socket, that lmtpd fills otherwise."""
    shutil.copy(empty.directory / "compose.sieve.yaml", override(empty))
    for service in ("postfix", "database", "dovecot", "lmtpd", "lmtpd-auth"):
        empty.compose("up", "-d", service)
    empty.fill()
    wait_for_submission(empty)
    store(FORWARDS.format(EMAIL2))
    empty.send("for another", EMAIL1)
    empty.wait_for("for another", **OF_EMAIL2)
