"""The script that every user has: ten rules as a webmail writes them, of which none is for the mail that comes."""

import os

from filesystem import acting_as_mail_user

RULE = """# rule:[{number}]
if anyof (header :contains "subject" "[list-{number}]", header :contains ["from", "sender"] "list{number}@lists.example.net",
\theader :matches "x-mailing-list" "*<list{number}@*>*")
{{
\taddflag "\\\\Flagged";
\tfileinto "List{number}";
\tstop;
}}
"""
SCRIPT = 'require ["fileinto", "imap4flags"];\n' + "".join(
    RULE.format(number=number) for number in range(10))


def give(root, numbers):
    """To the users with these numbers."""
    with acting_as_mail_user():
        for number in numbers:
            path = f"{root}/example.com/u{number}/.dovecot.sieve"
            with open(path, "w", encoding="ascii") as file:
                file.write(SCRIPT)
    os.sync()
