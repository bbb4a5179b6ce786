"""What is carried out: the same work as an Ansible playbook and as a pyinfra deploy."""

TEMPLATE = """# {{ marker }} {{ number }}
[service]
name = {{ marker }}-{{ number }}
{% for index in range(8) %}
worker{{ index }} = {{ index * 2 }}
{% endfor %}
"""

PYINFRA_DEPLOY = """from pyinfra import host
from pyinfra.operations import files, server

for number in range({groups}):
    folder = f"{{host.data.root}}/d{{number}}"
    files.directory(name=f"Folder {{number}}", path=folder, mode="755")
    files.template(
        name=f"Template {{number}}", src="template.j2", dest=f"{{folder}}/service.conf", mode="644",
        marker="bench", number=number,
    )
    files.line(name=f"Line {{number}}", path=f"{{folder}}/lines", line="setting = on")
    server.shell(name=f"Command {{number}}", commands=["uname -r"])
"""


def playbook(tasks, strategy="linear"):
    """A play of so many tasks: folder, template, line, command by turns, on five sets of files."""
    lines = ["- hosts: all", "  gather_facts: false", "  strategy: " + strategy,
             "  vars: {marker: bench}", "  tasks:"]
    for at in range(tasks):
        number = at // 4 % 5
        folder = f"{{{{ root }}}}/d{number}"
        text = (
            f'name: Folder {at}, file: {{path: "{folder}", state: directory, mode: "0755"}}',
            f'name: Template {at}, vars: {{number: {number}}}, '
            f'template: {{src: template.j2, dest: "{folder}/service.conf", mode: "0644"}}',
            f'name: Line {at}, lineinfile: {{path: "{folder}/lines", line: "setting = on", create: true, mode: "0644"}}',
            f"name: Command {at}, command: uname -r, changed_when: false",
        )[at % 4]
        lines.append("    - {" + text + "}")
    return "\n".join(lines) + "\n"


def commands(tasks, strategy):
    """A play of so many tasks that hang on nothing, each with a command."""
    lines = ["- hosts: all", "  gather_facts: false", "  strategy: " + strategy, "  tasks:"]
    lines += [f"    - {{name: Command {at}, command: uname -r, changed_when: false}}" for at in range(tasks)]
    return "\n".join(lines) + "\n"


def waiting(seconds, facts=False):
    """A play that connects every host and then keeps all but the first idle."""
    gather = "    - setup:\n" if facts else ""
    return ("- hosts: all\n  gather_facts: false\n  tasks:\n    - ping:\n" + gather +
            f"    - command: sleep {seconds}\n      when: inventory_hostname == groups['all'][0]\n"
            "      changed_when: false\n    - ping:\n")


def write(folder):
    """Put the files of the 20-task play into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.j2").write_text(TEMPLATE)
    (folder / "play.yml").write_text(playbook(20))
    (folder / "free.yml").write_text(playbook(20, "free"))
    # Mitogen is a strategy: a play that names another one goes without it.
    (folder / "mitogen.yml").write_text(playbook(20, "mitogen_linear"))
    (folder / "deploy.py").write_text(PYINFRA_DEPLOY.format(groups=5))
    return folder
