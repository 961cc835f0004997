"""One of our daemons: its configuration, its processes, its log."""

import copy
import json
import os
import re
import signal
import subprocess

from harness.process import IS_ROOT, Daemon, as_user, run, wait_until

LOG_PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)')
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")
# A sanitizer's finding must not look like an ordinary end.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


def render(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(render(item) for item in value) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def render_config(config):
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            inner = [f"  {name} = {render(item)}" for name, item in value.items()]
            lines += [f"{key} {{", *inner, "}"]
        else:
            lines.append(f"{key} = {render(value)}")
    return "\n".join(lines) + "\n"


def parse_log_line(line):
    return {key: value[1:-1] if value.startswith('"') else value
            for key, value in LOG_PAIR.findall(line)}


class Program(Daemon):
    """One of our daemons in a directory of its own, which is to run as this user and group;
    starts_as_root: it is left to it to change to them. What else is given are keys of its
    configuration, as configure() takes them."""

    def __init__(self, binary, directory, config_name, config, user, group, starts_as_root=False,
                 environment=None, **overrides):
        super().__init__((directory / config_name).with_suffix(".log"))
        self.binary = binary
        self.directory = directory
        self.config_path = directory / config_name
        self.user = user
        self.group = group
        self.starts_as_root = starts_as_root
        # The machine's own Postfix is none of --check's business here.
        self.environment = {**os.environ, **SANITIZER_OPTIONS, "MAIL_CONFIG": str(directory),
                            **(environment or {})}
        if IS_ROOT:
            os.chown(directory, user, group)
        self.config = config
        self.configure(**overrides)

    def configure(self, **overrides):
        """Changes keys of the configuration: configure(lmtp={"recipient_limit": 2})."""
        config = copy.deepcopy(self.config)
        for key, value in overrides.items():
            if isinstance(value, dict):
                config.setdefault(key, {}).update(value)
            else:
                config[key] = value
        self.config = config
        self.config_path.write_text(render_config(config))

    def _options(self, options):
        """Of Popen, for a process of this daemon."""
        privileges = {} if self.starts_as_root else as_user(self.user, self.group)
        return {"env": self.environment, **privileges, **options}

    def command(self, *arguments):
        return [str(self.binary), "-c", str(self.config_path), *arguments]

    def start(self, **options):
        self.launch(**options)
        self.wait_until_answers(self.is_answering)
        return self

    def launch(self, wrapper=(), **options):
        """Starts without waiting until it serves."""
        self.spawn([*wrapper, *self.command()], **self._options(options))

    def run(self, *arguments, **options):
        """Runs a command of the daemon with this configuration to its end."""
        return run(*self.command(*arguments), **self._options(options))

    def fails_to_start(self):
        """Starts it where it must refuse; returns the exit code and what it said."""
        self.launch()
        try:
            return self.process.wait(60), self.output()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"serves, though it must not:\n{self.output()}") from None
        finally:
            self.kill()

    def reload(self):
        """SIGHUP, and waits until it has been dealt with; returns what the log says of it."""
        before = len(self.log(event="reload"))
        self.signal(signal.SIGHUP)
        return self.wait_for_log(before + 1, event="reload")[-1]

    def told(self):
        """What --status says."""
        return json.loads(self.run("--status", "--json").stdout)

    def log(self, **wanted):
        """The lines of the log as dicts, those that have the wanted fields."""
        lines = [parse_log_line(line) for line in self.output().splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def wait_for_log(self, n=1, seconds=60, **wanted):
        """Waits for the n-th line with these fields and returns all of them."""
        wait_until(lambda: len(self.log(**wanted)) >= n, seconds, f"log line {wanted}")
        return self.log(**wanted)

    def assert_sane(self):
        output = self.output()
        assert not any(word in output for word in SANITIZERS), output
