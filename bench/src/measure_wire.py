"""Bytes on the wire, SSH's own included: a host never seen before, and one that has the agent."""

from line import Line
from report import Row, at_most, size


def measure(bench):
    """Rows of this topic."""
    site, runs = bench.site, bench.contenders
    name = site.names[0]
    rows = []
    with Line(site.address(name), site.port) as line:
        site.know("127.0.0.1", line.port, name)
        inventory = site.inventory([name], "wire.ini", {name: ("127.0.0.1", line.port)})

        def bytes_of(*words):
            line.reset()
            runs.luthier_call(*words, inventory=inventory)
            return line.to_host, line.from_host

        site.forget_agents([name])
        cold = bytes_of("exec", "all", "ping")
        warm = bytes_of("exec", "all", "ping")
        site.wipe([name])
        changing = bytes_of("run", bench.plays / "play.yml")
        unchanged = bytes_of("run", bench.plays / "play.yml")
        facts = bytes_of("facts")
    pushed = cold[0] - warm[0]
    rows.append(at_most("wire", "the agent on its way to the host", pushed, 1.1 * (1 << 20), size(pushed), "≤ 1.1 MiB"))
    for what, (there, back) in (("ping, agent not there", cold), ("ping, agent cached", warm),
                                ("20 tasks, changing", changing), ("20 tasks, unchanged", unchanged),
                                ("facts", facts)):
        rows.append(Row("wire", what, f"{size(there)} to the host, {size(back)} back"))
    return rows
