"""Looking at running processes of a site: which are its agents, and how much memory they hold."""

import os
import time
from pathlib import Path


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
