"""A 50-task play under `strategy: free` at 100 ms round trip, against `ssh host true` on the same line."""

import subprocess
import threading
import time

import plays
from calls import call, median
from line import Line
from report import Row, at_most, seconds
from targets import free_port

ROUND_TRIP = 0.1


class Accepted:
    """A server of its own whose log is read as it is written: it tells when a login was accepted."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.line = None
        self.at = None
        self.turns = 0

    def __enter__(self):
        self.port = free_port()
        self.server = self.site.server(self.name, ["-e", "-o", "LogLevel=VERBOSE"], port=self.port,
                                       stderr=subprocess.PIPE)
        self.listening = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()
        self.listening.wait(20)
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def read(self):
        """The thread that reads the log."""
        for line in self.server.stderr:
            if b"Accepted publickey" in line:
                self.at = time.perf_counter()
                # The client's next word comes a round trip later: what it said so far was the handshake.
                self.turns = self.line.turns
            if b"listening on" in line:
                self.listening.set()


def measure(bench):
    """Rows of this topic."""
    site, runs = bench.site, bench.contenders
    name = site.names[0]
    for tasks in (1, 50):
        (bench.plays / f"commands-{tasks}.yml").write_text(plays.commands(tasks, "free"))
    rows = {"ssh": [], 1: [], 50: []}
    with Accepted(site, name) as server, Line(site.address(name), server.port, ROUND_TRIP / 2) as line:
        server.line = line
        site.know("127.0.0.1", line.port, name)
        inventory = site.inventory([name], "delay.ini", {name: ("127.0.0.1", line.port)})
        ssh = ["ssh", "-F", site.folder / "ssh_config", "-o", "HostName=127.0.0.1", "-p", line.port, name, "true"]
        works = {"ssh": lambda: call(ssh, env=site.env())}
        for tasks in (1, 50):
            works[tasks] = lambda tasks=tasks: runs.luthier_call("run", bench.plays / f"commands-{tasks}.yml",
                                                                 inventory=inventory)
        works[50]()
        for _ in range(bench.options.rounds):
            for key, work in works.items():
                line.reset()
                took = work()
                ended = time.perf_counter()
                # As the client sees it: the server's yes travels half a round trip.
                shaken = server.at + ROUND_TRIP / 2
                rows[key].append((took.wall, shaken - line.opened, (ended - shaken) / ROUND_TRIP,
                                  server.turns, line.answered() - server.turns))
    return table(rows)


def table(rows):
    """The rows from what was measured: wall, handshake, rest in round trips, turns of the handshake, turns after it.

    The verdict goes by turns of the line that were answered: unlike time they do not depend on what else the machine does.
    """
    def middle(key, at):
        return median([row[at] for row in rows[key]])

    def tell(key):
        return (f"{middle(key, 4):.0f} after a handshake of {middle(key, 3):.0f} ({seconds(middle(key, 0))} = handshake "
                f"{seconds(middle(key, 1))} + {middle(key, 2):.1f} × 100 ms)")

    return [
        Row("delay", "round trips of `ssh host true`, 100 ms each", tell("ssh")),
        Row("delay", "round trips of 1 task, strategy free", tell(1)),
        at_most("delay", "round trips of 50 tasks, strategy free", middle(50, 4), 3, tell(50),
                "handshake + ≤ 3 round trips"),
    ]
