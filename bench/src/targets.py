"""The targets: one OpenSSH server a host, each on a loopback address of its own, with its own key and folders.

Everything lies in one temporary folder and goes with it. Only processes started here are ended.
"""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import processes
from calls import Failed, clean_env


#: Sites of this process so far: several at a time have their own user and addresses.
sites = itertools.count()


class Site:
    """Running servers, the user they let in, keys, known hosts and inventories. A context manager."""

    def __init__(self, hosts):
        self.number = next(sites)
        self.names = [f"h{number}" for number in range(1, hosts + 1)]
        self.folder = Path(tempfile.mkdtemp(prefix="luthier-bench-"))
        self.folder.chmod(0o755)
        self.home = self.folder / "controller"
        self.servers = {}
        #: CPU seconds of agents that outlived their sessions.
        self.outlived = 0.0
        self.user = None
        self.made_user = False

    def __enter__(self):
        try:
            self.login()
            self.keys()
            self.start()
            self.write_files()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # -- the hosts ------------------------------------------------------------------------------------------------

    def address(self, name):
        """127.x.y.z of a host: differs between calls at the same time on one machine, and stays off 127.0.0."""
        number = int(name[1:])
        net = 4 * (os.getpid() // 100 % 16) + 64 * (self.number % 4)
        return f"127.{100 + os.getpid() % 100}.{net + number // 250}.{1 + number % 250}"

    def root(self, name):
        """The folder the play writes below on this host."""
        return self.folder / "hosts" / name

    def state(self, name):
        """Where this host's agent and journal land."""
        return self.folder / "state" / name

    def inventory(self, names=None, file="hosts.ini", at=None):
        """Write an inventory of some hosts; `at` gives other addresses: name to (address, port)."""
        lines = ["[fleet]"]
        for name in names or self.names:
            address, port = (at or {}).get(name, (self.address(name), self.port))
            lines.append(f"{name} ansible_host={address} ansible_port={port} root={self.root(name)}")
        lines += ["", "[fleet:vars]", f"ansible_user={self.user}",
                  f"ansible_ssh_private_key_file={self.folder}/client_key",
                  "ansible_python_interpreter=/usr/bin/python3", ""]
        path = self.folder / file
        path.write_text("\n".join(lines))
        return path

    def know(self, address, port, name):
        """Let a proxy's address stand for a host."""
        with open(self.folder / "known_hosts", "a", encoding="ascii") as file:
            file.write(f"[{address}]:{port} {self.host_key(name)}\n")

    def host_key(self, name):
        """The public key of a host as known_hosts has it."""
        return " ".join((self.folder / "keys" / f"{name}.pub").read_text().split()[:2])

    def env(self, **more):
        """The environment of the controller's side."""
        return clean_env(self.home, **more)

    def wipe(self, names=None):
        """Empty the folders the play writes to."""
        for name in names or self.names:
            shutil.rmtree(self.root(name), ignore_errors=True)
            self.folder_for_login(self.root(name))

    def forget_agents(self, names=None):
        """Remove agents and journals, as on a host never seen before."""
        for name in names or self.names:
            shutil.rmtree(self.state(name), ignore_errors=True)
            self.folder_for_login(self.state(name))

    def cpu(self):
        """CPU seconds spent so far on the hosts' side; waits for the sessions to end, for only then are they counted."""
        ticks = 0
        for server in self.servers.values():
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
            for _ in range(500):
                if not children.exists() or not children.read_text():
                    break
                time.sleep(0.01)
            fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:15])
        self.outlived += processes.bury({server.pid for server in self.servers.values()})
        return ticks / os.sysconf("SC_CLK_TCK") + self.outlived

    # -- making and ending them -----------------------------------------------------------------------------------

    def login(self):
        """A throwaway user with /bin/sh and no profile; without root the caller."""
        if os.geteuid() != 0:
            self.user = pwd.getpwuid(os.geteuid()).pw_name
            return
        name = f"luthbench{os.getpid()}x{self.number}"
        home = self.folder / "login"
        # `*`: no password fits, and the account is not locked, so that sshd lets its key in without PAM.
        words = ["useradd", "--no-create-home", "--shell", "/bin/sh", "--user-group", "--password", "*",
                 "--home-dir", str(home), name]
        for _ in range(100):
            said = subprocess.run(words, capture_output=True, text=True, check=False)
            # The account tools give up at once when another of them is at work.
            if said.returncode == 0 or "lock" not in said.stderr:
                break
            time.sleep(0.1)
        if said.returncode != 0:
            raise Failed(f"make the user {name}: {said.stderr.strip()}")
        self.user, self.made_user = name, True
        self.folder_for_login(home)

    def folder_for_login(self, path):
        """Make a folder that belongs to the login user."""
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
        if self.made_user:
            row = pwd.getpwnam(self.user)
            os.chown(path, row.pw_uid, row.pw_gid)

    def keys(self):
        """Host keys and the key to log in with."""
        (self.folder / "keys").mkdir()
        for name in self.names:
            keygen(self.folder / "keys" / name)
        keygen(self.folder / "client_key")
        authorized = self.folder / "authorized_keys"
        shutil.copy(self.folder / "client_key.pub", authorized)
        authorized.chmod(0o644)

    def start(self):
        """Start a server for every host; another port when somebody else was quicker."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in self.names:
            self.folder_for_login(self.root(name))
            self.folder_for_login(self.state(name))
        for _ in range(5):
            self.port = free_port()
            for name in self.names:
                self.servers[name] = self.server(name, ["-E", str(self.folder / "sshd.log")])
            if all(self.listens(name) for name in self.names):
                return
            self.stop()
        raise Failed("start sshd:\n" + (self.folder / "sshd.log").read_text()[-2000:])

    def server(self, name, more, port=None, **popen):
        """One sshd that serves as this host."""
        config = self.folder / "keys" / f"{name}.config"
        config.write_text(
            f"ListenAddress {self.address(name)}\nHostKey {self.folder}/keys/{name}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\nMaxStartups 300\nPrintMotd no\n"
            "PrintLastLog no\nMaxSessions 20\nSubsystem sftp internal-sftp\n"
            f"SetEnv LUTHIER_STATE_DIR={self.state(name)}\n")
        words = [sshd(), "-D", "-f", str(config), "-p", str(port or self.port), *more]
        popen = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **popen}
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, **popen)

    def listens(self, name):
        """Wait for a server; false when it ended instead."""
        for _ in range(200):
            if self.servers[name].poll() is not None:
                return False
            try:
                socket.create_connection((self.address(name), self.port), timeout=5).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def write_files(self):
        """Known hosts, SSH configuration, inventory."""
        (self.home / ".ssh").mkdir(parents=True)
        for name in self.names:
            self.know(self.address(name), self.port, name)
        shutil.copy(self.folder / "known_hosts", self.home / ".ssh" / "known_hosts")
        text = [f"Host {name}\n  HostName {self.address(name)}\n  Port {self.port}\n" for name in self.names]
        text.append(f"Host *\n  User {self.user}\n  IdentityFile {self.folder}/client_key\n  IdentitiesOnly yes\n"
                    f"  UserKnownHostsFile {self.folder}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
                    "  StrictHostKeyChecking yes\n  BatchMode yes\n")
        (self.folder / "ssh_config").write_text("".join(text))
        (self.home / ".ssh" / "config").write_text(
            f"Host *\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.folder}/known_hosts\n"
            "  GlobalKnownHostsFile /dev/null\n")
        self.inventory()

    def stop(self):
        """End the servers that were started here."""
        for server in self.servers.values():
            server.terminate()
        for server in self.servers.values():
            server.wait()
        self.servers.clear()

    def close(self):
        """End and remove everything."""
        self.stop()
        processes.gone(self)
        if self.made_user:
            for _ in range(50):
                # Sessions that are still ending belong to the user; `--force` does not wait for them.
                if subprocess.run(["userdel", "--force", self.user], capture_output=True, check=False).returncode != 10:
                    break
                time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)


def sshd():
    """The server's program, which is seldom in PATH."""
    found = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise Failed("find sshd: install openssh-server")
    return found


def keygen(path):
    """Make an Ed25519 key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(path)], check=True)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
