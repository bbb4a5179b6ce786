"""The agent: size on disk and compressed, memory while idle and after gathering facts."""

import gzip
import os
import subprocess
import time

import plays
import processes
from calls import Failed
from report import Row, at_most, size

MIB = 1 << 20


def measure(bench):
    """Rows of this topic."""
    agent = bench.agent()
    program = agent.read_bytes()
    packed = len(gzip.compress(program, 9))
    kind = "static" if is_static(program) else "dynamic"
    rows = [
        at_most("agent", f"size ({kind}, as embedded)", len(program), 2.5 * MIB, size(len(program)), "≤ 2.5 MiB"),
        # What travels is packed tighter: see the first row of `wire`.
        Row("agent", "size under gzip -9", size(packed)),
    ]
    for facts, what, limit in ((False, "idle", 8), (True, "while gathering facts (peak)", 16)):
        held, peak, private = of_session(bench, facts)
        value = peak if facts else held
        rows.append(at_most("agent", f"memory {what}", value, limit * 1024,
                            f"{size(value * 1024)} (private {size(private * 1024)})", f"≤ {limit} MiB"))
    return rows


def is_static(program):
    """Whether an ELF file asks for no interpreter."""
    return b"/lib64/ld-" not in program and b"/lib/ld-" not in program


def of_session(bench, facts):
    """VmRSS, VmHWM and RssAnon in KiB of the largest agent of a play in which nobody but the first host works."""
    site, seconds = bench.site, 4321
    play = bench.plays / f"waiting-{facts}.yml"
    play.write_text(plays.waiting(seconds, facts))
    words = [bench.luthier, "run", play, "-i", site.folder / "hosts.ini", "-f", str(len(site.names))]
    child = subprocess.Popen([str(word) for word in words], env=site.env(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not processes.sleeper(site, seconds):
            raise Failed("see every host idle")
        time.sleep(0.5)
        rows = [[processes.memory(pid, key) for key in ("VmRSS", "VmHWM", "RssAnon")]
                for pid in processes.agents(site)]
        return max(rows, default=[0, 0, 0])
    finally:
        child.terminate()
        child.wait()
        processes.gone(site)
