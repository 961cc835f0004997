"""What the processes of each container may do, as docs/container.md has it and the kernel tells it."""

import json
import os
import pathlib

from conftest import SERVICES, run

USERS = {"lmtpd": 5000, "lmtpd-auth": 5001, "database": 5002, "dovecot": 5000}
# Of postfix alone, capabilities(7): CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE.
POSTFIX_CAPABILITIES = sum(1 << number for number in (0, 1, 3, 5, 6, 7, 10))
# What each has of the volumes and networks of compose.yaml.
VOLUMES = {
    "lmtpd": {"mail", "lmtp-socket", "database-socket"},
    "lmtpd-auth": {"auth-socket", "database-socket"},
    "database": {"database", "database-socket", "dovecot-account"},
    "postfix": {"queue", "postfix", "lmtp-socket", "auth-socket", "database-socket"},
    "dovecot": {"mail", "database-socket", "dovecot-account"},
}
NETWORKS = {"lmtpd": "closed", "lmtpd-auth": "closed", "database": "closed", "postfix": "default",
            "dovecot": "default"}


def facts(pid):
    """The lines of /proc/PID/status, by their names."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def processes(pid):
    """All that are in the container of this one."""
    namespace = os.readlink(f"/proc/{pid}/ns/pid")
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "ns/pid") == namespace:
                found.append(int(entry.name))
        except FileNotFoundError:
            continue  # it has ended
    return found


def assert_confinement(stack, further_volumes={}):
    """further_volumes: what services have beside those of compose.yaml."""
    project = stack.directory.name
    [closed] = json.loads(run("podman", "network", "inspect", f"{project}_closed").stdout)
    assert closed["internal"]
    for service in SERVICES:
        told = stack.inspect(service)
        assert {mount["Name"] for mount in told["Mounts"] if mount["Type"] == "volume"} == {
            f"{project}_{name}" for name in VOLUMES[service] | further_volumes.get(service, set())}
        assert set(told["NetworkSettings"]["Networks"]) == {f"{project}_{NETWORKS[service]}"}
        main = stack.pid(service)
        mounts = [line.split() for line in pathlib.Path(f"/proc/{main}/mountinfo").read_text().splitlines()]
        [root] = [fields for fields in mounts if fields[4] == "/"]
        assert root[5].split(",")[0] == "ro"
        found = processes(main)
        assert main in found
        for pid in found:
            told = facts(pid)
            assert told["NoNewPrivs"] == "1"
            assert not told["State"].startswith("Z")
            assert int(told["CapBnd"], 16) == (POSTFIX_CAPABILITIES if service == "postfix" else 0)
            if service == "postfix":
                continue
            assert set(told["Uid"].split()) == set(told["Gid"].split()) == {str(USERS[service])}
            assert told["Groups"].split() in ([], [str(USERS[service])])
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(told[kind], 16) == 0, (service, kind)
        if service != "postfix":
            done = stack.exec(service, "touch", "/etc/here", check=False)
            assert done.returncode != 0 and "Read-only file system" in done.stdout
    for service in ("lmtpd", "lmtpd-auth"):
        assert len(processes(stack.pid(service))) == 1, "one process, without a shell or an init"
    # All but the master, and those that it must start as root, are Postfix's user.
    users = {facts(pid)["Name"]: facts(pid)["Uid"].split()[1] for pid in processes(stack.pid("postfix"))}
    assert users["master"] == "0" and users["qmgr"] == users["pickup"] == "5003"
