"""Scripts as the forms of webmails, groupware and panels write them: absence and forwarding, and what comes of each.

Where a form knows days, a script here is a text with {begin} and {end}, for which NOW, OVER and AHEAD have some.
"""

import datetime

TODAY = datetime.datetime.now(datetime.timezone.utc).date()


def between(begin, end):
    """Days from today, for a script."""
    days = [TODAY + datetime.timedelta(days=n) for n in range(begin, end + 1)]
    return {"begin": days[0], "end": days[-1], "received": received(days)}


def received(days):
    """What these days look like at the end of a Received field, month by month, for those who know no dates."""
    months = {}
    for day in days:
        months.setdefault(day.strftime("%b %Y"), []).append(f"{day.day}" if day.day > 9 else f"[ 0]{day.day}")
    return ",".join(f'"({"|".join(numbers)}) {month}"' for month, numbers in months.items())


NOW, OVER, AHEAD = between(-1, 14), between(-14, -2), between(2, 14)

# Roundcube's forms each write one rule.
ABSENCE = """require ["date","relational","vacation"];
# rule:[Vacation]
if allof (currentdate :zone "+0000" :value "ge" "date" "{begin}", currentdate :zone "+0000" :value "le" "date" "{end}")
{{
\tvacation :days 1 :addresses ["email1@example.com"] :subject "Not at work: one" text:
Your message waits for me.
.. Regards
.
;
}}
"""
# Hours count, and all that the form has.
ABSENCE_BY_HOURS = """require ["date","relational","vacation"];
# rule:[Vacation]
if allof (currentdate :zone "+0100" :value "ge" "iso8601" "{begin}T08:00:00+01:00", \
currentdate :zone "+0100" :value "le" "iso8601" "{end}T18:30:00+01:00")
{{
\tvacation :days 7 :addresses ["one@example.com","email1@example.com"] \
:from "=?UTF-8?Q?J=C3=B6rg?= <email1@example.com>" \
:subject "Nicht da: Größe" text:
Schöne Grüße,
Jörg
.
;
}}
"""
# Where the server knows no dates, the day is read from the header.
ABSENCE_BY_RECEIVED = """require ["regex","vacation"];
# rule:[Vacation]
if header :regex "received" [{received}]
{{
\tvacation :addresses ["email1@example.com"] :subject "Not at work: eight" "Without dates.";
}}
"""
# With what the server knows besides: seconds, an address of its own, and where mail goes meanwhile.
ABSENCE_AND_FORWARD = """require ["copy","vacation-seconds"];
# rule:[Vacation]
if true
{
\tvacation :seconds 172800 :from "\\"One, Mail\\" <email1@example.com>" :subject "Not at work: two" "My deputy has it.";
\tredirect :copy "email3@example.com";
}
"""
FORWARD = """require ["copy"];
# rule:[Forward]
if true
{
\tredirect "email3@example.com";
}
"""
FORWARD_AND_KEEP = FORWARD.replace("redirect", "redirect :copy")

# Nextcloud's: between comments by which it finds its part again, before and behind what the user wrote.
RESPONDER = """### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
require "date";
require "relational";
require "vacation";
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
require "fileinto";
if header :contains "subject" "filed" {{ fileinto "Work"; }}
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
# DATA: {{"version":1,"enabled":true}}
if allof(currentdate :value "ge" "iso8601" "{begin}T00:00:00Z", currentdate :value "le" "iso8601" "{end}T23:59:59Z") {{
\tvacation :days 4 :subject "Not at work: three" :addresses ["Mail One <email1@example.com>"] "Until {end}.";
}}
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
"""
# What names the subject of the message, besides a rule that was clicked together.
RESPONDER_WITH_SUBJECT = """### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
require "date";
require "relational";
require "vacation";
require "variables";
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
### Nextcloud Mail: Filters ### DON'T EDIT ###
require ["imap4flags", "copy"];
### Nextcloud Mail: Filters ### DON'T EDIT ###

### Nextcloud Mail: Filters ### DON'T EDIT ###
# FILTER: [{{"name":"Copies","enable":true,"operator":"allof"}}]
# Copies
if address :is :all "From" ["email2@example.com", "email3@example.com"] {{
\taddflag "$projects";
\tredirect :copy "email3@example.com";
}}
### Nextcloud Mail: Filters ### DON'T EDIT ###
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
# DATA: {{"version":1,"enabled":true}}
set "subject" "";
if header :matches "subject" "*" {{
\tset "subject" "${{1}}";
}}
if currentdate :value "ge" "iso8601" "{begin}T00:00:00Z" {{
\tvacation :days 4 :subject "Not at work: nine, ${{subject}}" :addresses ["email1@example.com"] \
"On ${{subject}}: later.";
}}
### Nextcloud Mail: Vacation Responder ### DON'T EDIT ###
"""

# SnappyMail's, and RainLoop's before it: what is read again stands in comments, and a rule that is off is one.
SNAPPY = """require ["vacation","fileinto","imap4flags"];

# This is SnappyMail sieve script.
# Please don't change anything here.
# RAINLOOP:SIEVE

/*
BEGIN:FILTER:1
BEGIN:HEADER
eyJJRCI6IjEiLCJOYW1lIjoib2ZmIn0=END:HEADER
*/
/* @Filter is disabled 
discard;
*/
/* END:FILTER */

/*
BEGIN:FILTER:2
BEGIN:HEADER
eyJJRCI6IjIiLCJOYW1lIjoib24ifQ==END:HEADER
*/

if not header :contains ["X-Spam-Flag"] "YES"
{
    ACTION
}

/* END:FILTER */
"""
SNAPPY_ABSENCE = SNAPPY.replace(
    "ACTION", 'vacation :days 1 :addresses ["email1@example.com"] :subject "Not at work: ten" "Write again.";')
SNAPPY_FORWARD = SNAPPY.replace(
    "ACTION", 'addflag "\\\\Seen";\n    fileinto "INBOX";\n    redirect "email3@example.com";\n    stop;')

# The examples of mailcow, which users change a little.
PANEL_ABSENCE = """require ["vacation", "fileinto", "imap4flags"];
vacation
  # once a day
  :days 1
  :subject "Not at work: four"
  :addresses "email1@example.com"
"Write to
somebody else.";
if header :contains "subject" "marked" { setflag "\\\\Seen"; keep; }
"""
PANEL_REJECT = """require ["reject", "envelope"];
if envelope :domain :is "from" "example.com" {
  reject "Not wanted here.
Ask by telephone.";
  stop;
}
keep;
"""
PANEL_FORWARD = """require ["fileinto", "copy"];
if address :is "from" "email2@example.com" {
  redirect "email3@example.com";
  keep;
}
"""

# name: (script, subject of the notice, words of it, flags of what is answered)
ABSENCES = {
    "Roundcube": (ABSENCE.format(**NOW), "Not at work: one", "Your message waits for me.\n. Regards\n", []),
    "Roundcube by hours": (ABSENCE_BY_HOURS.format(**NOW), "Nicht da: Größe", "Schöne Grüße,\nJörg\n", []),
    "Roundcube without dates": (ABSENCE_BY_RECEIVED.format(**NOW), "Not at work: eight", "Without dates.", []),
    "Roundcube and forward": (ABSENCE_AND_FORWARD, "Not at work: two", "My deputy has it.", []),
    "Nextcloud": (RESPONDER.format(**NOW), "Not at work: three", f"Until {NOW['end']}.", []),
    "Nextcloud with the subject": (
        RESPONDER_WITH_SUBJECT.format(**NOW), "Not at work: nine, {}", "On {}: later.", ["$projects"]),
    "SnappyMail": (SNAPPY_ABSENCE, "Not at work: ten", "Write again.", []),
    "mailcow": (PANEL_ABSENCE, "Not at work: four", "Write to\nsomebody else.", []),
}
# name: (script, flags of what is at home, None where nothing is)
FORWARDS = {
    "Roundcube": (FORWARD, None),
    "Roundcube keeps a copy": (FORWARD_AND_KEEP, []),
    "SnappyMail keeps a copy": (SNAPPY_FORWARD, ["\\Seen"]),
    "mailcow": (PANEL_FORWARD, []),
}
# Those that know days.
WINDOWS = {"Roundcube": ABSENCE, "Roundcube by hours": ABSENCE_BY_HOURS,
           "Roundcube without dates": ABSENCE_BY_RECEIVED, "Nextcloud": RESPONDER}
