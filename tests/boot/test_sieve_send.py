"""What scripts send, in the whole chain: users store by ManageSieve what webmails and panels write, mail comes by
Postfix, and Postfix takes from lmtpd what it answers and forwards; all is looked at by IMAP.

The tests build on one another, in their order.
"""

import re
import shutil

import pytest

from forms import (
    ABSENCE, ABSENCE_AND_FORWARD, ABSENCES, AHEAD, FORWARD, FORWARD_AND_KEEP, FORWARDS, NOW, OVER, PANEL_ABSENCE,
    PANEL_REJECT, RESPONDER, WINDOWS,
)
from guide import follow
from harness.process import wait_until
from sending import (
    HOME, SENDER, TARGET, await_one, configure, folders_of, found, make_site, send_from, texts, upload,
)
from users import USER, deliver, shown, use

PORT = "A way of its own"


@pytest.fixture(scope="module")
def said():
    """What the check has said as the page was followed."""
    return []


@pytest.fixture(scope="module")
def site(container, package, release, said):
    said.append(make_site(container, package, release))
    return container


def asked(said):
    """What the check says of the server that takes what scripts send: (status, the rest)."""
    return re.findall(r"^(\S+) +submission: (.*)$", said, flags=re.MULTILINE)


def test_the_check_asks_postfix(site, said):
    [(status, text)] = asked(said[0])
    assert status == "ok" and text.startswith("inet:127.0.0.1:25 takes what scripts send; it offers CHUNKING"), text
    assert site.run("postqueue -p").strip() == "Mail queue is empty"


@pytest.mark.parametrize("name", ABSENCES)
def test_absence(site, name):
    """Its sender has the notice once, however often he asks; each message is where it would be without it."""
    script, subject, words, flags = ABSENCES[name]
    asks, subject, words = f"Away by {name}?", subject.format(f"Away by {name}?"), words.format(f"Away by {name}?")
    upload(site, script)
    send_from(site, asks)
    notice = await_one(site, SENDER, subject)
    assert notice["Auto-Submitted"].startswith("auto-replied"), notice
    assert notice["Return-Path"] == "<>", notice
    assert notice["From"].addresses[0].addr_spec == USER, notice
    assert notice["To"].addresses[0].addr_spec == SENDER, notice
    [answered] = found(site, USER, asks)
    assert notice["In-Reply-To"] == answered["Message-ID"], notice
    assert notice.get_content().splitlines() == words.splitlines(), notice
    send_from(site, asks)
    # By the time that another one has been answered, the second message would have been.
    send_from(site, asks, sender=TARGET)
    await_one(site, TARGET, subject)
    assert len(found(site, SENDER, subject)) == 1
    assert [row for row in shown(site)["INBOX"] if row[0] == asks] == [[asks, flags]] * 3
    assert folders_of(site, asks, USER) == ["INBOX"] * 3
    assert len(found(site, TARGET, asks)) == (3 if "redirect" in script else 0)


def test_whose_name_a_notice_has(site):
    """As the form has it, which knows no other letters than those of ASCII in an address."""
    [notice] = found(site, SENDER, ABSENCES["Roundcube by hours"][1])
    assert notice["From"].addresses[0].display_name == "Jörg", notice


def test_absence_with_rules(site):
    """What the user's own rules do goes on beside the notice."""
    upload(site, RESPONDER.format(**NOW))
    send_from(site, "to be filed")
    assert folders_of(site, "to be filed", USER) == ["Work"]
    upload(site, PANEL_ABSENCE)
    send_from(site, "to be marked")
    assert ["to be marked", ["\\Seen"]] in shown(site)["INBOX"]


def test_who_is_not_answered(site):
    """Nobody, lists, and programs that answer themselves; and who has not written to the user."""
    upload(site, ABSENCE.format(**NOW).replace("work: one", "work: five"))
    for sender, options in (("<>", ""), (SENDER, "--header 'List-Id: x <x.example.net>'"),
                            (SENDER, "--header 'Auto-Submitted: auto-replied'"),
                            (SENDER, "--header 'Precedence: bulk'"),
                            (SENDER, "--header-To others@example.net")):
        send_from(site, "to none", sender, options=options)
    send_from(site, "to all", sender=TARGET)
    await_one(site, TARGET, "Not at work: five")
    assert found(site, SENDER, "Not at work: five") == []
    assert folders_of(site, "to none", USER) == ["INBOX"] * 5


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("days", [OVER, AHEAD], ids=["over", "ahead"])
def test_absence_at_another_time(site, name, days):
    """Nobody is answered before and after it, and all else goes on."""
    upload(site, WINDOWS[name].format(**days).replace(":subject \"", ":subject \"Out of time: "))
    since = site.mark()
    send_from(site, "out of time")
    [line] = [line for line in site.journal("-t", "lmtpd", "--since", since).splitlines() if "event=delivery" in line]
    assert "status=saved" in line and "script=own" in line, line
    assert "vacation=" not in line and "folder=" not in line, line
    assert [text["Subject"] for text in texts(site, SENDER) if "Out of time" in text["Subject"]] == []


def test_days_are_those_of_the_machine(site):
    """A form that names no zone means the machine's, which the unit lets lmtpd see."""
    shutil.copy("/usr/share/zoneinfo/Pacific/Kiritimati", site.path("/root"))
    site.run("cp -P /etc/localtime /root && rm /etc/localtime && mv /root/Kiritimati /etc/localtime"
             " && systemctl restart lmtpd")
    upload(site, 'require ["date", "fileinto"]; if currentdate :is "zone" "+1400" { fileinto "Work"; }')
    send_from(site, "fourteen hours ahead")
    assert folders_of(site, "fourteen hours ahead", USER) == ["Work"]
    site.run("rm /etc/localtime && mv /root/localtime /etc && systemctl restart lmtpd")


@pytest.mark.parametrize("name", FORWARDS)
def test_forwarding(site, name):
    """As it came, once, and from its sender."""
    script, flags = FORWARDS[name]
    subject = f"forwarded by {name}"
    upload(site, script)
    send_from(site, subject, options="--header 'DKIM-Signature: v=1; x' --header 'X-Kept: 1'")
    text = await_one(site, TARGET, subject)
    assert (text["Return-Path"], text["X-Kept"], text["DKIM-Signature"]) == (f"<{SENDER}>", "1", "v=1; x"), text
    assert text["From"].addresses[0].addr_spec == SENDER and text.get_all("Return-Path") == [f"<{SENDER}>"], text
    assert [subject, []] in shown(site, TARGET)["INBOX"]
    at_home = {folder: row[1] for folder, rows in shown(site).items() for row in rows if row[0] == subject}
    assert at_home == ({} if flags is None else {"INBOX": flags})


def test_forwarding_in_a_circle(site):
    """Two who forward to one another: the message stays with one of them, and nobody gets a bounce."""
    upload(site, FORWARD)
    upload(site, FORWARD.replace(TARGET, USER), user=TARGET)
    send_from(site, "in a circle")
    everywhere = folders_of(site, "in a circle", USER) + folders_of(site, "in a circle", TARGET)
    assert everywhere == ["INBOX"]
    assert folders_of(site, "in a circle", SENDER) == []
    use(site, "activate", "", user=TARGET)
    assert "status=bounced" not in site.journal("-t", "postfix/lmtp")


def test_target_that_postfix_refuses(site):
    """What can go nowhere is at home, and the user reads why."""
    upload(site, FORWARD.replace(TARGET, "nobody@example.com"))
    send_from(site, "to nobody")
    assert folders_of(site, "to nobody", USER) == ["INBOX"]
    log = site.path(f"{HOME}/.dovecot.sieve.log").read_text()
    assert "nobody@example.com" in log and "550 5.1.1" in log, log
    assert "status=bounced" not in site.journal("-t", "postfix/lmtp")


def test_rejection(site):
    """Its sender gets the user's words from Postfix, and the user nothing."""
    upload(site, PANEL_REJECT)
    since = site.mark()
    send_from(site, "not wanted")
    bounce = await_one(site, SENDER, "Undelivered Mail Returned to Sender")
    assert bounce["Return-Path"] == "<>" and bounce.get_content_type() == "multipart/report", bounce
    words = " ".join(bounce.get_body(("plain",)).get_content().split())
    assert "550 5.7.1" in words and "Not wanted here." in words and "Ask by telephone." in words, words
    assert folders_of(site, "not wanted", USER) == []
    assert "status=bounced" in site.journal("-t", "postfix/lmtp", "--since", since)
    send_from(site, "wanted", sender="a@example.net")
    assert folders_of(site, "wanted", USER) == ["INBOX"]


def test_senders_of_its_own(site):
    """For sites where mail without a sender, or from others' domains, is not taken."""
    configure(site, 'vacation_from = "recipient"\n  redirect_from = "recipient"')
    upload(site, ABSENCE_AND_FORWARD.replace("work: two", "work: six"))
    send_from(site, "from the recipient")
    assert await_one(site, SENDER, "Not at work: six")["Return-Path"] == f"<{USER}>"
    assert await_one(site, TARGET, "from the recipient")["Return-Path"] == f"<{USER}>"
    configure(site, 'redirect_from = "forwarding@example.com"')
    send_from(site, "from one for all")
    assert await_one(site, TARGET, "from one for all")["Return-Path"] == "<forwarding@example.com>"
    configure(site, 'vacation_from = "null"\n  redirect_from = "sender"')


# What in Postfix keeps it from taking what goes to others, and where such a message is meanwhile.
REFUSALS = {
    "mynetworks = 192.0.2.9/32": "INBOX",
    "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination": "INBOX",
    "smtpd_relay_restrictions = permit_sasl_authenticated, defer_unauth_destination": "queue",
    "smtpd_recipient_restrictions = permit_sasl_authenticated, defer_unauth_destination": "queue",
}


@pytest.fixture
def refusing(site, request):
    """What is sent to example.net goes to nowhere, once Postfix takes it."""
    site.run(f"cp /etc/postfix/main.cf /root && postconf -e '{request.param}' "
             "'transport_maps = inline:{ {example.net = discard:} }' && systemctl restart postfix")
    yield request.param
    site.run("cp /root/main.cf /etc/postfix/ && systemctl restart postfix")


def follow_remedy(site, remedy):
    """Does what the check prints."""
    [networks] = re.findall(r"mynetworks name this machine \(([^()]*)\)", remedy)
    [lists] = re.findall(r"permit_mynetworks stand first in (\w+) and (\w+)$", remedy)
    site.run(f"postconf -e 'mynetworks = {networks}'")
    for name in lists:
        site.run(f"postconf -e \"{name} = permit_mynetworks, $(postconf -h {name})\"")
    site.run("systemctl restart postfix")


@pytest.mark.parametrize("refusing", REFUSALS, indirect=True)
def test_postfix_forwards_nothing(site, refusing):
    """The check says so, and with its remedy, done as it is printed, mail goes out, also what has been waiting."""
    upload(site, FORWARD.replace(TARGET, "else@example.net"))
    since, waits = site.mark(), REFUSALS[refusing] == "queue"
    deliver(site, "without a remedy", f"--from {SENDER} --to {USER}")
    known = "status=deferred" if waits else "status=sent"
    wait_until(lambda: known in site.journal("-t", "postfix/lmtp", "--since", since), 60, "the first try")
    at_home = [] if waits else ["INBOX"]
    assert folders_of(site, "without a remedy", USER) == at_home
    done = site.try_run("lmtpd --check")
    [(status, text)] = asked(done.stdout)
    assert (status, done.returncode) == ("FAIL", 78), text
    assert "inet:127.0.0.1:25 does not take mail from this machine to other servers: " in text, text
    follow_remedy(site, text.partition("; remedy: ")[2])
    assert [status for status, _ in asked(site.run("lmtpd --check"))] == ["ok"]
    deliver(site, "with a remedy", f"--from {SENDER} --to {USER}")

    def is_empty():
        site.run("postqueue -f")
        return "empty" in site.run("postqueue -p")

    wait_until(is_empty, 60, "an empty queue")
    log = site.journal("-t", "postfix/discard", "--since", since)
    assert log.count("to=<else@example.net>") == log.count("status=sent") == 1 + waits, log
    assert folders_of(site, "without a remedy", USER) == at_home
    assert folders_of(site, "with a remedy", USER) == []
    site.run(f"doveadm expunge -u {USER} mailbox INBOX subject remedy")


def test_a_way_of_its_own(site):
    """docs/sieve.md's line of master.cf: what scripts send goes there, past a milter that answers nobody."""
    site.run("postconf -e 'smtpd_milters = inet:127.0.0.1:7001' 'milter_default_action = tempfail'"
             " && postconf -P 'smtp/inet/smtpd_milters='")
    said = follow(site, "sieve.md", PORT)
    assert "FAIL" not in said, said
    [(status, text)] = asked(said)
    assert status == "ok" and text.startswith("inet:127.0.0.1:10026 takes what scripts send; "), text
    upload(site, ABSENCE_AND_FORWARD.replace("work: two", "work: seven"))
    since = site.mark()
    send_from(site, "by the way of its own")
    await_one(site, SENDER, "Not at work: seven")
    await_one(site, TARGET, "by the way of its own")
    log = site.journal("-t", "postfix/sieve/smtpd", "--since", since)
    assert log.count("client=localhost[127.0.0.1]") == 2, log
    upload(site, FORWARD.replace(TARGET, "nobody@example.com"))
    send_from(site, "to nobody by that way")
    assert folders_of(site, "to nobody by that way", USER) == ["INBOX"]
    assert "User unknown in virtual mailbox table" in site.journal("-t", "postfix/sieve/smtpd", "--since", since)


def test_postfix_takes_nothing(site):
    """Mail that could not be forwarded waits in Postfix's queue, and is forwarded once when it can be."""
    upload(site, FORWARD_AND_KEEP)
    since = site.mark()
    # After a mere reload an smtpd would go on as it was over the connection that lmtpd keeps.
    site.run("postconf -P '127.0.0.1:10026/inet/smtpd_client_restrictions=defer' && systemctl restart postfix")
    deliver(site, "waiting", f"--from {SENDER} --to {USER}")
    wait_until(lambda: "status=deferred" in site.journal("-t", "postfix/lmtp", "--since", since), 60, "the first try")
    assert found(site, TARGET, "waiting") == folders_of(site, "waiting", USER) == []
    site.run("postconf -P '127.0.0.1:10026/inet/smtpd_client_restrictions=permit_mynetworks,reject' && systemctl restart postfix")

    def is_forwarded():
        site.run("postqueue -f")
        return found(site, TARGET, "waiting")

    wait_until(is_forwarded, 60, "the message")
    wait_until(lambda: "empty" in site.run("postqueue -p"), 60, "an empty queue")
    assert folders_of(site, "waiting", TARGET) == folders_of(site, "waiting", USER) == ["INBOX"]
