"""Facts: in the agent, against `lstopo`; end to end against `ssh host true` and `ansible -m setup`."""

import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

import processes
from calls import Failed, call, fastest
from report import Row, at_least, at_most, ratio, seconds, size
from rounds import alternate, paired

#: How many captured machines are tried.
LARGEST = 8


def measure(bench):
    """Rows of this topic."""
    runs, hosts = bench.contenders, bench.options.hosts
    agent = bench.agent()
    rows = [in_agent(bench, agent), against_lstopo(bench, agent, "this machine", "cpu,numa,pci")]
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
    """Shortest wall and CPU time of the agent gathering and printing facts, its start included."""
    env = {"PATH": os.environ.get("PATH", "")}
    took = [call([agent, "facts", *words], env=env) for _ in range(max(rounds, 5) * 4)]
    return fastest([one.wall for one in took]), fastest([one.cpu for one in took])


def in_agent(bench, agent):
    """This machine's facts."""
    wall, cpu = gather(agent, bench.options.rounds)
    return at_most("facts", "in the agent, this machine", wall, 0.015, f"{seconds(wall)} (CPU {seconds(cpu)})",
                   "≤ 15 ms on 2 CPUs")


def against_lstopo(bench, agent, machine, keys, root=None):
    """What a drawing needs, against `lstopo` on the same machine, live or captured (there lstopo sees no PCI)."""
    what = f"topology of {machine} (`--only {keys}`): as fast as `lstopo --of xml`"
    lstopo = shutil.which("lstopo-no-graphics") or shutil.which("lstopo")
    if not lstopo:
        return Row("facts", what, "not measured: no lstopo", "≥ 1×")
    ours = [agent, "facts", "--only", keys] + (["--root", root] if root else [])
    theirs = [lstopo, "--of", "xml"] + (["--input", root] if root else [])
    env = {"PATH": os.environ.get("PATH", "")}
    try:
        call(theirs, env=env)
    except Failed:
        return Row("facts", what, "not measured: lstopo cannot read it", "≥ 1×")
    took = {"ours": [], "theirs": []}
    for _ in range(max(bench.options.rounds, 5) * 4):
        took["ours"].append(call(ours, env=env).wall)
        took["theirs"].append(call(theirs, env=env).wall)
    mine, other = fastest(took["ours"]), fastest(took["theirs"])
    return at_least("facts", what, other / mine, 1.0, f"{ratio(other / mine)} ({seconds(mine)} against {seconds(other)})",
                    "≥ 1×")


def captured(bench, agent):
    """The captured machine whose facts take longest, where there are captured machines."""
    times = {}
    for machine in unpacked(bench.site.folder / "captured"):
        try:
            begin = time.perf_counter()
            call([agent, "facts", "--root", machine])
            times[machine] = time.perf_counter() - begin
        except Failed:  # a folder that is no machine: here only the slowest counts
            continue
    if not times:
        return [Row("facts", "in the agent, largest captured machine", "not measured: no captured machines", "≤ 60 ms")]
    slowest = max(times, key=times.get)
    wall, cpu = gather(agent, bench.options.rounds, "--root", slowest)
    peak = 1024 * max(peak_of(agent, machine) for machine in times)
    return [
        at_most("facts", f"in the agent, slowest of the {len(times)} largest captured machines ({slowest.name})", wall, 0.060,
                f"{seconds(wall)} (CPU {seconds(cpu)})", "≤ 60 ms"),
        at_most("facts", "peak memory of the agent on those machines", peak, 16 << 20, size(peak), "≤ 16 MiB"),
        against_lstopo(bench, agent, slowest.name, "cpu,numa", slowest),
    ]


def peak_of(agent, machine):
    """VmHWM in KiB of an agent that has gathered everything and waits for somebody to read it."""
    child = subprocess.Popen([str(agent), "facts", "--root", str(machine)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        # A pipe that takes little: what a large machine tells does not fit into it.
        fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 4096)
        child.stdout.read(1)
        time.sleep(0.05)
        return processes.memory(child.pid, "VmHWM")
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def unpacked(place):
    """The largest captured machines as folders; none where `LUTHIER_TESTDATA` names no captures."""
    snapshots = Path(os.environ.get("LUTHIER_TESTDATA") or "nowhere", "corpus", "snapshots")
    archives = sorted(snapshots.glob("*.tar.zst"), key=lambda path: path.stat().st_size)
    for archive in archives[-LARGEST:]:
        folder = place / archive.name.split(".")[0]
        folder.mkdir(parents=True)
        call(["tar", "--zstd", "-xf", archive, "-C", folder])
    return sorted({path.parent for name in ("proc", "sys") for path in place.glob(f"*/{name}")} |
                  {path.parent for name in ("proc", "sys") for path in place.glob(f"*/*/{name}")})
