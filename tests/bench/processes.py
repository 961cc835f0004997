"""What a tree of processes costs: processor time and memory."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, from the state on; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(*roots):
    """The ids of these processes and of all that descend from them."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


def processor_seconds(pids):
    """What they have used so far, with their children that have ended."""
    stats = [fields for pid in pids if (fields := _stat(pid))]
    return sum(int(field) for fields in stats for field in fields[11:15]) / TICKS


def memory(pids):
    """Resident and proportional memory in bytes, summed over the processes."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in lines[1:]:
            key, value = line.split()[:2]
            if key[:-1] in sums:
                sums[key[:-1]] += int(value) * 1024
    return sums["Rss"], sums["Pss"]


def high_water(pid):
    """The most memory it ever had resident, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(value) * 1024
