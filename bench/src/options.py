"""The command line of the benchmark."""

import argparse
import os
import sys
from pathlib import Path

#: What can be measured, in the order of the table.
TOPICS = ("play", "session", "delay", "facts", "agent", "wire", "memory", "inventory", "start")

WORKSPACE = Path(__file__).resolve().parent.parent.parent


def cache_folder():
    """Where the rivals are installed unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "luthier-bench"


def topics(text):
    """The value of `--only`."""
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in TOPICS]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"unknown topic {', '.join(unknown) or '(none)'}; there are {', '.join(TOPICS)}")
    return chosen


def count(text):
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def parse(arguments):
    """Options of this call; ends the program on bad ones."""
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Luthier, its rivals and the physical limit.")
    parser.add_argument("--hosts", type=count, default=10, metavar="N", help="loopback targets (default 10)")
    parser.add_argument("--rounds", type=count, default=5, metavar="R", help="rounds; medians are shown (default 5)")
    parser.add_argument("--rival-rounds", type=count, metavar="R", help="rounds of the slow rivals (default: --rounds)")
    parser.add_argument("--only", type=topics, default=list(TOPICS), metavar="A,B", help="of " + ", ".join(TOPICS))
    parser.add_argument("--skip-rivals", action="store_true", help="without Ansible, Mitogen and pyinfra")
    parser.add_argument("--memory-hosts", type=count, default=250, metavar="N",
                        help="hosts connected at once for the controller's memory (default 250)")
    parser.add_argument("--output", type=Path, default=WORKSPACE / "bench" / "RESULTS.md", metavar="FILE",
                        help="where the results go (default bench/RESULTS.md)")
    parser.add_argument("--cache", type=Path, default=cache_folder(), metavar="DIR",
                        help="where the rivals are installed (default $XDG_CACHE_HOME/luthier-bench)")
    parser.add_argument("--python", default=sys.executable, metavar="PROGRAM",
                        help="interpreter the rivals run under: a newer one has newer rivals")
    parser.add_argument("--no-profile", action="store_true", help="do not look where the time of a missed target goes")
    options = parser.parse_args(arguments)
    options.rival_rounds = options.rival_rounds or options.rounds
    options.output = options.output.absolute()
    return options
