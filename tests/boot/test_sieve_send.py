"""What scripts send, in the whole chain: users store by ManageSieve what webmails and panels write, mail comes by
Postfix, and Postfix takes from lmtpd what it answers and forwards; all is looked at by IMAP.

The tests build on one another, in their order.
"""

import datetime
import email
import email.policy
import json
import shutil

import pytest

from guide import follow
from harness.process import wait_until
from users import PASSWORD, PASSWORDS, USER, deliver, let_run, settle, shown, use

SENDER, TARGET = "email2@example.com", "email3@example.com"
NEW, PORT = "On a new machine", "A way of its own"
DAYS = {"begin": datetime.date.today() - datetime.timedelta(days=1),
        "end": datetime.date.today() + datetime.timedelta(days=14)}

# A webmail's forms, of which each writes one rule: absence between two days, and forwarding.
ABSENCE = """require ["date","relational","vacation"];
# rule:[Vacation]
if allof (currentdate :zone "+0000" :value "ge" "date" "{begin}", currentdate :zone "+0000" :value "le" "date" "{end}")
{{
\tvacation :days 1 :addresses ["email1@example.com"] :subject "Not at work: {name}" text:
Your message waits for me.
.. Regards
.
;
}}
""".format(**DAYS, name="one")
# The same with what the server knows besides: seconds, an address of its own, and where mail goes meanwhile.
ABSENCE_AND_FORWARD = """require ["copy","vacation-seconds"];
# rule:[Vacation]
if true
{
\tvacation :seconds 3600 :from "\\"One, Mail\\" <email1@example.com>" :subject "Not at work: two" "My deputy has it.";
\tredirect :copy "email3@example.com";
}
"""
FORWARD = """require ["copy"];
# rule:[Forward]
if true
{
\tredirect "email3@example.com";
}
"""
FORWARD_AND_KEEP = FORWARD.replace("redirect", "redirect :copy")
# A groupware's responder, between comments by which it finds its part again, before what the user wrote.
RESPONDER = """### absence: begin
require "date";
require "relational";
require "vacation";
### absence: end
require "fileinto";
if header :contains "subject" "filed" {{ fileinto "Work"; }}
### absence: begin
# DATA: {{"version":1,"enabled":true}}
if allof(currentdate :value "ge" "iso8601" "{begin}T00:00:00Z", currentdate :value "le" "iso8601" "{end}T23:59:59Z") {{
\tvacation :days 4 :subject "Not at work: three, ${{subject}}" :addresses ["Mail One <email1@example.com>"] \
"Until {end}.";
}}
### absence: end
""".format(**DAYS)
# A panel's examples, which users change a little.
PANEL_ABSENCE = """require ["vacation", "fileinto", "imap4flags"];
vacation
  # once a day
  :days 1
  :subject "Not at work: four"
  :addresses "email1@example.com"
"Write to
somebody else.";
if header :contains "subject" "marked" { setflag "\\\\Seen"; keep; }
"""
PANEL_REJECT = """require ["reject", "envelope"];
if envelope :domain :is "from" "example.com" {
  reject "Not wanted here.
Ask by telephone.";
  stop;
}
keep;
"""
PANEL_FORWARD = """require ["fileinto", "copy"];
if address :is "from" "email2@example.com" {
  redirect "email3@example.com";
  keep;
}
"""


# (script, subject of the notice, words of it)
ABSENCES = {
    "a webmail's form": (ABSENCE, "Not at work: one", "Your message waits for me.\n. Regards"),
    "and forward": (ABSENCE_AND_FORWARD, "Not at work: two", "My deputy has it."),
    "a groupware's form": (RESPONDER, "Not at work: three, ${subject}", f"Until {DAYS['end']}."),
    "a panel's example": (PANEL_ABSENCE, "Not at work: four", "Write to\nsomebody else."),
}


@pytest.fixture(scope="module")
def site(container, package, release):
    """A new machine by the manuals, with three users; Dovecot lets them require vacation-seconds."""
    shutil.copy(package, container.path("/root"))
    follow(container, "install.md", typed=PASSWORD)
    for user in (SENDER, TARGET):
        add_user(container, user)
    follow(container, "sieve.md", NEW)
    container.path("/etc/dovecot/local.conf").write_text(
        "plugin/sieve_extensions = +vacation-seconds\n" if release == "12" else
        "sieve_extensions/vacation-seconds = yes\n")
    container.run("systemctl restart dovecot")
    wait_until(lambda: use(container, "activate", "", check=False).returncode == 0, 60, "ManageSieve")
    use(container, "create", "Work")
    return container


def add_user(container, user):
    container.run("read -r hash < <(doveadm pw -s SHA512-CRYPT -p " + PASSWORDS[user] + """ | sed 's/^{[^}]*}//')
        mariadb mailserver -e "INSERT INTO virtual_users (domain_id, email, password)
            SELECT id, '""" + user + """', '$hash' FROM virtual_domains WHERE name = 'example.com'" """)


def texts(container, user):
    """The messages in that user's INBOX, oldest first."""
    return [email.message_from_string(text, policy=email.policy.default)
            for text in json.loads(use(container, "read", user=user).stdout)]


def found(container, user, subject):
    return [text for text in texts(container, user) if text["Subject"] == subject]


def await_one(container, user, subject):
    """The one message of this subject in the user's INBOX, once it is there."""
    wait_until(lambda: found(container, user, subject), 60, f"{subject} for {user}")
    [text] = found(container, user, subject)
    return text


def send_from(container, subject, sender=SENDER, to=USER, options=""):
    settle(container, subject, to, f"--from '{sender}' {options}")


def folders_of(container, subject, user):
    return [folder for folder, rows in shown(container, user).items()
            for row in rows if row[0] == subject]


@pytest.mark.parametrize("name", ABSENCES)
def test_absence(site, name):
    """Its sender has the notice once, however much he writes; each message is where it would be without it."""
    script, subject, words = ABSENCES[name]
    let_run(site, "own", script)
    first, second, other = (f"{name.replace(chr(39), '')} {i}" for i in (1, 2, 3))
    send_from(site, first)
    notice = await_one(site, SENDER, subject)
    assert notice["Auto-Submitted"].startswith("auto-replied"), notice
    assert notice["Return-Path"] == "<>", notice
    assert notice["From"].addresses[0].addr_spec == USER, notice
    assert notice["To"].addresses[0].addr_spec == SENDER, notice
    [answered] = [text for text in texts(site, USER) if text["Subject"] == first]
    assert notice["In-Reply-To"] == answered["Message-ID"], notice
    assert words in notice.get_content().replace("\r\n", "\n"), notice
    send_from(site, second)
    # By the time that another one has been answered, the second would have been.
    send_from(site, other, sender=TARGET)
    await_one(site, TARGET, subject)
    assert len(found(site, SENDER, subject)) == 1
    for sent in (first, second, other):
        assert folders_of(site, sent, USER) == ["INBOX"]
    forwarded = [text["Subject"] for text in texts(site, TARGET) if text["Subject"] in (first, second, other)]
    assert forwarded == ([first, second, other] if "redirect" in script else [])


def test_absence_with_rules(site):
    """What the user's own rules do goes on beside the notice."""
    let_run(site, "own", RESPONDER)
    send_from(site, "to be filed")
    assert folders_of(site, "to be filed", USER) == ["Work"]
    let_run(site, "own", PANEL_ABSENCE)
    send_from(site, "to be marked")
    assert ["to be marked", ["\\Seen"]] in shown(site)["INBOX"]


def test_who_is_not_answered(site):
    """Nobody, lists, and programs that answer themselves; and who has not written to the user."""
    let_run(site, "own", ABSENCE.replace("work: one", "work: five"))
    for sender, options in (("<>", ""), (SENDER, "--header 'List-Id: x <x.example.net>'"),
                            (SENDER, "--header 'Auto-Submitted: auto-replied'"),
                            (SENDER, "--header 'Precedence: bulk'"),
                            (SENDER, "--header-To others@example.net")):
        send_from(site, "to none", sender, options=options)
    send_from(site, "to all", sender=TARGET)
    await_one(site, TARGET, "Not at work: five")
    assert found(site, SENDER, "Not at work: five") == []
    assert folders_of(site, "to none", USER) == ["INBOX"] * 5


@pytest.mark.parametrize("script, subject, at_home", [
    (FORWARD, "forwarded", []), (FORWARD_AND_KEEP, "forwarded and kept", ["INBOX"]),
    (PANEL_FORWARD, "forwarded by the panel", ["INBOX"]),
])
def test_forwarding(site, script, subject, at_home):
    """As it came, once, and from its sender."""
    let_run(site, "own", script)
    send_from(site, subject, options="--header 'DKIM-Signature: v=1; x' --header 'X-Kept: 1'")
    text = await_one(site, TARGET, subject)
    assert (text["Return-Path"], text["X-Kept"], text["DKIM-Signature"]) == (f"<{SENDER}>", "1", "v=1; x"), text
    assert text["From"].addresses[0].addr_spec == SENDER and text.get_all("Return-Path") == [f"<{SENDER}>"], text
    assert folders_of(site, subject, USER) == at_home


def test_forwarding_in_a_circle(site):
    """Two who forward to one another: the message stays with one of them, and nobody gets a bounce."""
    let_run(site, "own", FORWARD)
    let_run(site, "own", FORWARD.replace(TARGET, USER), TARGET)
    send_from(site, "in a circle")
    everywhere = folders_of(site, "in a circle", USER) + folders_of(site, "in a circle", TARGET)
    assert everywhere == ["INBOX"]
    assert folders_of(site, "in a circle", SENDER) == []
    use(site, "activate", "", user=TARGET)
    assert "status=bounced" not in site.journal("-t", "postfix/lmtp")


def test_target_that_postfix_refuses(site):
    """What can go nowhere is at home, and the user reads why."""
    let_run(site, "own", FORWARD.replace(TARGET, "nobody@example.com"))
    send_from(site, "to nobody")
    assert folders_of(site, "to nobody", USER) == ["INBOX"]
    log = site.path("/var/mail/vhosts/example.com/email1/.dovecot.sieve.log").read_text()
    assert "nobody@example.com" in log and "550 5.1.1" in log, log
    assert "status=bounced" not in site.journal("-t", "postfix/lmtp")


def test_rejection(site):
    """Its sender gets the user's words from Postfix, and the user nothing."""
    let_run(site, "own", PANEL_REJECT)
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


def configure(site, text):
    with open(site.path("/etc/lmtpd/lmtpd.conf"), "a") as file:
        file.write(f"\nsieve {{\n  {text}\n}}\n")
    site.run("systemctl reload lmtpd")


def test_senders_of_its_own(site):
    """For sites where mail without a sender, or from others' domains, is not taken."""
    configure(site, 'vacation_from = "recipient"\n  redirect_from = "recipient"')
    let_run(site, "own", ABSENCE_AND_FORWARD.replace("work: two", "work: six"))
    send_from(site, "from the recipient")
    assert await_one(site, SENDER, "Not at work: six")["Return-Path"] == f"<{USER}>"
    assert await_one(site, TARGET, "from the recipient")["Return-Path"] == f"<{USER}>"
    configure(site, 'redirect_from = "forwarding@example.com"')
    send_from(site, "from one for all")
    assert await_one(site, TARGET, "from one for all")["Return-Path"] == "<forwarding@example.com>"
    configure(site, 'vacation_from = "null"\n  redirect_from = "sender"')


def test_a_way_of_its_own(site):
    """docs/sieve.md's line of master.cf: what scripts send goes there, past a milter that answers nobody."""
    site.run("postconf -e 'smtpd_milters = inet:127.0.0.1:7001' 'milter_default_action = tempfail'"
             " && postconf -P 'smtp/inet/smtpd_milters='")
    said = follow(site, "sieve.md", PORT)
    assert "FAIL" not in said, said
    let_run(site, "own", ABSENCE_AND_FORWARD.replace("work: two", "work: seven"))
    since = site.mark()
    send_from(site, "by the way of its own")
    await_one(site, SENDER, "Not at work: seven")
    await_one(site, TARGET, "by the way of its own")
    log = site.journal("-t", "postfix/sieve/smtpd", "--since", since)
    assert log.count("client=localhost[127.0.0.1]") == 2, log
    let_run(site, "own", FORWARD.replace(TARGET, "nobody@example.com"))
    send_from(site, "to nobody by that way")
    assert folders_of(site, "to nobody by that way", USER) == ["INBOX"]
    assert "User unknown in virtual mailbox table" in site.journal("-t", "postfix/sieve/smtpd", "--since", since)


def test_postfix_takes_nothing(site):
    """Mail that could not be forwarded waits in Postfix's queue, and is forwarded once when it can be."""
    let_run(site, "own", FORWARD_AND_KEEP)
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
