"""docs/nodes.md, followed to the letter: a machine as docs/install.md makes it becomes a node, another one
joins it, and a mailbox moves there while mail comes in. What its script sends there goes out by the first one's
Postfix.

The tests build on one another, in their order.
"""

import re
import shutil

import pytest

from guide import follow, fragments
from harness.process import wait_until
from sending import SENDER, TARGET, add_user, await_one, found
from users import PASSWORD, USER, deliver, send, subjects, under_load, wait_for

ADDRESSES = {"n1": "10.0.0.11", "n2": "10.0.0.12"}
MX = "10.0.0.5"
OUTSIDE = "192.0.2.7"
ADMIN = "CREATE USER 'admin'@'10.0.0.12' IDENTIFIED BY 'admin'; GRANT ALL ON *.* TO 'admin'@'10.0.0.12'"
# The section that has the files of a node's lmtpd.
NODE = "lmtpd on each node"
SCRIPTS = "Scripts on a node without Postfix"
HOME = "/var/mail/vhosts/example.com/email1"


@pytest.fixture(scope="module")
def n1(make_container):
    return make_container("n1")


@pytest.fixture(scope="module")
def n2(make_container):
    return make_container("n2")


def connect(n1, n2):
    n1.join(n2, f"{ADDRESSES['n1']}/24", f"{ADDRESSES['n2']}/24")


def add(container, path, text, mode=0o644):
    target = container.path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "a") as file:
        file.write(text)
    target.chmod(mode)


def make_node(container, name):
    """What the page shows of files, as this node has them."""
    config, drop_in = fragments("nodes.md", NODE)[:2]
    add(container, "/etc/lmtpd/lmtpd.conf", config.replace('"n1"', f'"{name}"'))
    add(container, "/etc/systemd/system/lmtpd.socket.d/override.conf",
        drop_in.replace(ADDRESSES["n1"], ADDRESSES[name]))
    return follow(container, "nodes.md", NODE)


def test_one_machine(n1, package):
    shutil.copy(package, n1.path("/root"))
    said = follow(n1, "install.md", typed=PASSWORD)
    assert "FAIL" not in said, said
    assert subjects(n1) == ["Hello"]


def test_two_machines(n1, n2):
    """They know one another by name, and the second one may come to the first by ssh."""
    connect(n1, n2)
    names = "".join(f"{address} {name}.example.net {name}\n" for name, address in ADDRESSES.items())
    for container in (n1, n2):
        add(container, "/etc/hosts", names)
    add(n2, "/etc/hosts", f"{ADDRESSES['n1']} mx\n")
    n2.run("ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519")
    add(n1, "/root/.ssh/authorized_keys", n2.path("/root/.ssh/id_ed25519.pub").read_text(), 0o600)
    add(n2, "/root/.ssh/config", "StrictHostKeyChecking accept-new\nLogLevel ERROR\n", 0o600)
    n1.run("systemctl start ssh")
    assert n2.run("ssh mx hostname") == "n1\n"


def test_tables(n1, n2):
    """And one database for both."""
    n1.path("/root/nodes.sql").write_text(fragments("nodes.md", "The tables")[0])
    n1.run("mariadb mailserver </root/nodes.sql")
    for account, file in (("mailuser", "lmtpd"), ("mailauth", "auth")):
        password = n1.path(f"/etc/lmtpd/{file}.password").read_text().strip()
        n1.run(f"mariadb -e \"CREATE USER '{account}'@'10.0.0.12' IDENTIFIED BY '{password}'\"")
        grants = n1.run(f"mariadb -N -e \"SHOW GRANTS FOR '{account}'@'127.0.0.1'\"")
        for grant in grants.splitlines():
            words = grant.partition(" IDENTIFIED ")[0].replace("`127.0.0.1`", "`10.0.0.12`")
            n1.run("mariadb", input=words + ";\n")
    n1.run("mariadb", input=ADMIN + ";\n")
    add(n1, "/etc/mysql/mariadb.conf.d/99-nodes.cnf", "[mysqld]\nbind-address = 0.0.0.0\n")
    n1.run("systemctl restart mariadb && postfix reload")
    n2.run("systemctl disable --now mariadb postfix dovecot")
    add(n2, "/root/.my.cnf", "[client]\nhost = 10.0.0.11\nuser = admin\npassword = admin\n", 0o600)
    assert n2.run("mariadb mailserver -N -e 'SELECT node FROM virtual_users'") == "n1\n"


def test_first_node(n1):
    said = make_node(n1, "n1")
    # Postfix does not know of it yet.
    assert "FAIL" not in said, said
    password = n1.path("/etc/lmtpd/lmtpd.password").read_text().strip()
    text = fragments("nodes.md", "Postfix")[0].replace(
        "the one of mysql-virtual-mailbox-maps.cf", password)
    add(n1, "/etc/postfix/mysql-virtual-transport-maps.cf", text)
    n1.run("chgrp postfix /etc/postfix/mysql-virtual-transport-maps.cf &&"
           " chmod 640 /etc/postfix/mysql-virtual-transport-maps.cf")
    said = follow(n1, "nodes.md", "Postfix")
    wait_until(lambda: "220 " in send(n1, "", f"--to {USER} --quit-after CONNECT")[1], 30, "Postfix")
    assert said.splitlines()[-1] == "lmtp:inet:n1.example.net:24", said
    deliver(n1, "over-the-network", f"--to {USER}")
    wait_for(n1, "over-the-network")
    # The message is there before its line is.
    wait_until(lambda: "relay=n1.example.net[10.0.0.11]:24" in n1.journal("-t", "postfix/lmtp"), 30, "its line")


def test_second_node(n1, n2, package):
    n2.install(package)
    for file in ("lmtpd", "auth"):
        shutil.copy(n1.path(f"/etc/lmtpd/{file}.password"), n2.path("/etc/lmtpd"))
    add(n2, "/etc/lmtpd/lmtpd.conf", 'mysql {\n  hosts = {"10.0.0.11"}\n}\n')
    add(n2, "/etc/systemd/system/lmtpd.service.d/database.conf",
        "[Service]\nIPAddressAllow=10.0.0.11\n")
    said = make_node(n2, "n2")
    assert "FAIL" not in said, said
    said = n2.run(f"lmtpd --check {USER}; true")
    assert "is served by node n1\n" in said and "reply    451 4.3.2" in said, said
    _, said = swaks_lmtp(n2, n1, "to-the-wrong-one")
    assert f"451 4.3.2 <{USER}> Mailbox is served elsewhere" in said, said
    assert not n2.path("/var/mail/vhosts/example.com").exists()


def swaks_lmtp(to, at, subject, *options):
    done = at.try_run(
        f"swaks --protocol LMTP --server {ADDRESSES[to.host]}:24 --from a@example.net --to {USER}"
        f" --header 'Subject: {subject}' --timeout 5 {' '.join(options)}")
    return done.returncode, done.stdout + done.stderr


def test_strangers_cannot_connect(n1, n2):
    """Who is not of the nodes' network reaches the machine and nothing of lmtpd."""
    n2.run(f"ip address add {OUTSIDE}/32 dev lo")
    n1.run(f"ip route add {OUTSIDE}/32 via {ADDRESSES['n2']}")
    code, said = swaks_lmtp(n1, n2, "from-outside", f"--local-interface {OUTSIDE}")
    assert code != 0 and "220 " not in said, said
    code, said = swaks_lmtp(n1, n2, "from-a-node")
    assert code == 0, said


def move(n2):
    return follow(n2, "nodes.md", "Move a mailbox")


def test_a_mailbox_moves(n1, n2):
    """While mail comes in: each message is there once, and none came back."""
    before = subjects(n1)
    with under_load(n1) as loads:
        said = move(n2)
    assert "reply    250 2.1.5" in said, said
    assert not n1.path("/var/mail/vhosts/example.com/email1").exists()
    accepted = {subject for load in loads for subject in load.summary["accepted"]}
    assert accepted

    def has_all():
        n1.run("postqueue -f")
        return {*before, *accepted} <= set(subjects(n2))

    wait_until(has_all, 60, "delivery of all messages")
    arrived = subjects(n2)
    assert len(arrived) == len(set(arrived)), arrived
    assert [load.summary["permanent"] for load in loads] == [{}, {}]
    assert "status=bounced" not in n1.journal("-t", "postfix/lmtp")
    deliver(n1, "after-the-move", f"--to {USER}")
    wait_for(n2, "after-the-move")


def test_reboots(n1, n2):
    """Cables are not made by systemd here; sockets need none for their start."""
    for container in (n1, n2):
        container.reboot()
        assert container.failed_units() == []
    connect(n1, n2)
    n1.run("postfix reload")
    deliver(n1, "after-the-reboot", f"--to {USER}")

    def is_there():
        n1.run("postqueue -f")
        return "after-the-reboot" in subjects(n2)

    wait_until(is_there, 60, "delivery after the reboot")


def submission(said):
    """What the check says of the server that takes what scripts send."""
    return [line for line in said.splitlines() if re.match(r"\w+ +submission: |.*sieve\.submission", line)]


def let_run(n2, word, to=TARGET):
    """A script that forwards, and answers with that word. Nobody has had an answer yet."""
    script = f'require ["copy", "vacation"]; redirect :copy "{to}"; vacation :subject "Away {word}" "Back soon.";'
    n2.path(f"{HOME}/.dovecot.sieve").write_text(script)
    n2.run(f"chown vmail:vmail {HOME}/.dovecot.sieve && rm -f {HOME}/.dovecot.lda-dupes")


def ask(n1, subject):
    """Returns what lmtpd has answered Postfix at its first try."""
    since = n1.mark()
    deliver(n1, subject, f"--from {SENDER} --to {USER}")

    def tries():
        return [line for line in n1.journal("-t", "postfix/lmtp", "--since", since).splitlines()
                if f"to=<{USER}>" in line and "status=" in line]

    wait_until(tries, 60, "the first try")
    return tries()[0]


def flush(n1):
    def is_empty():
        n1.run("postqueue -f")
        return "empty" in n1.run("postqueue -p")

    wait_until(is_empty, 60, "an empty queue")


def assert_sent(n1, n2, subject, word, since, name="postfix/smtpd"):
    """What the script has sent is there, once, over the service of that name."""
    flush(n1)
    assert await_one(n1, TARGET, subject)["Return-Path"] == f"<{SENDER}>"
    notice = await_one(n1, SENDER, f"Away {word}")
    assert notice["From"].addresses[0].addr_spec == USER, notice
    flush(n1)
    assert len(found(n1, TARGET, subject)) == len(found(n1, SENDER, f"Away {word}")) == 1
    assert subjects(n2).count(subject) == 1
    log = n1.journal("-t", name, "--since", since)
    assert len(re.findall(r": client=\S+\[10\.0\.0\.12\]", log)) == 2, log


def test_scripts_without_postfix(n1, n2):
    for user in (SENDER, TARGET):
        add_user(n1, user)
    # Another address than that of the database, which n2 may reach in any case.
    n1.run(f"ip address add {MX}/24 dev net0")
    n2.run(f"sed -i 's/^.* mx$/{MX} mx/' /etc/hosts")
    said = follow(n2, "nodes.md", SCRIPTS)
    [line] = submission(said)
    assert "FAIL" not in said and line.startswith(f"ok    submission: inet:{MX}:25 takes what scripts send; "), said
    let_run(n2, "one")
    since = n1.mark()
    assert "status=sent" in ask(n1, "forwarded from afar")
    assert_sent(n1, n2, "forwarded from afar", "one", since)


def test_systemd_is_not_told(n1, n2):
    """The check says so, which gets there itself, and so does the log; mail that is to be forwarded waits."""
    drop_in = n2.path("/etc/systemd/system/lmtpd.service.d/submission.conf")
    kept = drop_in.read_text()
    drop_in.unlink()
    n2.run("systemctl daemon-reload && systemctl restart lmtpd")
    warning = submission(n2.run("lmtpd --check"))[0]
    assert f"warn  service: lmtpd.service may not reach inet:{MX}:25 of sieve.submission" in warning, warning
    assert warning.endswith(f"remedy: systemctl edit lmtpd: [Service] {kept.split()[1]}"), warning
    let_run(n2, "two")
    since = n1.mark()
    said = ask(n1, "waits for systemd")
    assert "status=deferred" in said and "451 4.3.0" in said, said
    log = n2.journal("-t", "lmtpd", "--since", since)
    assert f'reason="to {TARGET}: inet:{MX}:25: cannot connect: ' in log, log
    assert "waits for systemd" not in subjects(n2)
    drop_in.write_text(kept)
    n2.run("systemctl daemon-reload && systemctl restart lmtpd")
    assert_sent(n1, n2, "waits for systemd", "two", since)


def test_postfix_is_not_told(n1, n2):
    """The check names the address that Postfix must know; what is for other servers stays here."""
    networks = n1.run("postconf -h mynetworks").strip()
    n1.run(f"postconf -e 'mynetworks = {networks.replace(' 10.0.0.12', '')}' && systemctl restart postfix")
    done = n2.try_run("lmtpd --check")
    [line] = submission(done.stdout)
    assert line.startswith("FAIL  submission: ") and "554 5.7.1" in line and done.returncode == 78, line
    assert "let mynetworks name this machine (10.0.0.12)" in line, line
    let_run(n2, "three", to="a@example.org")
    assert "status=sent" in ask(n1, "stays at home")
    assert subjects(n2).count("stays at home") == 1
    assert "event=redirect level=warning" in n2.journal("-t", "lmtpd")


def test_a_way_of_its_own(n1, n2):
    """Whose mynetworks has the node, and that of all other services has not."""
    n1.run(fragments("nodes.md", SCRIPTS)[0])
    add(n2, "/etc/lmtpd/lmtpd.conf", fragments("nodes.md", SCRIPTS)[1])
    n2.run("systemctl reload lmtpd")
    [line] = submission(n2.run("lmtpd --check"))
    assert line.startswith(f"ok    submission: inet:{MX}:10026 takes what scripts send; "), line
    let_run(n2, "four")
    since = n1.mark()
    assert "status=sent" in ask(n1, "by a way of its own")
    assert_sent(n1, n2, "by a way of its own", "four", since, "postfix/sieve/smtpd")
    assert "status=bounced" not in n1.journal("-t", "postfix/lmtp", "-t", "postfix/smtp")
