"""From the start of the program to the first byte of its help."""

import subprocess
import time

from calls import fastest
from report import Row, at_most, ratio, seconds


def first_byte(words, env):
    """Seconds until something was written."""
    begin = time.perf_counter()
    child = subprocess.Popen([str(word) for word in words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    child.stdout.read(1)
    wall = time.perf_counter() - begin
    child.stdout.read()
    child.wait()
    return wall


def measure(bench):
    """Rows of this topic."""
    env = bench.site.env()
    works = {"luthier": [bench.luthier, "--help"], "true": ["true"]}
    if not bench.options.skip_rivals:
        works["ansible"] = [bench.rivals.program("ansible", "ansible"), "--help"]
    took = {name: [] for name in works}
    for at in range(max(bench.options.rounds, 5) * 4):
        for name, words in works.items():
            if name != "ansible" or at < 5:
                took[name].append(first_byte(words, env))
    mine = fastest(took["luthier"])
    rows = [at_most("start", "first byte of `luthier --help`", mine, 0.010,
                    f"{seconds(mine)} (`true`: {seconds(fastest(took['true']))})", "≤ 10 ms")]
    if "ansible" in took:
        theirs = fastest(took["ansible"])
        rows.append(Row("start", "first byte of `ansible --help`", f"{seconds(theirs)}, {ratio(theirs / mine)}"))
    return rows
