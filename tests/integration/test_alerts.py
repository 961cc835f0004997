"""The alerts of examples/prometheus, by Prometheus's own tool: each fires when it should and not before, and
speaks of metrics that there are."""

import json
import re
from pathlib import Path

import pytest

from harness.process import run
from harness.status import PROMETHEUS_SAMPLE

pytest_plugins = ["harness.auth_fixtures"]
pytestmark = pytest.mark.heavy  # nothing in it that a sanitizer of the daemons could find

RULES = Path(__file__).parents[2] / "examples/prometheus/lmtpd.rules.yml"
# Those of others: the node exporter's.
FOREIGN = {"node_textfile_mtime_seconds"}

MANY = 400  # minutes; long enough for each but the one that waits for days


def counter(name, each_minute, **labels):
    return series(name, f"0+{each_minute}x{MANY}", **labels)


def gauge(name, value, minutes=MANY, **labels):
    return series(name, f"{value}+0x{minutes}", **labels)


def series(name, values, **labels):
    words = ",".join(f'{key}="{value}"' for key, value in {"instance": "mx", **labels}.items())
    return {"series": f"{name}{{{words}}}", "values": values}


def recipients(each_minute, status, code, dsn, reason):
    return counter("lmtpd_recipients_total", each_minute, status=status, code=code, dsn=dsn,
                   reason=reason)


def not_sent(each_minute):
    return recipients(each_minute, "deferred", "451", "4.3.0", "Message could not be forwarded, try again later")


def commits(slow):
    """Of 100 messages a minute, how many take more than half a second."""
    name = "lmtpd_commit_duration_seconds_bucket"
    return [counter(name, 100 - slow, le="0.5"), counter(name, 100, le="1"),
            counter(name, 100, le="+Inf")]


# An alert, what makes it fire within MANY minutes, and what does not.
CASES = [
    ("LmtpdAbsent", [], [gauge("lmtpd_info", 1)]),
    ("LmtpdAuthAbsent", [gauge("lmtpd_info", 1)], [gauge("lmtpd_auth_info", 1)]),
    ("LmtpdMetricsStale",
     [gauge("node_textfile_mtime_seconds", 0, file="/var/lib/prometheus/node-exporter/lmtpd.prom")],
     [series("node_textfile_mtime_seconds", f"0+60x{MANY}", file="lmtpd-auth.prom")]),
    ("LmtpdMetricsStale",
     [gauge("node_textfile_mtime_seconds", 0, file="lmtpd-auth.prom")],
     [gauge("node_textfile_mtime_seconds", 0, file="/var/lib/other.prom")]),
    ("LmtpdDatabaseDown",
     [gauge("lmtpd_database_up", 0), gauge("lmtpd_database_errors_total", 1)],
     [gauge("lmtpd_database_up", 0), gauge("lmtpd_database_errors_total", 0)]),
    ("LmtpdDatabaseDown",
     [gauge("lmtpd_auth_database_up", 0), gauge("lmtpd_auth_database_errors_total", 7)],
     [gauge("lmtpd_auth_database_up", 1), gauge("lmtpd_auth_database_errors_total", 7)]),
    ("LmtpdDefers",
     [recipients(1, "deferred", "451", "4.4.3", "Database out of reach, try again later")],
     [recipients(9, "deferred", "451", "4.3.2", "Mailbox is being moved"),
      recipients(9, "deferred", "452", "4.2.2", "Mailbox is full"), not_sent(9),
      recipients(9, "saved", "250", "2.0.0", "Saved")]),
    ("LmtpdCannotWrite",
     [recipients(1, "deferred", "452", "4.3.1", "Disk full")],
     [recipients(9, "deferred", "451", "4.4.3", "Database out of reach, try again later"), not_sent(9),
      recipients(9, "rejected", "552", "5.3.4", "Message too big")]),
    ("LmtpdCannotWrite",
     [recipients(1, "deferred", "451", "4.2.0", "Cannot write the message")],
     [recipients(9, "deferred", "451", "4.3.2", "Mailbox is served elsewhere")]),
    ("LmtpdDiskStandsStill", [counter("lmtpd_messages_stalled_total", 1)],
     [counter("lmtpd_messages_stalled_total", 0)]),
    ("LmtpdDiskSlow", commits(3), commits(0)),
    ("LmtpdUnknownUsers", [recipients(1, "rejected", "550", "5.1.1", "User doesn't exist")],
     [recipients(0.1, "rejected", "550", "5.1.1", "User doesn't exist")]),
    ("LmtpdAskedForAnothersMail",
     [recipients(1, "deferred", "451", "4.3.2", "Mailbox is served elsewhere")],
     [recipients(1, "deferred", "451", "4.3.2", "Mailbox is being moved")]),
    ("LmtpdQuotaUntold", [counter("lmtpd_quota_untold_total", 1)],
     [counter("lmtpd_quota_untold_total", 0)]),
    ("LmtpdRedirectsWait", [not_sent(1)],
     [recipients(9, "deferred", "451", "4.3.0", "The disk does not take the message"), not_sent(0)]),
    ("LmtpdRedirectsRefused", [counter("lmtpd_redirects_refused_total", 1)],
     [counter("lmtpd_redirects_refused_total", 0.1)]),
    ("LmtpdNoticesHeld", [counter("lmtpd_notices_held_total", 1)],
     [counter("lmtpd_notices_held_total", 0.1)]),
    ("LmtpdAuthErrors", [counter("lmtpd_auth_login_errors_total", 1, reason="hash")],
     [counter("lmtpd_auth_login_errors_total", 9, reason="client left")]),
    ("LmtpdAuthOverload", [counter("lmtpd_auth_login_errors_total", 1, reason="overload")],
     [counter("lmtpd_auth_login_errors_total", 9, reason="row")]),
    ("LmtpdAuthGuessing",
     [counter("lmtpd_auth_logins_total", 90, result="fail", mechanism="PLAIN")],
     [counter("lmtpd_auth_logins_total", 30, result="fail", mechanism="PLAIN"),
      counter("lmtpd_auth_logins_total", 900, result="ok", mechanism="PLAIN")]),
    ("LmtpdReloadFailed", [gauge("lmtpd_reload_failed", 1)], [gauge("lmtpd_reload_failed", 0)]),
    ("LmtpdReloadFailed", [gauge("lmtpd_auth_reload_failed", 1)],
     [gauge("lmtpd_auth_reload_failed", 0)]),
    ("LmtpdConnectionsScarce",
     [gauge("lmtpd_connections_open", 900), gauge("lmtpd_connections_max", 1000)],
     [gauge("lmtpd_connections_open", 700), gauge("lmtpd_connections_max", 1000)]),
    ("LmtpdConnectionsScarce",
     [gauge("lmtpd_auth_connections_open", 900), gauge("lmtpd_auth_connections_max", 1000)],
     [gauge("lmtpd_auth_connections_open", 700), gauge("lmtpd_auth_connections_max", 1000)]),
    ("LmtpdStrangersRefused", [counter("lmtpd_connections_refused_total", 1)],
     [counter("lmtpd_connections_refused_total", 0)]),
    ("LmtpdStrangersRefused", [counter("lmtpd_auth_connections_refused_total", 1)],
     [counter("lmtpd_auth_connections_refused_total", 0)]),
    ("LmtpdSoftBounceForgotten", [gauge("lmtpd_soft_bounce", 1, minutes=5000)],
     [gauge("lmtpd_soft_bounce", 1, minutes=2000)]),
]


def alerts_of_the_file():
    return re.findall(r"^ +- alert: (\w+)$", RULES.read_text(), flags=re.MULTILINE)


def firing(alert, input_series, minutes, is_expected):
    """A test of promtool: does it fire then?"""
    expected = [{"labels": "{}", "value": 1}] if is_expected else []
    return {
        "interval": "1m", "input_series": input_series,
        "promql_expr_test": [{
            "expr": f'min(ALERTS{{alertname="{alert}",alertstate="firing"}})',
            "eval_time": f"{minutes}m", "exp_samples": expected,
        }],
    }


def minutes_of(input_series):
    return max([int(one["values"].rsplit("x")[-1]) for one in input_series], default=MANY) - 1


def test_each_fires_when_it_should(directory):
    tests = []
    for alert, bad, good in CASES:
        tests += [firing(alert, bad, minutes_of(bad), True),
                  firing(alert, good, minutes_of(good), False)]
    path = directory / "alerts.yml"
    # JSON is YAML.
    path.write_text(json.dumps({
        "rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = run("promtool", "test", "rules", str(path), timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_has_a_test():
    assert set(alerts_of_the_file()) == {alert for alert, _, _ in CASES}
    assert run("promtool", "check", "rules", str(RULES)).returncode == 0


def test_its_metrics_are_there(lmtpd, auth):
    """A metric that nobody tells of would be an alert that never fires."""
    told = set()
    for daemon in (lmtpd(lmtp={"soft_bounce": True}), auth()):
        for line in daemon.run("--status", "--prometheus").stdout.splitlines():
            told |= {match[1] for match in [PROMETHEUS_SAMPLE.fullmatch(line)] if match}
    expressions = re.sub(r"^ *(#|(summary|description|alert):).*$", "", RULES.read_text(),
                         flags=re.MULTILINE)
    named = set(re.findall(r"\b(?:lmtpd|node)_\w+", expressions))
    assert len(named) > 15 and named <= told | FOREIGN, named - told


def test_its_labels_are_there(lmtpd, auth):
    """Those of which the rules want a certain value."""
    text = "".join(daemon.run("--status", "--prometheus").stdout for daemon in (lmtpd(), auth()))
    for label in ('status="deferred"', 'status="rejected"', 'dsn="5.1.1"', 'dsn="4.2.0"', 'dsn="4.3.0"',
                  'dsn="4.3.1"', 'reason="Mailbox is served elsewhere"', 'reason="overload"',
                  'reason="Mailbox is being moved"', 'reason="Mailbox is full"', 'reason="database"',
                  'reason="Mailbox is disabled for now"', 'reason="row"', 'reason="hash"',
                  'reason="memory"', 'reason="Message could not be forwarded, try again later"',
                  'result="fail"', 'le="+Inf"'):
        assert label in text, label
