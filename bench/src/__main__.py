"""`bench/run`: install, build, start the targets, measure by turns, write the results."""

import importlib
import shutil
import signal
import subprocess
import sys

import machine
import plays
import processes
import report
import where
from bench import Bench
from calls import Failed, call
from contenders import Contenders
from options import WORKSPACE, parse
from programs import Rivals, controller, packages, say
from targets import Site


def main():
    """Exit code."""
    options = parse(sys.argv[1:])
    # So that what was started and made goes, too, when somebody ends the benchmark.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    about = machine.describe()
    processes.adopt()
    try:
        packages(options.skip_rivals)
        luthier = controller()
        rivals = None if options.skip_rivals else Rivals(options.cache, options.python)
        if rivals:
            rivals.install()
        with Site(options.hosts) as site:
            folder = plays.write(site.folder / "plays")
            bench = Bench(options, site, luthier, rivals, Contenders(site, luthier, rivals, folder), folder)
            notes = suit(bench) if rivals else []
            known = versions(bench)
            for name, version in known:
                say(f"{name} {version}")
            rows, profiles = [], []

            def write():
                text = report.document(about, known, options, rows, bench.samples, profiles, notes)
                options.output.parent.mkdir(parents=True, exist_ok=True)
                options.output.write_text(text)

            for topic in options.only:
                say(topic)
                rows += measure(bench, topic, notes)
                # After every topic: what took an hour shall not be lost because the next hour was interrupted.
                write()
            if not options.no_profile:
                profiles += where.profiles(bench, rows)
                write()
    except KeyboardInterrupt:
        return 130
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        print(f"bench/run: failed to {error}", file=sys.stderr)
        return 1
    print(report.table(rows))
    say(f"written to {options.output}")
    return 0


def measure(bench, topic, notes):
    """The rows of a topic. One that fails costs its rows only, and is named."""
    try:
        return importlib.import_module(f"measure_{topic}").measure(bench)
    except Failed as error:
        say(f"{topic} failed to {error}")
        notes.append(f"{topic} was not measured to its end: {str(error).splitlines()[0]}")
        return [report.Row(topic, "the whole topic", "not measured")]


def suit(bench):
    """Find the ansible-core that Mitogen works with; what was passed over."""
    if "play" not in bench.options.only:
        return []
    failed = bench.rivals.suit_mitogen(bench.contenders.mitogen_play)
    return [f"Mitogen does not work with ansible-core {version}: `{complaint}`" for version, complaint in failed]


def versions(bench):
    """Pairs of program and version."""
    def first(words):
        said = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        return ((said.stdout or said.stderr).strip().splitlines() or ["unknown"])[0]

    found = [("Luthier", first([bench.luthier, "--version"]))]
    if shutil.which("git"):
        found.append(("commit", first(["git", "-C", WORKSPACE, "describe", "--always", "--dirty"])))
    found.append(("OpenSSH", first(["ssh", "-V"])))
    rivals = bench.rivals
    if rivals:
        found.append(("ansible-core", rivals.version("ansible", "ansible-core")))
        found.append(("Mitogen", f"{rivals.version('mitogen', 'mitogen')} on ansible-core "
                                 f"{rivals.version('mitogen', 'ansible-core')}"))
        found.append(("pyinfra", rivals.version("pyinfra", "pyinfra")))
        found.append(("Python of the rivals", call([rivals.python, "-c", "import platform as p; "
                                                    "print(p.python_version())"]).out.strip()))
    return found


if __name__ == "__main__":
    sys.exit(main())
