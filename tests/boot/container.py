"""A Debian that systemd boots, in a container without a network but its own loopback, and one that
joins it with another."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness.process import Daemon, run, run_checked, wait_until

HERE = Path(__file__).parent
REBOOT = 133  # systemd-nspawn's exit code then, systemd-nspawn(1), --keep-unit
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def cgroups_of(name):
    """A directory for each hierarchy of control groups in which systemd makes some. Without one of its own a
    container would have the groups, and the filters, of another one that runs."""
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        kind, options = words[words.index("-") + 1], words[-1].split(",")
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            yield Path(words[4]) / own["" if kind == "cgroup2" else "name=systemd"].strip("/") / name


class Container(Daemon):
    """A copy of the image; its files are at root."""

    def __init__(self, image, directory, host="mail"):
        directory.mkdir(exist_ok=True)
        super().__init__(directory / "console.log")
        self.init_handle = None
        self.host = host
        self.machine = f"lmtpd-{os.getpid()}-{host}"
        self.cgroups = list(cgroups_of(self.machine))
        name = f"{host}.example.com"
        self.root = directory / "root"
        run_checked("cp", "-a", "--reflink=auto", image, self.root)
        (self.root / "etc/hostname").write_text(f"{host}\n")
        (self.root / "etc/hosts").write_text(
            f"127.0.0.1 localhost\n127.0.1.1 {name} {host}\n")
        (self.root / "etc/mailname").write_text(name + "\n")

    def path(self, path):
        return self.root / path.lstrip("/")

    def start(self):
        for directory in self.cgroups:
            directory.mkdir(exist_ok=True)
        enter = "".join(f"echo $$ >{directory}/cgroup.procs && " for directory in self.cgroups)
        self.spawn([
            "sh", "-c", f'{enter}exec "$@"', "sh", "systemd-nspawn", "--quiet", "--directory", self.root, "--boot", "--register=no",
            "--keep-unit", "--private-network", "--console=pipe", "--resolv-conf=off",
            # For IPAddressDeny= of its units.
            "--system-call-filter=bpf", "--capability=CAP_BPF",
            f"--machine={self.machine}", f"--hostname={self.host}",
        ])
        self.wait_until_booted()

    def init(self):
        """The first process of the container, as seen from outside; None if there is none."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def wait_until_booted(self):
        def has_booted():
            return self.init() and self.try_run("systemctl is-system-running").stdout.strip() in (
                "running", "degraded")

        self.wait_until_answers(has_booted, 120)
        self.init_handle = os.pidfd_open(self.init())

    def inside(self, *command, namespaces="-a"):
        words = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        return ["nsenter", "-t", str(self.init()), *namespaces.split(), "env", "-i", *words,
                *map(str, command)]

    def try_run(self, script, **options):
        """Runs a script of the shell in the container, as root."""
        options.setdefault("input", "")
        options.setdefault("timeout", 300)
        return run(*self.inside("bash", "-c", script), **options)

    def run(self, script, **options):
        done = self.try_run(script, **options)
        assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def connected(self, *command):
        """The command for a program of the machine outside, with the container's network."""
        return self.inside(*command, namespaces="-n")

    def join(self, other, address, others):
        """Lays a cable to the other one; each has its address at its end."""
        run_checked(*self.connected(
            "ip", "link", "add", "net0", "type", "veth", "peer", "name", "net0", "netns",
            other.init()))
        for end, own in ((self, address), (other, others)):
            end.run(f"ip address add {own} dev net0 && ip link set net0 up")

    def install(self, package):
        shutil.copy(package, self.path("/root"))
        self.run(f"cd /root && apt-get install -y --reinstall ./{shlex.quote(package.name)}")

    def journal(self, *arguments):
        """With all that has been said by now."""
        words = ["journalctl", "--no-pager", "-o", "cat", *arguments]
        return self.run(f"journalctl --sync && {shlex.join(words)}")

    def mark(self):
        """This moment, for journal("--since", ...)."""
        return self.run("date '+%F %T.%6N'").strip()

    def main_pid(self, unit):
        return int(self.run(f"systemctl show --property=MainPID --value {unit}"))

    def failed_units(self):
        return self.run("systemctl list-units --failed --plain --no-legend").split("\n")[:-1]

    def reboot(self):
        self.try_run("systemctl reboot")
        assert self.process.wait(90) == REBOOT, self.output()
        os.close(self.init_handle)
        self.start()

    def stop(self, seconds=90):
        return super().stop(seconds)

    def kill(self):
        """Its first process takes all others along; that of systemd-nspawn would leave them."""
        if self.init_handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.init_handle, signal.SIGKILL)
            os.close(self.init_handle)
            self.init_handle = None
        super().kill()
        self.remove_cgroups()

    def remove_cgroups(self):
        for top in self.cgroups:
            for directory, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)

    def load(self, *arguments):
        return Load(self, arguments)


class Load:
    """load.py at work in the container's network, until the block ends; then its summary."""

    def __init__(self, container, arguments):
        command = container.connected(sys.executable, HERE / "load.py", *arguments)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.send_signal(signal.SIGKILL)
        out, _ = self.process.communicate(timeout=300)
        if kind is None:
            self.summary = json.loads(out)
