"""Runs the tests on what ./dev has built, and counts them: the last line says how many passed.

    suite.py test [--quick] [ARGS]  unit tests and fuzz corpora, then the integration tests on the
                                    release build and on those with sanitizers; --quick: those
                                    marked quick, on the release build alone
    suite.py long FILE [ARGS]       one file of the integration tests in a longer form
    suite.py mysql [ARGS]           what the database does, on MySQL and with either client library
    suite.py coverage [ARGS]        all on the build that counts what is reached

ARGS go to pytest. What is shown later and all results lie in build/log.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
BUILD = TREE / "build"
LOG = BUILD / "log"
INTEGRATION = "tests/integration"

# --- counting ---------------------------------------------------------------

MESON = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}


def outcomes_of_meson(text):
    """Of its testlog.json. Meson writes JUnit too, but Debian 12's calls a test that ran out of time
    one that passed."""
    return [MESON.get(json.loads(line)["result"], "failed") for line in text.splitlines()]


def outcome_of(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def outcomes_of_pytest(text):
    return [outcome_of(case) for case in ElementTree.fromstring(text).iter("testcase")]


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, read, path, is_good):
        """Adds the outcomes that read finds in a file. A run that broke without being counted counts
        as one failure."""
        try:
            outcomes = read(path.read_text())
        except (FileNotFoundError, ValueError, KeyError, ElementTree.ParseError):
            outcomes = []
        failed = outcomes.count("failed")
        self.passed += outcomes.count("passed")
        self.failed += failed if failed or is_good else 1
        self.skipped += outcomes.count("skipped")

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


# --- running ----------------------------------------------------------------

def say(text):
    print(text, flush=True)


def as_root():
    """What to put before a command, so that it may change users as Postfix and Dovecot do."""
    if os.geteuid() == 0:
        return []
    ask = ["sudo", "-v"] if sys.stdin.isatty() else ["sudo", "-n", "true"]
    if shutil.which("sudo") and subprocess.run(ask, stderr=subprocess.DEVNULL).returncode == 0:
        say("running the integration tests through sudo, for Postfix and Dovecot")
        return ["sudo"]
    say("NOT ROOT, NO SUDO: the tests on Postfix and Dovecot are skipped")
    return []


class Suite:
    def __init__(self):
        LOG.mkdir(parents=True, exist_ok=True)
        self.counts = Counts()
        self.runner = None
        self.running = []

    def units(self, kind, *options):
        results = BUILD / kind / "meson-logs/testlog.json"
        results.unlink(missing_ok=True)
        code = self._wait(self._start("meson", "test", "-C", BUILD / kind, *options))
        self.counts.add(outcomes_of_meson, results, code == 0)

    def start(self, kind, *arguments, name=None, output=None, **environment):
        """Starts pytest on a build; returns what finish() takes."""
        if self.runner is None:
            self.runner = as_root()
        results = LOG / f"{name or kind}.xml"
        results.unlink(missing_ok=True)
        settings = {
            "LMTPD": BUILD / kind / "lmtpd/lmtpd", "LMTPD_AUTH": BUILD / kind / "auth/lmtpd-auth",
            "TSAN_OPTIONS": f"suppressions={TREE}/tests/tsan.supp",
            "PYTHONDONTWRITEBYTECODE": "1", **environment,
        }
        color = "yes" if sys.stdout.isatty() else "auto"
        process = self._start(
            *self.runner, "env", *[f"{key}={value}" for key, value in settings.items()],
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", f"--color={color}",
            f"--junitxml={results}", *arguments, stdout=output, stderr=output)
        return process, results

    def finish(self, process, results):
        code = self._wait(process)
        # pytest's 5: the arguments selected nothing.
        self.counts.add(outcomes_of_pytest, results, code in (0, 5))

    def run(self, kind, *arguments, **options):
        say(f"integration tests, build/{kind}")
        self.finish(*self.start(kind, *arguments, **options))

    @contextlib.contextmanager
    def beside(self, kind, *arguments, name=None):
        """Runs it while the block runs, and shows it afterwards."""
        with open(LOG / (name or kind), "w+") as output:
            leg = self.start(kind, *arguments, name=name, output=output)
            yield
            self.finish(*leg)
            output.seek(0)
            say(f"integration tests, build/{kind}")
            say(output.read())

    def _start(self, *command, **options):
        process = subprocess.Popen([str(word) for word in command], cwd=TREE, **options)
        self.running.append(process)
        return process

    def _wait(self, process):
        code = process.wait()
        self.running.remove(process)
        if interrupted:
            sys.exit(130)
        return code

    def stop(self):
        """Whatever still runs: it cleans up after itself."""
        for process in self.running:
            # sudo passes no signal on that comes from its own group.
            subprocess.run([*(self.runner or []), "kill", str(process.pid)],
                           stderr=subprocess.DEVNULL, process_group=0)
            process.wait()

    def end(self, is_good=True):
        """Says the counts; returns the exit code."""
        say(self.counts)
        return 0 if is_good and self.counts.failed == 0 and self.counts.passed > 0 else 1


interrupted = False


def on_interrupt(*_):
    """Ctrl-C: what runs has got it too, and still has something to say."""
    global interrupted
    interrupted = True


# --- what there is to run ---------------------------------------------------

# What Postfix makes of lmtpd-auth hangs on its own clocks, and what marks hold is asked of a program that the
# test builds: one build is enough.
ONCE = ["test_auth_postfix.py", "test_marks.py"]
# Commands, and what queries mean to the database: no business of ThreadSanitizer.
ONE_THREAD = ["test_check*.py", "test_auth_commands.py", "test_stdio.py", "test_schema.py",
              "test_schemas.py", "test_postfixadmin.py", "test_adopt.py"]
# It is heavy by the clock alone: minutes in which all stands still.
WAITING = ["test_stall.py"]


def ignored(names):
    return [f"--ignore-glob={INTEGRATION}/{name}" for name in names]


def test(suite, arguments):
    units = "unit tests and fuzz corpora, with AddressSanitizer and UndefinedBehaviorSanitizer"
    if arguments[:1] == ["--quick"]:
        say(f"{units}; beside them some integration tests, shown when they are done")
        with suite.beside("release", INTEGRATION, "-m", "quick", *arguments[1:]):
            suite.units("asan", "--print-errorlogs")
        return suite.end()
    say(units)
    suite.units("asan", "--print-errorlogs")
    # No test but the heavy ones measures how much or how fast, so the builds may be tested side by
    # side: the tests wait more than they compute.
    light = [INTEGRATION, *arguments, "-m", "not heavy"]
    waiting = [f"{INTEGRATION}/{name}" for name in WAITING]
    with (suite.beside("asan", *light, *ignored(ONCE)),
          suite.beside("tsan", *light, *ignored(ONCE + ONE_THREAD)),
          suite.beside("release", *waiting, *arguments, name="waiting")):
        suite.run("release", *light)
    suite.run("release", INTEGRATION, *arguments, "-m", "heavy", *ignored(WAITING), name="heavy")
    return suite.end()


def long(suite, arguments):
    """It says how it goes, and that it was skipped is a failure."""
    file, *arguments = arguments
    suite.run("release", f"{INTEGRATION}/{file}", *arguments, "-s", name=Path(file).stem)
    return suite.end(suite.counts.skipped == 0)


# Where the server makes a difference.
OF_DATABASE = ["mysql", "schema", "tls", "database", "database_faults", "columns", "recipients",
               "check_rows", "maildirs", "quota_command", "auth"]


def mysql(suite, arguments):
    files = [f"{INTEGRATION}/test_{name}.py" for name in OF_DATABASE]
    for library in ("libmariadb", "libmysqlclient"):
        suite.run(library, *files, "-m", "not heavy", *arguments, DATABASE="mysql")
    return suite.end()


@contextlib.contextmanager
def counting():
    """Yields the environment for daemons and brings their counts into the build. They run as users
    who may not write below the tree, and each makes files that the next one may not write; so the
    counts are kept in files made before, where everybody comes to."""
    build = BUILD / "coverage"
    for path in build.rglob("*.gcda"):
        path.unlink()
    kept = Path(tempfile.mkdtemp(prefix="lmtpd-coverage.", dir="/var/tmp"))
    try:
        for path in build.rglob("*.gcno"):
            made = (kept / path.relative_to(build)).with_suffix(".gcda")
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
        subprocess.run(["chmod", "-R", "a+rwX", kept], check=True)
        yield {"GCOV_PREFIX": str(kept), "GCOV_PREFIX_STRIP": str(len(build.parts) - 1)}
        for path in kept.rglob("*.gcda"):
            if path.stat().st_size > 0:
                shutil.copy(path, build / path.relative_to(kept))
    finally:
        shutil.rmtree(kept)


def coverage(suite, arguments):
    with counting() as environment:
        say("unit tests and fuzz corpora, build/coverage")
        os.environ.update(environment)
        suite.units("coverage")
        suite.run("coverage", INTEGRATION, "-m", "not heavy", *arguments, **environment)
    return suite.end()


def main():
    signal.signal(signal.SIGINT, on_interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    verbs = {"test": test, "long": long, "mysql": mysql, "coverage": coverage}
    suite = Suite()
    try:
        sys.exit(verbs[sys.argv[1]](suite, sys.argv[2:]))
    finally:
        suite.stop()


if __name__ == "__main__":
    main()
