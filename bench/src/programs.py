"""The programs that are compared: where they come from and which version they are."""

import os
import shutil
import subprocess
from pathlib import Path

from calls import Failed, call
from options import WORKSPACE

#: Program and the Debian package that has it.
PACKAGES = {"ssh": "openssh-client", "ssh-keygen": "openssh-client", "sshd": "openssh-server", "cc": "build-essential"}

SBIN = ":/usr/sbin:/sbin:/usr/local/sbin"


def say(text):
    """Progress, for the person who waits."""
    print(f"bench: {text}", flush=True)


def packages(skip_rivals):
    """Install the Debian packages that are missing, where that is possible; else say which."""
    wanted = dict(PACKAGES)
    if os.environ.get("LUTHIER_BIN"):
        del wanted["cc"]
    path = os.environ.get("PATH", "") + SBIN
    missing = {package for program, package in wanted.items() if not shutil.which(program, path=path)}
    if not skip_rivals and not (shutil.which("lstopo-no-graphics") or shutil.which("lstopo")):
        missing.add("hwloc-nox")
    # The rivals' modules run under the hosts' own interpreter.
    if not skip_rivals and not Path("/usr/bin/python3").exists():
        missing.add("python3")
    if not missing:
        return
    names = sorted(missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failed(f"run: please install {' '.join(names)}")
    say(f"installing {' '.join(names)}")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    call(["apt-get", "update", "-qq"], env=env)
    call(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], env=env)


def controller():
    """The release controller, built unless `LUTHIER_BIN` names one."""
    given = os.environ.get("LUTHIER_BIN")
    if given:
        return Path(given).absolute()
    say("building the release controller (a few minutes the first time)")
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "luthier"], cwd=WORKSPACE, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or WORKSPACE / "target")
    return (WORKSPACE / target / "release" / "luthier").absolute()


class Rivals:
    """Ansible, Mitogen and pyinfra, each in a virtual environment of its own below the cache folder."""

    def __init__(self, cache, python):
        self.cache, self.python = cache, python

    def install(self):
        """Make the environments that are missing."""
        self.environment("ansible", ["ansible-core"])
        self.environment("pyinfra", ["pyinfra"])
        self.environment("mitogen", ["mitogen", "ansible-core"])

    def environment(self, name, wanted):
        """A virtual environment with these packages in their newest versions."""
        if (self.cache / name / "complete").exists():
            return
        say(f"installing {' and '.join(wanted)} below {self.cache}")
        self.cache.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.cache / name, ignore_errors=True)
        call([self.python, "-m", "venv", self.cache / name])
        self.pip(name, wanted)
        (self.cache / name / "complete").touch()

    def pip(self, name, wanted):
        """Install packages into an environment."""
        call([self.program(name, "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted])

    def program(self, name, program):
        """A program of an environment."""
        return self.cache / name / "bin" / program

    def version(self, name, package):
        """The version that is installed."""
        code = f"import importlib.metadata as m; print(m.version({package!r}))"
        return call([self.program(name, "python"), "-c", code]).out.strip()

    def mitogen_strategies(self):
        """The folder with Mitogen's strategies."""
        code = "import ansible_mitogen, os; print(os.path.dirname(ansible_mitogen.__file__))"
        return Path(call([self.program("mitogen", "python"), "-c", code]).out.strip()) / "plugins" / "strategy"

    def suit_mitogen(self, works):
        """Go back from the newest ansible-core, a minor version at a time, until Mitogen works with it.

        Returns what failed on the way: pairs of version and last line of the complaint.
        """
        failed = []
        for _ in range(5):
            version = self.version("mitogen", "ansible-core")
            try:
                works()
                return failed
            except Failed as error:
                failed.append((version, str(error).strip().splitlines()[-1][:200]))
                major, minor = version.split(".")[:2]
                self.pip("mitogen", ["mitogen", f"ansible-core<{major}.{minor}"])
        raise Failed(f"find an ansible-core that Mitogen works with: {failed}")
