"""The manual pages name what the programs know, and nothing else: keys, options and metrics. The configurations that are
shipped show every key with its default."""

import re

import pytest

from harness.base import TREE

pytest_plugins = ["harness.auth_fixtures"]

SECTION = re.compile(r"^\.Sh (.*)\n", re.MULTILINE)
PAGES = {"lmtpd": ("lmtpd.8", "lmtpd.conf.5"), "lmtpd-auth": ("lmtpd-auth.8", "auth.conf.5")}


def page(name):
    return (TREE / "man" / name).read_text()


def keys_of_page(name):
    """Section to keys, by what stands in front of a = in a list."""
    _, *parts = SECTION.split(page(name))
    found = {}
    for title, text in zip(parts[::2], parts[1::2]):
        section = title.removeprefix("SECTION ") if title != "THE TOP OF THE FILE" else ""
        for items in re.findall(r"^\.It Ic (.*) = Em", text, re.MULTILINE):
            found.setdefault(section, set()).update(re.findall(r"\w+", items.replace("Ic ", "")))
    return found


def keys_of_program(daemon, section):
    """What it says may stand there; sections stand at the top, too."""
    daemon.config_path.write_text(f"{section} {{\nnone = 1\n}}\n" if section else "none = 1\n")
    code, said = daemon.fails_to_start()
    assert code == 78, said
    return set(re.findall(r"allowed here: ([^\"]*)\"", said)[-1].split())


@pytest.fixture(params=PAGES)
def kind(request, make_lmtpd, make_auth):
    return request.param, {"lmtpd": make_lmtpd, "lmtpd-auth": make_auth}[request.param]


def test_keys(kind):
    name, make = kind
    daemon = make()
    _, conf = PAGES[name]
    wanted = keys_of_page(conf)
    shared = keys_of_page("lmtpd.conf.5")["mysql"] if name == "lmtpd-auth" else set()
    sections = keys_of_program(daemon, "") - wanted.get("", set())
    assert sections == set(wanted) - {""}
    for section in sections:
        known = keys_of_program(daemon, section)
        missing = known - wanted[section]
        assert wanted[section] <= known
        # Those of another page are named alone.
        assert all(key in shared and re.search(rf"\b{key}\b", page(conf)) for key in missing), missing


def defaults_of_page(name):
    """Section and key to what stands behind "default: ", as it looks."""
    _, *parts = SECTION.split(page(name))
    found = {}
    for title, text in zip(parts[::2], parts[1::2]):
        for items, told in re.findall(r"^\.It Ic (.*) = Em .*\(default: (.*)\)$", text, re.MULTILINE):
            keys = re.findall(r"\w+", items.replace("Ic ", ""))
            values = told.replace(r"\(dq", '"').replace(r"\e", "\\").split(" and ") if len(keys) > 1 else [
                told.replace(r"\(dq", '"').replace(r"\e", "\\")]
            for key, value in zip(keys, values * len(keys) if len(values) == 1 else values):
                found[title.removeprefix("SECTION "), key] = value
    return found


def example(name):
    """Section and key to its value, of the lines that set one or would without their #."""
    found, section = {}, "THE TOP OF THE FILE"
    for line in (TREE / "examples" / name).read_text().splitlines():
        if opened := re.fullmatch(r"(\w+) \{", line):
            section = opened[1]
        elif key := re.fullmatch(r" *#?(\w+) *= (.*)", line):
            found[section, key[1]] = key[2]
    return found


@pytest.mark.parametrize("name", ["lmtpd.conf", "auth.conf"])
def test_example(name, make_lmtpd, make_auth, directory):
    shown, defaults = example(name), defaults_of_page(f"{name}.5")
    wanted = {(section or "THE TOP OF THE FILE", key) for section, keys in keys_of_page(f"{name}.5").items()
              for key in keys}
    shared = {("mysql", key) for key in keys_of_page("lmtpd.conf.5")["mysql"] if not key.endswith("_query")}
    assert set(shown) == wanted | shared
    for at, value in shown.items():
        if at in defaults and at[1] not in ("password", "password_file"):
            assert re.match(re.escape(value) + r"(,|$)", defaults[at]), at
    # With all of them the file is still one that the daemon reads.
    (directory / "password").write_text("secret\n")
    text = re.sub(r"^( *)#(?=\w+ *= )", r"\1", (TREE / "examples" / name).read_text(), flags=re.MULTILINE)
    text = re.sub(r'"\$\{CREDENTIALS_DIRECTORY[^"]*"', f'"{directory}/password"', text)
    daemon = make_lmtpd() if name == "lmtpd.conf" else make_auth()
    daemon.config_path.write_text(text)
    said = daemon.run("--check").stdout
    assert " configuration: " in said and "FAIL  configuration: " not in said


def test_options(kind):
    name, make = kind
    said = make().run("--help").stdout
    text = page(PAGES[name][0]).split(".Sh DESCRIPTION")[1]
    of_page = set(re.findall(r"^\.It Fl (?:c Ar file , Fl )?-(\w[\w-]*)", text, re.MULTILINE))
    assert of_page - {"config"} == set(re.findall(r"--([a-z][a-z-]*)", said))


def test_metrics(kind):
    name, make = kind
    daemon = make(**({"sieve": {"enabled": True}} if name == "lmtpd" else {})).start()
    said = daemon.run("--status", "--prometheus").stdout
    known = set(re.findall(r"^# TYPE (\S+)", said, re.MULTILINE))
    prefix = name.replace("-", "_") + "_"
    named = set(re.findall(rf"\b{prefix}[a-z_]+[a-z]", page(PAGES[name][0])))
    assert named <= known
    shared = re.findall(r"\blmtpd_[a-z_]+[a-z]", page("lmtpd.8")) if name == "lmtpd-auth" else []
    assert known - named <= {metric.replace("lmtpd_", prefix, 1) for metric in shared}
