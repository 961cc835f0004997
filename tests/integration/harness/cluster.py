"""A cluster of Galera: three MariaDBs on the loopback that hold the same rows."""

import contextlib

from harness.mariadb import MariaDB
from harness.process import as_user, free_port, run_checked, wait_until

SIZE = 3
# A node that comes gets all tables over the network first; on a busy machine that takes its time.
SECONDS = 240
# rsync, which copies them, would become nobody if it were started as root.
USER = "mysql"


class Node(MariaDB):
    """groups: the ports on which all nodes, this one among them, talk to each other; ports: three more of
    its own."""

    def __init__(self, directory, groups, number, ports):
        super().__init__(directory, has_network=False)
        self.as_root = []
        self.directory, self.number = directory, number
        self.groups = groups
        self.port, self.transfer, self.incremental = ports

    def start(self, is_first=False):
        """is_first: it makes a cluster of its own instead of coming to the others."""
        self.launch(is_first)
        self.wait_until_synced()

    def launch(self, is_first=False):
        """Starts without waiting; while it gets the tables of another its port is closed."""
        others = "" if is_first else ",".join(f"127.0.0.1:{port}" for port in self.groups)
        self.more_options = [
            "--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
            "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-cluster-name=drill",
            f"--wsrep-node-name=node{self.number}", f"--wsrep-cluster-address=gcomm://{others}",
            f"--wsrep-node-address=127.0.0.1:{self.groups[self.number - 1]}",
            "--wsrep-sst-method=rsync", f"--wsrep-sst-receive-address=127.0.0.1:{self.transfer}",
            "--wsrep-provider-options="
            f"gmcast.listen_addr=tcp://127.0.0.1:{self.groups[self.number - 1]};"
            f"ist.recv_addr=127.0.0.1:{self.incremental};gcache.size=16M",
        ]
        self.data.mkdir(exist_ok=True)
        run_checked("chown", "-R", f"{USER}:", self.directory)
        self.spawn(self.command(), **as_user(USER, USER))

    def wsrep(self, name):
        """What the node says of itself, even if it answers nothing else; "" if it says nothing."""
        done = self.client(f"SHOW STATUS LIKE 'wsrep_{name}'")
        return done.stdout.strip().partition("\t")[2] if done.returncode == 0 else ""

    def is_synced(self):
        assert self.is_running(), f"ended at its start:\n{self.output()[-4000:]}"
        return (self.wsrep("local_state_comment"), self.wsrep("ready")) == ("Synced", "ON")

    def wait_until_synced(self):
        wait_until(self.is_synced, SECONDS, f"start of node {self.number}")

    def wait_for_status(self, name, value):
        wait_until(lambda: self.wsrep(name) == value, SECONDS,
                   f"wsrep_{name} = {value} of node {self.number}")


@contextlib.contextmanager
def running_cluster(directory):
    """Its nodes, with the tables and accounts of schema/; all is gone when it is left."""
    ports = [free_port() for _ in range(4 * SIZE)]
    groups = ports[:SIZE]
    nodes = []
    directory.mkdir()
    for number in range(1, SIZE + 1):
        (directory / f"n{number}").mkdir()
        nodes.append(Node(directory / f"n{number}", groups, number,
                          ports[3 * number:3 * number + 3]))
    try:
        seed = MariaDB(directory / "n1", has_network=False)
        try:
            seed.install()
        finally:
            seed.stop()
        nodes[0].start(is_first=True)
        for node in nodes[1:]:
            node.start()
        yield nodes
    finally:
        for node in nodes:
            node.kill()
