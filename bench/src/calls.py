"""Calling a program and measuring it: wall time, CPU time of it and the children it waited for, largest memory."""

import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass


class Failed(Exception):
    """A program that should have done its work did not."""


@dataclass
class Took:
    """One call. Times in seconds, memory in KiB."""

    wall: float
    cpu: float
    memory: int
    out: str


def call(arguments, env=None, cwd=None, accept=(0,), limit=1800):
    """Run a program to its end; `Failed` with what it said where the exit code is not an accepted one."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        words = [str(word) for word in arguments]
        begin = time.perf_counter()
        child = subprocess.Popen(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            usage = wait(child, begin + limit)
        finally:
            if child.returncode is None:
                child.kill()
                child.wait()
        wall = time.perf_counter() - begin
        said = text(out)
        if child.returncode not in accept:
            raise Failed(f"{' '.join(words)}: exit code {child.returncode}\n{said[-2000:]}\n{text(err)[-4000:]}")
        return Took(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, said)


def wait(child, deadline):
    """Reap a child and return what it used; it is killed at the deadline."""
    if hasattr(os, "pidfd_open"):
        import select

        handle = os.pidfd_open(child.pid)
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            if not poll.poll(max(0.0, deadline - time.perf_counter()) * 1000):
                child.kill()
        finally:
            os.close(handle)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage


def text(file):
    """What was written to a temporary file."""
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def median(values):
    """The middle one."""
    return statistics.median(values)


def fastest(values):
    """The smallest: what a short program takes when nothing else gets in its way."""
    return min(values)


def clean_env(home, **more):
    """An environment without anything of the caller's configuration."""
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "USER": os.environ.get("USER", "root"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "XDG_STATE_HOME": f"{home}/state",
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_CACHE_HOME": f"{home}/cache",
        "LUTHIER_STATE_DIR": f"{home}/local-agent",
    }
    env.update({name: str(value) for name, value in more.items()})
    return env
