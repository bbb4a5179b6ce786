"""What this machine is."""

import datetime
import os
import platform
from pathlib import Path


def describe():
    """Pairs of name and value."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    system = "unknown"
    release = Path("/etc/os-release")
    if release.exists():
        rows = dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line)
        system = rows.get("PRETTY_NAME", "unknown").strip('"')
    return [
        ("CPU", cpu),
        ("usable cores", len(os.sched_getaffinity(0))),
        ("memory", f"{memory:.1f} GiB"),
        ("kernel", platform.release()),
        ("system", system),
        ("load when it began", f"{os.getloadavg()[0]:.1f}"),
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
    ]
