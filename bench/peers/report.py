# SPDX-License-Identifier: Apache-2.0
"""docs/results.md: sections between marks, each written by its own command."""

from pathlib import Path

HEAD = """# Results

Beside PyTorch and JAX on the processor: same inputs, threads and process, results compared before they are timed,
samples in turn. Each section is written by the command that it opens with; numbers are of the machine that it names.
"""


def replace_section(path: Path, name: str, lines):
    """Puts `lines` in place of section `name`, or at the end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = path.read_text() if path.exists() else HEAD
    section = "\n".join([begin, *lines, end])
    if begin in text:
        before, rest = text.split(begin, 1)
        text = before + section + rest.split(end, 1)[1]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    path.write_text(text)


def time_text(seconds):
    if seconds is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def threads_text(count):
    return "1 thread" if count == 1 else f"{count} threads"


def machine_line(facts, version, day):
    """The machine and the software of a result, in one sentence."""
    software = ", ".join(f"{name} {text}" for name, text in version.items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {threads_text(facts['threads'])}, torch capability "
        f"{facts['torch_capability']}; {software}; {day}."
    )


def limits_line(probes):
    """The limits of the machine: the range of what all probes saw."""

    def extent(key, scale):
        values = [probe[key] / scale for probe in probes]
        return f"{min(values):.3g} to {max(values):.3g}"

    return (
        f"Its limits meanwhile: {extent('gemm_flops', 1e9)} GFLOP/s in products of 1,024 x 1,024 matrices, "
        f"{extent('triad_bytes', 1e9)} GB/s in z = x + 2 y."
    )


MOVED = 0.1  # of a limit, from before a row to after it


def row_lines(row):
    """A row's lines of the table, and what its sides without a time say."""
    lines, notes = [], []
    ours = row["sides"][0]["seconds"] if row["sides"] else None
    moved = " †" if row["probe_moved"] > MOVED else ""
    name = f"**{row['name']}**{moved}<br>{row['shape']}"
    if row["message"]:
        notes.append(f"- {row['name']}: {row['message']}")
    for i, side in enumerate(row["sides"] or [{"name": "", "seconds": None, "message": ""}]):
        cells = [name if i == 0 else "", side["name"]]
        if side["seconds"] is None:
            cells += ["none", "", "", "", ""]
            if side["message"]:
                notes.append(f"- {row['name']}, {side['name']}: {side['message']}")
        else:
            count, asked = len(side["samples"]), row["at_least"].get(side["name"])
            gain = side["seconds"] / ours if i and ours else None
            cells += [
                time_text(side["seconds"]),
                f"{side['spread']:.0%} of {count}",
                f"{gain:.3g}" if gain else "",
                f"{asked}{', missed' if gain < asked else ''}" if asked and gain else "",
                f"{side['error']:.1g}" if i else "",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines, notes


def once(rows, line_of):
    """One line if line_of(row) is the same for all rows, else a list with the rows of each."""
    said = {}
    for row in rows:
        said.setdefault(line_of(row), []).append(row["name"])
    if len(said) == 1:
        return list(said)
    return [f"- {', '.join(names)}: {line}" for line, names in said.items()]


def comparison_lines(rows):
    """Markdown of the rows of run.py's JSON."""
    commands = once(rows, lambda row: f"`{row['command']}`")
    where = once(rows, lambda row: machine_line(row["machine"], row["versions"], row["date"]))
    lines, notes = [], []
    for row in rows:
        more, said = row_lines(row)
        lines += more
        notes += said
    probes = [probe for row in rows for probe in row["probes"]]
    return [
        "## Speed",
        "",
        *commands,
        "",
        *where,
        *([limits_line(probes)] if probes else []),
        "",
        "*time*: median of the samples. *spread*: (largest - smallest) / median, and of how many samples: a side whose",
        "call takes seconds has fewer. *gain*: the side's time over ours. *asked*: the target that the row was written",
        "against. *difference*: the largest of the results over their largest entry. †: one of the machine's limits",
        f"moved by more than {MOVED:.0%} while the row ran.",
        "",
        "| row | side | time | spread of samples | gain | asked | difference |",
        "|---|---|---:|---:|---:|---:|---:|",
        *lines,
        *(["", "Without a time:", "", *notes] if notes else []),
    ]
