"""What the manuals in docs/ tell admins to write: the tests write just that."""

import re
import textwrap

from harness.base import TREE

VALUE = r'^\s*{name} *= *("(?:[^"\\]|\\.)*"|[^"\n][^\n]*)$'


class Manual:
    """A page of docs/, or what stands between the title of one section and the next title; or another file that admins
    copy, by its whole path."""

    def __init__(self, page, title=None):
        self.text = (TREE / "docs" / page).read_text()
        if title:
            parts = re.split(r"^##+ (.*)\n", self.text, flags=re.MULTILINE)
            self.text = dict(zip(parts[1::2], parts[2::2]))[title]

    def blocks(self):
        """What stands indented, as it is typed."""
        found = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", self.text, flags=re.MULTILINE)
        return [textwrap.dedent(block).strip() + "\n" for block in found]

    def block(self, word):
        """The one that has this word."""
        [found] = [block for block in self.blocks() if word in block]
        return found

    def value(self, name):
        """What the page sets a key to; a text in quotes without them, however many lines it has."""
        [found] = re.findall(VALUE.format(name=name), self.text, flags=re.MULTILINE)
        return re.sub(r"\s+", " ", found.strip('"'))

    def statements(self):
        """The SQL that is given to mariadb -e."""
        return re.findall(r'mariadb \w+ -e\s+"([^"]*)"', self.text)
