"""Mailboxes on several nodes: whatever happens to a node, to a map or to a mailbox that moves, each
message lies once on the node of its mailbox in the end, nothing is returned, and the others' mail
goes on.

Tables, queries and the move are those of docs/nodes.md, word for word."""

import imaplib
import poplib
import shutil

import pytest

from harness.check import Report
from harness.lmtp import message
from harness.manual import Manual
from harness.nodes import NODES, PAGE, NodeDovecot, NodesPostfix, Site, box, make_tables
from harness.process import free_port, run_checked, wait_until

# Two mailboxes on each node.
ON_N1 = ("email1@example.com", "anna@example.com")
ON_N2 = ("email2@example.com", "bert@example.com")
MOVING = "451 4.3.2"
USER_QUERY = Manual(PAGE, "lmtpd on each node").value("user_query")
# The one that comes to mind, and that says nothing where it should say who.
OBVIOUS_QUERY = "SELECT IF(node = '{node}', email, '') FROM virtual_users WHERE email = '%u'"

needs_postfix = pytest.mark.needs_root


@pytest.fixture(scope="module")
def nodes_postfix(base, mariadb):
    server = NodesPostfix(base / "pfn", mariadb)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def tables(database):
    undo = make_tables(database)
    yield database
    database.sql(undo)


@pytest.fixture
def make_nodes(make_lmtpd, tables):
    """Two lmtpds by name; listen: where each shall, if not on a socket of its own."""
    def make(listen=None, **options):
        nodes = {}
        for name in NODES:
            lmtp = {"node": name, **({"listen": [listen[name]]} if listen else {})}
            nodes[name] = make_lmtpd(lmtp=lmtp, mysql={"user_query": USER_QUERY}, **options)
        return nodes

    return make


@pytest.fixture
def site(nodes_postfix, make_nodes, tables):
    """n1 on a Unix socket, n2 on TCP."""
    nodes_postfix.reset()
    path, port = nodes_postfix.base / "spool/private/n1", free_port()
    nodes = make_nodes({"n1": f"unix:{path}", "n2": f"inet:127.0.0.2:{port}"}, starts_as_root=True)
    nodes["n1"].configure(lmtp={"socket_user": "postfix", "socket_group": "postfix"})
    nodes["n1"].socket, nodes["n2"].socket = path, ("127.0.0.2", port)
    nexthops = {"n1": "lmtp:unix:private/n1", "n2": f"lmtp:inet:127.0.0.2:{port}"}
    for name, nexthop in nexthops.items():
        tables.sql(f"UPDATE nodes SET nexthop = '{nexthop}' WHERE name = '{name}'")
        nodes[name].start()
    made = Site(nodes_postfix, tables, nodes)
    made.nexthops = nexthops
    tables.sql("UPDATE virtual_users SET node = 'n2' WHERE email = 'email2@example.com'")
    made.add_mailbox("anna@example.com", "n1")
    made.add_mailbox("bert@example.com", "n2")
    return made


def lead_all_to(site, node):
    """A map that is wrong."""
    site.database.sql(f"UPDATE nodes SET nexthop = '{site.nexthops[node]}'")


def lead_rightly(site):
    for name, nexthop in site.nexthops.items():
        site.database.sql(f"UPDATE nodes SET nexthop = '{nexthop}' WHERE name = '{name}'")


# --- a quiet day ------------------------------------------------------------

@needs_postfix
def test_each_message_reaches_its_node(site):
    """Also those for mailboxes of both, and those that an alias brings there."""
    site.database.add_alias("all@example.com", ", ".join(ON_N1 + ON_N2))
    for address in ON_N1 + ON_N2:
        site.send_some([address], 3)
    site.send_some([ON_N1[0], ON_N2[0]], 3)
    site.send_some([*ON_N1, *ON_N2], 3, to=["all@example.com"])
    site.send_some([ON_N2[1]], 3, to=["bert+detail@example.com"])
    site.assert_all_well()
    assert site.count("n1") == 3 * (2 + 1 + 2)
    assert site.count("n2") == 3 * (2 + 1 + 2 + 1)
    for node in site.nodes.values():
        assert node.log(event="delivery", status="deferred") == []


# --- what happens to nodes --------------------------------------------------

@needs_postfix
@pytest.mark.heavy
def test_node_that_is_killed(site):
    """Its mail waits. A message may come twice if Postfix itself says so: it got no answer."""
    with site.flow(*ON_N1, *ON_N2):
        for _ in range(3):
            site.wait_for_more("n2", 5)
            site.nodes["n2"].kill()
            site.wait_for_log("status=deferred", "127.0.0.2")
            site.wait_for_more("n1", 20)
            site.nodes["n2"].start()
    site.assert_all_well(has_doubts=True)


@needs_postfix
@pytest.mark.heavy
def test_node_that_is_restarted(site):
    """Nobody is in doubt of anything."""
    with site.flow(*ON_N1, *ON_N2):
        for _ in range(3):
            site.wait_for_more("n2", 5)
            assert site.nodes["n2"].stop() == 0
            site.nodes["n2"].start()
    site.assert_all_well()


@needs_postfix
@pytest.mark.heavy
def test_node_that_stands_still(site):
    """It accepts connections and says nothing, and holds up its own mail alone."""
    with site.flow(*ON_N1, *ON_N2):
        site.wait_for_more("n2", 5)
        site.nodes["n2"].freeze()
        site.wait_for_log("status=deferred", "127.0.0.2", "timed out", n=3)
        site.wait_for_more("n1", 40)
        site.nodes["n2"].thaw()
        site.wait_for_more("n2", 20)
    site.assert_all_well()


# --- a mailbox that moves ---------------------------------------------------

def move(site, address, old, new):
    """As the page says, with cp in the place of rsync."""
    start_to_move, switch = [
        statement.replace("$user", address).replace("$new", new)
        for statement in Manual(PAGE, "Move a mailbox").statements()]
    here = site.nodes[old].vhosts / box(address)
    there = site.nodes[new].vhosts / box(address)
    site.database.sql(start_to_move)
    assert site.nodes[old].stop() == 0
    site.nodes[old].start()
    n_here = site.count(old, address)
    site.wait_for_log("status=deferred", "451 4.3.2", "being moved")
    assert site.count(old, address) == n_here
    shutil.rmtree(there, ignore_errors=True)
    run_checked("cp", "-a", here, there)
    site.database.sql(switch)
    # What came later would be seen as surplus.
    shutil.rmtree(here)


@needs_postfix
@pytest.mark.heavy
def test_mailbox_that_moves(site):
    """There and back, while mail for it and for others comes in."""
    mover = ON_N1[0]
    with site.flow(mover, mover, *ON_N1, *ON_N2):
        site.wait_for_more("n1", 10, mover)
        site.wait_for_more("n2", 1)
        move(site, mover, "n1", "n2")
        site.wait_for_more("n2", 10, mover)
        move(site, mover, "n2", "n1")
        site.wait_for_more("n1", 10, mover)
    site.assert_all_well()
    for name in NODES:
        reasons = {line["reason"] for line in site.nodes[name].log(event="delivery", dsn="4.3.2")}
        assert f"{mover} is being moved" in reasons, reasons


# --- the wrong node ---------------------------------------------------------

@needs_postfix
def test_wrong_node_is_asked(site):
    """It says whose the mailbox is, writes nothing, and counts it. Mail waits for the right map."""
    wrong = site.nodes["n1"]
    lead_all_to(site, "n1")
    for address in ON_N2:
        site.send_some([address], 5)
    for address in ON_N2:
        lines = wrong.wait_for_log(
            5, 60, event="delivery", to=f"<{address}>", status="deferred", code="451", dsn="4.3.2",
            reason=f"{address} is served by node n2")
        assert {line["size"] for line in lines} == {"0"}
    assert wrong.reached() == {} and site.count("n2") == 0
    site.send_some([ON_N1[0]], 5)
    wait_until(lambda: site.count("n1") == 5, 120, "mail on n1")
    status = wrong.told()
    assert status["replies"]["451 4.3.2"] >= 10
    assert status["recipients"]["rejected"] == 0
    metrics = wrong.run("--status", "--prometheus").stdout
    [counter] = [line for line in metrics.splitlines()
                 if 'reason="Mailbox is served elsewhere"' in line]
    assert 'code="451",dsn="4.3.2"' in counter and int(counter.split()[-1]) >= 10
    lead_rightly(site)
    site.assert_all_well()
    assert wrong.reached() == {box(ON_N1[0]): 5}


@needs_postfix
def test_obvious_query(site):
    """IF(node = 'n1', email, '') returns an empty address for what is not its own: an accident, and
    never 550."""
    wrong = site.nodes["n1"]
    assert wrong.stop() == 0
    wrong.configure(mysql={"user_query": OBVIOUS_QUERY.format(node="n1")})
    wrong.start()
    lead_all_to(site, "n1")
    for address in ON_N1 + ON_N2:
        site.send_some([address], 5)
    for address in ON_N2:
        wrong.wait_for_log(5, 60, event="delivery", to=f"<{address}>", code="451",
                           reason="user_query: its first column is NULL or empty")
    assert site.count("n2") == 0
    lead_rightly(site)
    site.assert_all_well()


@pytest.fixture
def two_nodes(make_nodes, tables):
    """Each started on a socket of its own, without a Postfix: mailbox email1 on n1, email2 on n2."""
    tables.sql("UPDATE virtual_users SET node = 'n2' WHERE email = 'email2@example.com'")
    return {name: node.start() for name, node in make_nodes().items()}


def rcpt(daemon, address):
    """The status of the reply."""
    with daemon.session() as session:
        session.mail()
        return session.rcpt(address).status


def test_list_with_a_member_elsewhere(two_nodes, tables):
    """Of a list that a node expands either all get it from here, or nobody."""
    tables.add_alias("both@example.com", "email1@example.com, email2@example.com")
    tables.add_alias("both@example.com", "alias@example.com")
    for name, owner, member in (("n1", "n2", "email2"), ("n2", "n1", "email1")):
        daemon = two_nodes[name]
        with daemon.session() as session:
            session.mail()
            reply = session.rcpt("both@example.com")
            assert reply.status == MOVING and reply.text.endswith("Mailbox is served elsewhere")
            assert session.command("DATA").status == "503 5.5.1"
        [line] = daemon.wait_for_log(event="delivery", to="<both@example.com>")
        assert f"{member}@example.com is served by node {owner}" in line["reason"]
        assert daemon.reached() == {}


def test_list_with_a_member_that_moves(two_nodes, tables):
    tables.add_user("email3@example.com")
    tables.add_alias("both@example.com", "email1@example.com, email3@example.com")
    assert rcpt(two_nodes["n1"], "both@example.com") == "250 2.1.5"
    tables.sql("UPDATE virtual_users SET moving = 1 WHERE email = 'email3@example.com'")
    assert rcpt(two_nodes["n1"], "both@example.com") == MOVING
    assert rcpt(two_nodes["n1"], "email1@example.com") == "250 2.1.5"


def test_mailbox_that_moves_is_nobodys(two_nodes, tables):
    """Neither the old node nor the new one takes its mail, and no catch-all does."""
    tables.add_alias("@example.com", "email2@example.com")
    tables.sql("UPDATE virtual_users SET moving = 1 WHERE email = 'email1@example.com'")
    for daemon in two_nodes.values():
        assert rcpt(daemon, "email1@example.com") == MOVING
        assert rcpt(daemon, "email1+detail@example.com") == MOVING


# --- what a node says of itself ---------------------------------------------

@pytest.mark.parametrize("state, status", [
    ("'mx.example.com'", "250 2.1.5"), ("'MX.Example.COM'", "250 2.1.5"), ("NULL", "250 2.1.5"),
    ("''", "250 2.1.5"), ("'mx'", MOVING), ("'mx.example.com '", MOVING), ("0", MOVING),
    ("'moving'", MOVING), ("'Moving'", MOVING),
])
def test_node_is_the_hostname(make_lmtpd, state, status):
    """Where lmtp.node is not set."""
    query = f"SELECT email, {state} AS state FROM virtual_users WHERE email = '%u'"
    assert rcpt(make_lmtpd(mysql={"user_query": query}).start(), "email1@example.com") == status


def test_check_without_an_address(make_nodes, tables):
    """The grants of the page are enough, and rows of another node are nothing to warn of."""
    tables.sql("UPDATE virtual_users SET node = 'n2' WHERE email = 'email2@example.com'")
    tables.sql("UPDATE virtual_users SET moving = 1 WHERE email = 'email1@example.com'")
    for node in make_nodes().values():
        assert Report(node).troubles() == []


@needs_postfix
@pytest.mark.parametrize("name", NODES)
def test_check_says_whose_a_mailbox_is(site, name):
    """And where Postfix sends its mail, on a machine that has it."""
    node = site.nodes[name]
    node.environment["MAIL_CONFIG"] = str(site.postfix.base / "etc")
    for owner, address in (("n1", ON_N1[0]), ("n2", ON_N2[0])):
        done = node.run("--check", address)
        said = " ".join(done.stdout.split())
        assert site.nexthops[owner] in said, said
        assert f"this node is {name}" in said, said
        if owner == name:
            assert (done.returncode, f"250 2.1.5 <{address}> OK" in said) == (0, True), said
        else:
            assert f"{MOVING} <{address}> Mailbox is served elsewhere" in said, said
            assert f"{address} is served by node {owner}" in said, said
            assert done.returncode == 75


@needs_postfix
def test_check_sees_a_map_that_is_wrong(site):
    node = site.nodes["n1"]
    node.environment["MAIL_CONFIG"] = str(site.postfix.base / "etc")
    right = " ".join(node.run("--check", ON_N1[0]).stdout.split())
    lead_all_to(site, "n2")
    wrong = " ".join(node.run("--check", ON_N1[0]).stdout.split())
    assert "which is this node" in right, right
    assert "see that it leads to this node" in wrong, wrong


def test_mailbox_that_is_deleted(two_nodes, tables):
    """It is unknown on both nodes, the one that had it and the other."""
    tables.sql("DELETE FROM virtual_users WHERE email = 'email2@example.com'")
    for daemon in two_nodes.values():
        assert rcpt(daemon, "email2@example.com") == "550 5.1.1"
    with two_nodes["n1"].session() as session:
        [reply] = session.deliver("email1@example.com", body=message())
        assert reply.status == "250 2.0.0"
    wait_until(lambda: two_nodes["n1"].reached() == {"example.com/email1": 1}, 60, "delivery")


# --- those who read ---------------------------------------------------------

@pytest.fixture
def dovecots(two_nodes, tables, directory):
    """A Dovecot for each node, on an address of its own."""
    ports = free_port(), free_port()
    addresses = {"n1": "127.0.0.3", "n2": "127.0.0.4"}
    started = {}
    try:
        for name, address in addresses.items():
            tables.sql(f"UPDATE nodes SET address = '{address}' WHERE name = '{name}'")
            started[name] = NodeDovecot(directory / f"dovecot-{name}", tables,
                                        two_nodes[name].vhosts, address, ports)
            started[name].start()
        yield started
    finally:
        for server in started.values():
            server.stop()


def subjects(server, user, password):
    """Of the inbox, by IMAP and by POP3, which must be the same."""
    with imaplib.IMAP4(server.address, server.imap_port, timeout=60) as client:
        client.login(user, password)
        client.select("INBOX")
        _, found = client.fetch("1:*", "(BODY[HEADER.FIELDS (SUBJECT)])")
        by_imap = [part[1].split(b":")[1].strip() for part in found if isinstance(part, tuple)]
    client = poplib.POP3(server.address, server.pop3_port, timeout=60)
    client.user(user)
    client.pass_(password)
    by_pop3 = [line.split(b":")[1].strip() for number in range(1, client.stat()[0] + 1)
               for line in client.retr(number)[1] if line.startswith(b"Subject:")]
    client.quit()
    assert by_imap == by_pop3
    return [subject.decode() for subject in by_imap]


@needs_postfix
def test_mail_is_read_on_any_node(two_nodes, dovecots):
    """Whichever is asked, the node of the mailbox answers. The password is checked on the way, too."""
    for name, address in (("n1", "email1@example.com"), ("n2", "email2@example.com")):
        with two_nodes[name].session() as session:
            session.deliver(address, body=message(subject=f"on {name}"))
    for server in dovecots.values():
        assert subjects(server, "email1@example.com", "firstpassword") == ["on n1"]
        assert subjects(server, "email2@example.com", "secondpassword") == ["on n2"]
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            subjects(server, "email2@example.com", "firstpassword")


@needs_postfix
def test_nobody_reads_what_is_being_moved(two_nodes, dovecots, tables):
    """On either node, and the reply says why; others are let in."""
    tables.sql("UPDATE virtual_users SET moving = 1 WHERE email = 'email1@example.com'")
    with two_nodes["n2"].session() as session:
        session.deliver("email2@example.com", body=message(subject="on n2"))
    for server in dovecots.values():
        with pytest.raises(imaplib.IMAP4.error, match="being moved"):
            subjects(server, "email1@example.com", "firstpassword")
        assert subjects(server, "email2@example.com", "secondpassword") == ["on n2"]
