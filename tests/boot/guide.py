"""The commands of the manuals in docs/, as they stand there."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Who reads the manual types the password when lmtpd-auth asks for it.
TYPING = 'lmtpd-auth() { command lmtpd-auth "$@" <<<"$TYPED"; }'


def texts(page):
    """That of each section."""
    parts = re.split(r"^## (.*)\n", (DOCS / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def sections(page):
    """The blocks of commands of each section: {"1. Packages": "apt install ..."}."""
    return {
        title: "".join(re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
        for title, text in texts(page).items()
    }


def fragments(page, title):
    """What that section shows of files: its indented blocks."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", texts(page)[title], flags=re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE).strip() + "\n" for block in blocks]


def follow(container, page, *titles, typed="", check=True, **options):
    """Does in one shell what these sections say, or all; in /root, where the package lies."""
    blocks = sections(page)
    commands = "".join(blocks[title] for title in titles or blocks)
    assert commands, (page, titles)
    script = f"{'set -e' if check else ''}\nTYPED={typed}\n{TYPING}\ncd /root\n{commands}"
    return (container.run if check else container.try_run)(script, **options)
