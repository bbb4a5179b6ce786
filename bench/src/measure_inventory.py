"""An inventory of 10,000 hosts: parsed and one host's pattern answered, and printed whole."""

from calls import call, fastest
from report import Row, at_least, at_most, ratio, seconds

HOSTS = 10_000


def text():
    """Racks of forty, variables of hosts, racks and all."""
    lines, racks = [], []
    for number in range(HOSTS):
        rack = number // 40
        if number % 40 == 0:
            racks.append(f"rack{rack:03}")
            lines.append(f"\n[{racks[-1]}]")
        lines.append(f"kvm{number:05}.example.net ansible_host=10.{number >> 16}.{number >> 8 & 255}.{number & 255} "
                     f"slots={number % 16} site='dc {rack % 3}'")
    lines += ["", "[kvm:children]", *racks]
    for rack in racks:
        lines += ["", f"[{rack}:vars]", f"rack={rack}"]
    lines += ["", "[all:vars]", "ansible_user=ops", "sysctl={'vm.swappiness': 1}", ""]
    return "\n".join(lines)


def measure(bench):
    """Rows of this topic."""
    file = bench.site.folder / "many.ini"
    file.write_text(text())
    env = bench.site.env()
    rounds = max(5, bench.options.rounds)
    works = {
        "hosts": (rounds, [bench.luthier, "inventory", "--hosts", "all", "-i", file]),
        "list": (rounds, [bench.luthier, "inventory", "--list", "-i", file]),
    }
    if not bench.options.skip_rivals:
        program = bench.rivals.program("ansible", "ansible-inventory")
        works["ansible"] = (min(rounds, 3), [program, "--list", "-i", file])
    took = {name: [] for name in works}
    for at in range(rounds):
        for name, (count, words) in works.items():
            if at < count:
                took[name].append(call(words, env=env))
    wall = {name: fastest([one.wall for one in calls]) for name, calls in took.items()}
    cpu = {name: fastest([one.cpu for one in calls]) for name, calls in took.items()}
    rows = [
        at_most("inventory", "10,000 hosts parsed, their names printed", wall["hosts"], 0.2,
                f"{seconds(wall['hosts'])} (CPU {seconds(cpu['hosts'])})", "≤ 200 ms"),
        Row("inventory", "10,000 hosts printed with all variables",
            f"{seconds(wall['list'])} (CPU {seconds(cpu['list'])}), "
            f"{took['list'][0].memory // 1024} MiB"),
    ]
    if "ansible" in wall:
        value = wall["ansible"] / wall["list"]
        rows.append(at_least("inventory", "faster than `ansible-inventory --list`", value, 20,
                             f"{ratio(value)} ({seconds(wall['ansible'])}, {took['ansible'][0].memory // 1024} MiB)",
                             "≥ 20×"))
    return rows
