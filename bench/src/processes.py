"""Looking at running processes of a site: which are its agents, how much memory they hold, what those that ended used."""

import ctypes
import os
import re
import time
from pathlib import Path


#: See prctl(2).
PR_SET_CHILD_SUBREAPER = 36

#: An agent's file is named by its hash, and so is its process, as far as the kernel keeps names.
AGENT = re.compile(r"[0-9a-f]{15}")


def adopt():
    """From now on processes whose parents have ended become children of this one, so that what they used can be told."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(known):
    """CPU seconds of agents that outlived their sessions and have ended; waits for those that are about to. `known` are
    children that others wait for."""
    spent = 0.0
    for _ in range(500):
        left = False
        for pid in children() - known:
            try:
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                ended, _, usage = os.wait4(pid, os.WNOHANG)
            except (OSError, ChildProcessError):
                continue
            if AGENT.fullmatch(name):
                left |= not ended
                spent += usage.ru_utime + usage.ru_stime if ended else 0.0
        if not left:
            break
        time.sleep(0.01)
    return spent


def children():
    """Process ids of this process's children, whichever thread they belong to."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        try:
            found.update(int(pid) for pid in (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def memory(pid, key="VmRSS"):
    """A line of /proc/PID/status in KiB; 0 where the process has gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def agents(site):
    """Process ids of the agents that serve this site's hosts: their program lies in the site's state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                program = os.readlink(entry / "exe")
            except OSError:
                continue
            if program.startswith(str(site.folder / "state")):
                found.append(int(entry.name))
    return found


def sleeper(site, seconds):
    """Wait until a `sleep` of just so many seconds runs on one of the site's hosts; false after a while."""
    wanted = b"sleep\0" + str(seconds).encode() + b"\0"
    mine = f"LUTHIER_STATE_DIR={site.folder}".encode()
    for _ in range(600):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "cmdline").read_bytes() == wanted and mine in (entry / "environ").read_bytes():
                        return True
                except OSError:
                    continue
        time.sleep(0.1)
    return False


def gone(site):
    """Wait until no agent of the site runs any more; end what then still does: all of it was started for this site."""
    for attempt in range(100):
        left = agents(site)
        if not left:
            return
        if attempt == 50:
            for pid in left:
                try:
                    os.kill(pid, 15)
                except OSError:
                    continue
        time.sleep(0.1)
