"""Rows, and the file they end up in."""

from dataclasses import dataclass

#: Verdict in words.
VERDICTS = {True: "met", False: "**missed**", None: "–"}


@dataclass
class Row:
    """One line of the table: what, measured, target, whether it was reached (`None`: no target)."""

    topic: str
    what: str
    measured: str
    target: str = "–"
    met: object = None


def ratio(value):
    """`2.4×`."""
    return f"{value:.0f}×" if value >= 100 else f"{value:.1f}×" if value >= 9.95 else f"{value:.2f}×"


def seconds(value):
    """A time as people read it."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.02 else f"{value * 1000:.1f} ms"


def size(count):
    """A number of bytes as people read it."""
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count:.0f} B"


def at_most(topic, what, value, limit, show, target):
    """A row whose value must not exceed a limit."""
    return Row(topic, what, show, target, value <= limit)


def at_least(topic, what, value, limit, show, target):
    """A row whose value must reach a limit."""
    return Row(topic, what, show, target, value >= limit)


def table(rows):
    """The rows as a Markdown table."""
    lines = ["| topic | what | measured | target | verdict |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = [row.topic, row.what, row.measured, row.target, VERDICTS[row.met]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def document(machine, versions, options, rows, samples, profiles, notes):
    """The whole file."""
    parts = ["# Results", "", "Written by `bench/run`; `bench/README.md` says what the rows mean.", "", "## Machine", ""]
    parts += [f"- {name}: {value}" for name, value in machine]
    parts += ["", "## Versions", ""]
    parts += [f"- {name}: {value}" for name, value in versions]
    parts += ["", f"## Rows ({options.hosts} hosts, {options.rounds} rounds, medians)", "", table(rows), ""]
    if notes:
        parts += ["## Notes", ""] + [f"- {note}" for note in notes] + [""]
    if samples:
        parts += ["## Samples", "", "Wall seconds of every round, in order.", ""]
        parts += [f"- {name}: {' '.join(f'{value:.3f}' for value in values)}" for name, values in samples.items()]
        parts.append("")
    if profiles:
        parts += ["## Where the time of a missed target goes", ""]
        for title, text in profiles:
            parts += [f"### {title}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(parts).rstrip() + "\n"
