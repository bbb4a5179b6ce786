"""What a further task costs on an open session: controller CPU, and round trips as a proxy sees them."""

import plays
from calls import median
from line import Line
from report import Row, at_most
from rounds import alternate

SHORT, LONG = 20, 520


def measure(bench):
    """Rows of this topic."""
    runs, site = bench.contenders, bench.site
    for strategy in ("linear", "free"):
        for tasks in (SHORT, LONG):
            (bench.plays / f"{strategy}-{tasks}.yml").write_text(plays.playbook(tasks, strategy))
    runs.luthier_play()

    def play(strategy, tasks):
        return lambda: runs.checked(runs.luthier_call("run", bench.plays / f"{strategy}-{tasks}.yml"), tasks)

    contenders = {f"{strategy}, {tasks} tasks": (None, play(strategy, tasks))
                  for strategy in ("linear", "free") for tasks in (SHORT, LONG)}
    samples = alternate(site, contenders, bench.options.rounds)
    bench.keep("session", samples)
    found = []
    further = (LONG - SHORT) * len(site.names)
    for strategy in ("linear", "free"):
        short, long = samples[f"{strategy}, {SHORT} tasks"], samples[f"{strategy}, {LONG} tasks"]
        cpu = 1000 * median([b - a for a, b in zip(short.cpu, long.cpu)]) / further
        host = 1000 * median([b - a for a, b in zip(short.host_cpu, long.host_cpu)]) / further
        found.append(at_most("session", f"controller CPU of a further task and host, {strategy}", cpu, 0.2,
                             f"{cpu:.3f} ms (hosts: {host:.3f} ms)", "≤ 0.2 ms"))
    for strategy in ("linear", "free"):
        value = round_trips(bench, strategy)
        found.append(at_most("session", f"round trips of a further task, {strategy}", value, 1.05, f"{value:.2f}", "≤ 1"))
    return found


def round_trips(bench, strategy):
    """Turns of the line that a further task adds, on one host; the delay lets pieces of one turn come together."""
    site, runs = bench.site, bench.contenders
    name = site.names[0]
    turns = {}
    with Line(site.address(name), site.port, delay=0.005) as line:
        site.know("127.0.0.1", line.port, name)
        inventory = site.inventory([name], f"line-{line.port}.ini", {name: ("127.0.0.1", line.port)})
        for tasks in (SHORT, LONG):
            line.reset()
            runs.luthier_call("run", bench.plays / f"{strategy}-{tasks}.yml", inventory=inventory)
            turns[tasks] = line.turns
    return (turns[LONG] - turns[SHORT]) / (LONG - SHORT)
