"""Facts: in the agent, end to end against `ssh host true`, and against `ansible -m setup`."""

import os
import time
from pathlib import Path

from calls import call, median
from report import Row, at_least, at_most, ratio, seconds
from rounds import alternate, paired


def measure(bench):
    """Rows of this topic."""
    runs, hosts = bench.contenders, bench.options.hosts
    agent = bench.agent()
    rows = [in_agent(bench, agent)]
    rows += captured(bench, agent)
    runs.luthier_facts()
    contenders = {"ssh host true": (None, runs.ssh_true), "luthier facts": (None, runs.luthier_facts)}
    fewer = {}
    if not bench.options.skip_rivals:
        contenders["ansible -m setup"] = (None, runs.ansible_facts)
        fewer["ansible -m setup"] = bench.options.rival_rounds
    samples = alternate(bench.site, contenders, bench.options.rounds, fewer)
    bench.keep("facts", samples)
    mine = samples["luthier facts"]
    value = paired(samples, "luthier facts", "ssh host true")
    rows.append(at_most("facts", f"`luthier facts` of {hosts} hosts against `ssh host true`", value, 1.0,
                        f"{ratio(value)} ({seconds(mine.middle())}; CPU {seconds(mine.middle_cpu())} + hosts "
                        f"{seconds(mine.middle_host_cpu())})", "≤ 1.0×"))
    if not bench.options.skip_rivals:
        value = paired(samples, "ansible -m setup", "luthier facts")
        theirs = samples["ansible -m setup"]
        rows.append(at_least("facts", f"`luthier facts` of {hosts} hosts: faster than `ansible -m setup`", value, 8,
                             f"{ratio(value)} ({seconds(theirs.middle())})", "≥ 8×"))
    return rows


def gather(agent, rounds, *words):
    """Median (wall, CPU) of the agent gathering and printing facts, its start included."""
    took = [call([agent, "facts", *words], env={"PATH": os.environ.get("PATH", "")}) for _ in range(max(rounds, 5))]
    return median([one.wall for one in took]), median([one.cpu for one in took])


def in_agent(bench, agent):
    """This machine's facts."""
    wall, cpu = gather(agent, bench.options.rounds)
    return at_most("facts", "in the agent, this machine", wall, 0.015, f"{seconds(wall)} (CPU {seconds(cpu)})",
                   "≤ 15 ms on 2 CPUs")


def captured(bench, agent):
    """The captured machine whose facts take longest, where there are captured machines."""
    folder = os.environ.get("LUTHIER_TESTDATA")
    machines = sorted(path.parent for path in Path(folder, "corpus").glob("**/proc")) if folder else []
    times = {}
    for machine in machines:
        try:
            begin = time.perf_counter()
            call([agent, "facts", "--root", machine])
            times[machine] = time.perf_counter() - begin
        except Exception:  # a folder that is none: the tests compare them, here only the slowest counts
            continue
    if not times:
        return [Row("facts", "in the agent, largest captured machine", "not measured: LUTHIER_TESTDATA is not set",
                    "≤ 60 ms")]
    slowest = max(times, key=times.get)
    wall, cpu = gather(agent, bench.options.rounds, "--root", slowest)
    return [at_most("facts", f"in the agent, slowest of {len(times)} captured machines ({slowest.name})", wall, 0.060,
                    f"{seconds(wall)} (CPU {seconds(cpu)})", "≤ 60 ms")]
