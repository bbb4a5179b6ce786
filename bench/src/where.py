"""Where the time of a missed target goes: `perf` by program and by function, `strace` by system call.

Both are looked for and passed over where they are missing or not permitted. The measured calls run without them.
"""

import shutil
import subprocess
from pathlib import Path

#: Rows of the profile that are shown.
ROWS = 28


def profiles(bench, rows):
    """Pairs of title and text for the topics that missed a target."""
    missed = {row.topic for row in rows if row.met is False}
    runs, site = bench.contenders, bench.site
    luthier = [bench.luthier, "run", bench.plays / "play.yml", "-i", site.folder / "hosts.ini", "-f",
               len(site.names), "--color", "never"]
    facts = [bench.luthier, "facts", "-i", site.folder / "hosts.ini", "-f", len(site.names)]
    fanout = ["/bin/sh", runs.fanout_script]
    wanted = []
    if "play" in missed:
        wanted += [("the 20-task play, unchanged", luthier), ("ssh host true, all hosts at once", fanout)]
    if "facts" in missed:
        wanted.append(("luthier facts", facts))
    if "session" in missed:
        long = [word if word != bench.plays / "play.yml" else bench.plays / "linear-520.yml" for word in luthier]
        wanted.append(("520 tasks", long))
    found = []
    for title, words in wanted:
        words = [str(word) for word in words]
        for how, text in (("perf", perf(site, words)), ("strace", strace(site, words))):
            if text:
                found.append((f"{title} ({how})", text))
    return found


def perf(site, words):
    """CPU samples of the whole machine while the command runs, by program and by function."""
    if not shutil.which("perf"):
        return None
    data = site.folder / "perf.data"
    record = ["perf", "record", "-q", "-a", "-F", "1999", "-e", "cpu-clock", "-o", str(data), "--", *words]
    if quiet(site, record).returncode != 0:
        return None
    texts = []
    for sort in ("comm", "comm,dso", "comm,dso,sym"):
        report = quiet(site, ["perf", "report", "-i", str(data), "--stdio", "--sort", sort, "-g", "none"])
        lines = [line.rstrip() for line in report.stdout.splitlines() if line.strip() and not line.startswith("#")]
        # Whatever sleeps is not where time goes.
        texts.append("\n".join([f"by {sort}"] + [line for line in lines if "swapper" not in line][:ROWS]))
    data.unlink()
    return "\n\n".join(texts)


def strace(site, words):
    """System calls of the command and its children, counted."""
    if not shutil.which("strace"):
        return None
    out = Path(site.folder) / "strace.txt"
    if quiet(site, ["strace", "-f", "-c", "-S", "calls", "-o", str(out), *words]).returncode != 0:
        return None
    return "\n".join(out.read_text().splitlines()[:ROWS])


def quiet(site, words):
    """Run a tool, whatever comes of it."""
    return subprocess.run(words, env=site.env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
