"""How each contender carries out the play and gathers facts: command lines and environments, nothing else."""

import os
import re

from calls import Failed, call

RECAP = re.compile(r"^(h\d+)\s.*?\bok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.M)


class Contenders:
    """Every call here works on all hosts of a site and returns what it took."""

    def __init__(self, site, luthier, rivals, plays):
        self.site, self.luthier, self.rivals, self.plays = site, luthier, rivals, plays
        self.fanout_script = self.write_fanout()
        self.write_pyinfra_inventory()
        self.calls = 0

    # -- the physical limit ---------------------------------------------------------------------------------------

    def write_fanout(self):
        """A script that starts one `ssh host true` a host and waits for all."""
        config = self.site.folder / "ssh_config"
        lines = ["#!/bin/sh"]
        lines += [f"ssh -F {config} {name} true & p{at}=$!" for at, name in enumerate(self.site.names)]
        lines += [f"wait $p{at} || exit 1" for at in range(len(self.site.names))]
        path = self.site.folder / "fanout"
        path.write_text("\n".join(lines) + "\n")
        return path

    def ssh_true(self):
        """`ssh host true` on all hosts at once."""
        return call(["/bin/sh", self.fanout_script], env=self.site.env())

    # -- Luthier --------------------------------------------------------------------------------------------------

    def luthier_call(self, *words, inventory=None, forks=None, accept=(0,)):
        """Any command of the controller on this site's inventory."""
        forks = forks or len(self.site.names)
        inventory = inventory or self.site.folder / "hosts.ini"
        return call([self.luthier, *words, "-i", inventory, "-f", forks, "--color", "never"], env=self.site.env(),
                    accept=accept)

    def luthier_play(self, file="play.yml"):
        """The play."""
        return self.checked(self.luthier_call("run", self.plays / file), 20)

    def luthier_facts(self):
        """Facts of all hosts."""
        return self.luthier_call("facts")

    # -- rivals ---------------------------------------------------------------------------------------------------

    def ansible_env(self, **more):
        """Pipelining, a fork for every host, and connections that are not left over from the call before."""
        self.calls += 1
        sockets = self.site.folder / f"cp{self.calls}"
        sockets.mkdir(exist_ok=True)
        env = self.site.env(
            ANSIBLE_PIPELINING="True", ANSIBLE_FORKS=len(self.site.names), ANSIBLE_NOCOLOR="1",
            ANSIBLE_SSH_ARGS=f"-F {self.site.folder}/ssh_config -o ControlMaster=auto -o ControlPersist=60s",
            ANSIBLE_SSH_CONTROL_PATH_DIR=sockets, ANSIBLE_LOCAL_TEMP=self.site.folder / "ansible-local",
            ANSIBLE_REMOTE_TEMP=f"{self.site.folder}/login/.ansible", ANSIBLE_INVENTORY=self.site.folder / "hosts.ini",
            ANSIBLE_GALAXY_COLLECTIONS_PATH_WARNING="False", **more)
        env.pop("PYTHONPATH", None)
        return env, sockets

    def ansible_call(self, environment, program, *words, **more):
        """A program of an environment with Ansible; its lasting connections are closed after it."""
        env, sockets = self.ansible_env(**more)
        try:
            return call([self.rivals.program(environment, program), *words], env=env)
        finally:
            for socket in sockets.iterdir():
                os.system(f"ssh -o ControlPath={socket} -O exit bench 2>/dev/null")

    def ansible_play(self):
        """The play under ansible-core."""
        return self.checked(self.ansible_call("ansible", "ansible-playbook", self.plays / "play.yml"), 20)

    def mitogen_play(self):
        """The play under Mitogen."""
        more = {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": self.rivals.mitogen_strategies()}
        return self.checked(self.ansible_call("mitogen", "ansible-playbook", self.plays / "mitogen.yml", **more), 20)

    def ansible_facts(self):
        """`ansible -m setup` on all hosts."""
        return self.ansible_call("ansible", "ansible", "all", "-m", "setup")

    def write_pyinfra_inventory(self):
        """The hosts in pyinfra's words."""
        site = self.site
        rows = [
            (name, {"ssh_hostname": site.address(name), "ssh_port": site.port, "ssh_user": site.user,
                    "ssh_key": f"{site.folder}/client_key", "ssh_config_file": f"{site.folder}/ssh_config",
                    "ssh_known_hosts_file": f"{site.folder}/known_hosts", "root": str(site.root(name))})
            for name in site.names]
        (site.folder / "pyinfra_hosts.py").write_text(f"hosts = {rows!r}\n")

    def pyinfra_play(self):
        """The same work under pyinfra."""
        took = call([self.rivals.program("pyinfra", "pyinfra"), "-y", "--parallel", len(self.site.names),
                     self.site.folder / "pyinfra_hosts.py", "deploy.py"], env=self.site.env(), cwd=self.plays)
        return took

    def checked(self, took, tasks):
        """Every host must have carried out every task: a contender that fails fast must not win."""
        rows = {row[0]: [int(number) for number in row[1:]] for row in RECAP.findall(took.out)}
        wrong = [name for name in self.site.names if name not in rows or rows[name][0] != tasks or any(rows[name][2:])]
        if wrong:
            raise Failed(f"carry out the play on {', '.join(wrong)}:\n{took.out[-3000:]}")
        return took

    def verify(self):
        """What the play should leave on every host is there."""
        for name in self.site.names:
            for number in range(5):
                folder = self.site.root(name) / f"d{number}"
                lines = (folder / "lines").read_text()
                text = (folder / "service.conf").read_text()
                if lines != "setting = on\n" or f"name = bench-{number}" not in text or "worker7 = 14" not in text:
                    raise Failed(f"find the play's work in {folder}")
