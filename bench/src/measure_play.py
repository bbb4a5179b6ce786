"""The 20-task play, changing everything and changing nothing, against `ssh host true` and the rivals."""

from report import Row, at_least, at_most, ratio, seconds
from rounds import alternate, paired

#: How many times faster than each rival (DESIGN, numbers to reach).
RIVALS = {"ansible-core": 40, "Mitogen": 12, "pyinfra": 35}


def measure(bench):
    """Rows of this topic."""
    runs = bench.contenders
    wipe = bench.site.wipe
    rivals = {} if bench.options.skip_rivals else {
        "ansible-core": runs.ansible_play, "Mitogen": runs.mitogen_play, "pyinfra": runs.pyinfra_play}
    # Once unmeasured, so that agents are cached. The rivals leave nothing on hosts that would serve them again.
    runs.luthier_play()

    def whole(work):
        """Look whether all was done, which is not measured."""
        def checked():
            took = work()
            runs.verify()
            return took
        return checked

    left = {}

    def empty():
        wipe()
        left.clear()

    def remembered(name, work):
        """Whose work lies on the hosts."""
        def done():
            took = work()
            left["by"] = name
            return took
        return done

    def made_by(name, work):
        """Before a run that is to change nothing: what lies there must be its own work, where the order turned, too."""
        def make():
            if left.get("by") != name:
                empty()
                work()
        return make

    contenders = {"ssh host true": (None, runs.ssh_true)}
    for name, work in [("luthier", runs.luthier_play), ("luthier, free", lambda: runs.luthier_play("free.yml")),
                       *rivals.items()]:
        kept = remembered(name, work)
        contenders[f"{name}, changing"] = (empty, whole(kept))
        contenders[f"{name}, unchanged"] = (made_by(name, kept), kept)
    fewer = {name: bench.options.rival_rounds for name in contenders if name.split(",")[0] in rivals}
    samples = alternate(bench.site, contenders, bench.options.rounds, fewer)
    bench.keep("play", samples)
    return rows(bench.options.hosts, samples, rivals)


def rows(hosts, samples, rivals):
    """The ratios."""
    found = []
    limit = samples["ssh host true"]
    found.append(Row("play", f"`ssh host true` on {hosts} hosts at once",
                     f"{seconds(limit.middle())}; CPU {seconds(limit.middle_cpu())} + hosts "
                     f"{seconds(limit.middle_host_cpu())}"))
    for name in ("luthier, unchanged", "luthier, changing", "luthier, free, unchanged", "luthier, free, changing"):
        mine = samples[name]
        value = paired(samples, name, "ssh host true")
        show = (f"{ratio(value)} ({seconds(mine.middle())}; CPU {seconds(mine.middle_cpu())} + hosts "
                f"{seconds(mine.middle_host_cpu())})")
        found.append(at_most("play", f"20 tasks: {name}, against `ssh host true`", value, 1.0, show, "≤ 1.0×"))
    for rival in rivals:
        for mode in ("changing", "unchanged"):
            value = paired(samples, f"{rival}, {mode}", f"luthier, {mode}")
            theirs = samples[f"{rival}, {mode}"]
            show = (f"{ratio(value)} ({seconds(theirs.middle())}; CPU {seconds(theirs.middle_cpu())} + hosts "
                    f"{seconds(theirs.middle_host_cpu())})")
            found.append(at_least("play", f"20 tasks, {mode}: faster than {rival}", value, RIVALS[rival], show,
                                  f"≥ {RIVALS[rival]}×"))
    return found
