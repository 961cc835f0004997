"""clang-tidy over the product and its tests, once for each file that a build compiles.

A file that was fine is not looked at again while nothing changes of what the compiler sees of it,
of .clang-tidy and of clang-tidy. Beside the build's list of commands it leaves one that has each file
once, for cppcheck: a file that several programs are made of has the same flags in all.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BUILD = Path(sys.argv[1])
ONCE = BUILD / "once"
FINE = BUILD / "fine"
OPTIONS = ["--quiet", f"-p={ONCE}", "-extra-arg=-Wno-unknown-warning-option"]


def output_of(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout


def key_of(command, common):
    """Of what clang-tidy's judgement depends on: the source with all it includes, comments too."""
    words = shlex.split(command["command"])
    del words[words.index("-o"):words.index("-o") + 2]
    source = output_of(*words, "-E", "-CC", cwd=command["directory"])
    return hashlib.sha256(common + command["command"].encode() + source).hexdigest()


def is_fine(command, common):
    stamp = FINE / key_of(command, common)
    if stamp.exists():
        return True
    file = os.path.normpath(Path(command["directory"]) / command["file"])
    done = subprocess.run(["clang-tidy", *OPTIONS, file], capture_output=True, text=True)
    if done.returncode == 0 and not done.stdout:
        stamp.touch()
        return True
    print(done.stdout + done.stderr, flush=True)
    return False


def main():
    commands = {command["file"]: command
                for command in json.loads((BUILD / "compile_commands.json").read_text())}
    for directory in (ONCE, FINE):
        directory.mkdir(exist_ok=True)
    (ONCE / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    common = (Path(".clang-tidy").read_bytes() + Path(__file__).read_bytes() +
              output_of("clang-tidy", "--version"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda command: is_fine(command, common), commands.values()))
    sys.exit(not all(results))


main()
