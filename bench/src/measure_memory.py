"""The controller's memory for each connected host: many against few, all sessions open and idle."""

import subprocess
import time

import plays
import processes
from calls import Failed
from report import Row, at_most, size
from targets import Site


def measure(bench):
    """Rows of this topic."""
    many = bench.options.memory_hosts
    few = max(1, many // 5)
    with Site(many) as site:
        plays.write(site.folder / "plays")
        held = {count: of(bench, site, count) for count in (few, many, few, many)}
    each = [1024 * (held[many][at] - held[few][at]) / max(1, many - few) for at in (0, 1)]
    text = f"{size(each[0])} (peak {size(each[1])}); {size(1024 * held[few][0])} at {few}, " \
           f"{size(1024 * held[many][0])} at {many}"
    at_10k = 1024 * held[few][1] + (10_000 - few) * each[1]
    return [
        at_most("memory", "controller, for each connected host", each[0], 150 * 1024, text, "≤ 150 KiB"),
        Row("memory", "controller at 10,000 hosts, drawn out from its peaks", size(at_10k), "< 2 GiB",
            at_10k < 2 * (1 << 30)),
    ]


def of(bench, site, count):
    """VmRSS and VmHWM in KiB of a controller with so many idle sessions."""
    seconds = 5432
    play = site.folder / "plays" / "waiting.yml"
    play.write_text(plays.waiting(seconds))
    inventory = site.inventory(site.names[:count], "memory.ini")
    words = [bench.luthier, "run", play, "-i", inventory, "-f", str(count), "-T", "120"]
    log = site.folder / "memory.log"
    with open(log, "wb") as out:
        child = subprocess.Popen([str(word) for word in words], env=site.env(), stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out)
    try:
        if not processes.sleeper(site, seconds):
            raise Failed(f"connect {count} hosts:\n{log.read_text()[-2000:]}")
        time.sleep(1)
        connected = len(processes.agents(site))
        if connected < count:
            raise Failed(f"connect {count} hosts: {connected} agents run\n{log.read_text()[-2000:]}")
        return processes.memory(child.pid), processes.memory(child.pid, "VmHWM")
    finally:
        child.terminate()
        child.wait()
        processes.gone(site)
