"""What daemons tell of themselves."""

import re

# A line of Prometheus's format: name, labels, value.
PROMETHEUS_SAMPLE = re.compile(
    r'([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="[^"\\\n]*",?)+)\})? ([0-9]+(?:\.[0-9]+)?)')
