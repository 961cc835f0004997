"""The plots of docs/bench, by gnuplot."""

import math

from harness.process import run_checked
from report import PLOTS
from results import NAMES
from workloads import GROWTH

SESSIONS = ("one", "eight", "twenty", "sixtyfour")
COLORS = {"lmtpd": "#1b7837", "dovecot": "#b35806", "sink": "#7f7f7f", "once": "#c2a5cf",
          "asking": "#5b8db8", "disk": "#bdbdbd"}
START = """
set terminal svg size 760,420 font "sans-serif,13" background "white"
set output "{path}"
set title "{title}"
set border 3
set xtics nomirror
set ytics nomirror
set grid ytics linecolor "#dddddd"
set style fill solid 0.9
set key top left
"""


def block(rows):
    return "\n".join(" ".join(f'"{cell}"' if isinstance(cell, str) else f"{cell:g}"
                              for cell in row) for row in rows)


def series(name, rows, how, title=None):
    """A data block and its part of the plot command."""
    return (f"${name} << END\n{block(rows)}\nEND\n",
            f"${name} {how} title \"{title or NAMES[name]}\"")


def plotted(parts):
    return "".join(data for data, _ in parts) + "plot " + ", ".join(how for _, how in parts) + "\n"


def sessions(results):
    """Medians, with the lowest and the highest."""
    parts = []
    for name in ("disk", "once", "sink", "asking", "lmtpd", "dovecot"):
        rows = []
        for at, workload in enumerate(SESSIONS):
            values = results.values(workload, name, "messages")
            rows.append((at, results.median(workload, name), min(values), max(values)))
        parts.append(series(name, rows, f"with yerrorlines linewidth 2 pointtype 7 pointsize 0.5 "
                                        f"linecolor \"{COLORS[name]}\""))
    return session_axis(results) + 'set ylabel "messages a second"\nset yrange [0:*]\n' + plotted(
        parts)


def session_axis(results):
    by_name = {workload.name: workload for workload in results.measured()}
    marks = ", ".join(f'"{by_name[name].sessions}" {at}' for at, name in enumerate(SESSIONS))
    return f'set xlabel "sessions"\nset xtics ({marks})\nset xrange [-0.2:3.2]\n'


def latency(results):
    parts = []
    for name in ("lmtpd", "sink", "dovecot"):
        for field, dash in (("p50", 1), ("p99", 2)):
            rows = [(at, results.median(workload, name, field))
                    for at, workload in enumerate(SESSIONS)]
            how = (f"with linespoints linewidth 2 dashtype {dash} pointtype 7 pointsize 0.5 "
                   f"linecolor \"{COLORS[name]}\"")
            data, how = series(f"{name}{field}", rows, how, f"{NAMES[name]}, {field}")
            parts.append((data, how))
    return session_axis(results) + 'set ylabel "ms"\nset logscale y\n' + plotted(parts)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(rows, label):
    """Horizontal bars: title, value, color."""
    rows = [(title, value, color, at) for at, (title, value, color) in enumerate(reversed(rows))]
    marks = ", ".join(f'"{title}" {at}' for title, _, _, at in rows)
    boxes = "\n".join(
        f"set object rectangle from 0,{at - 0.35} to {value:g},{at + 0.35} "
        f"fillcolor rgb \"{color}\" fillstyle solid noborder\n"
        f"set label \"{number(value)}\" at {value:g},{at} offset 0.5,0"
        for _, value, color, at in rows)
    highest = max(value for _, value, _, _ in rows)
    step = f"set xtics {10 ** int(math.log10(highest)):g}\n" if highest >= 100 else ""
    return (f"unset key\nset xlabel \"{label}\"\nset ytics ({marks})\nset grid noytics xtics\n"
            f"{step}set xrange [0:{1.16 * highest:g}]\nset yrange [-0.6:{len(rows) - 0.4}]\n"
            f"set lmargin 46\n{boxes}\nplot NaN\n")


def ratios(results):
    rows = [(workload.title, ratio, COLORS["lmtpd"]) for workload in results.measured()
            if (ratio := results.ratio(workload.name, "dovecot")) is not None]
    return bars(rows, "times Dovecot LMTP")


def processor(results):
    rows = []
    for workload in results.measured():
        if workload.name in ("one", "twenty", "sixtyfour", "mailbox", "first"):
            for name in ("lmtpd", "dovecot"):
                rows.append((f"{workload.title}: {NAMES[name]}",
                             results.median(workload.name, name, "processor"), COLORS[name]))
    return bars(rows, "processor seconds for 1,000 messages")


def growth(results):
    rows = [(title, rate, COLORS["lmtpd"]) for name, title in GROWTH
            if (rate := results.median(name, "lmtpd")) is not None]
    return bars(rows, "messages a second over 20 sessions")


def draw(results, directory):
    makers = {"sessions": sessions, "latency": latency, "ratios": ratios, "processor": processor,
              "growth": growth}
    for name, title in PLOTS:
        path = directory / f"{name}.svg"
        script = START.format(path=path, title=title) + makers[name](results)
        run_checked("gnuplot", "-", input=script)
