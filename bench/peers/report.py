"""docs/results.md: sections between marks, each written by its own command."""

from datetime import date
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


def comparison_lines(results, command):
    """Markdown of the rows of run.py's JSON."""
    facts, version = results["machine"], results["versions"]
    lines = [
        "## Speed",
        "",
        f"`{command}`",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads, torch capability "
        f"{facts['torch_capability']}; "
        + ", ".join(f"{name} {text}" for name, text in version.items())
        + f"; {date.today().isoformat()}.",
        "",
        "Times are medians, spread is (largest - smallest)/median, *gain* the peer's time over ours; *asked* is "
        "PERFORMANCE's target. *moved* is how far the machine's own limits moved while the row ran.",
        "",
        "| row | side | time | spread | gain | asked | difference |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        ours = row["sides"][0]["seconds"] if row["sides"] else None
        for i, side in enumerate(row["sides"]):
            name = f"**{row['name']}** {row['shape']}" if i == 0 else ""
            if side["seconds"] is None:
                reason = side["message"] or row["message"] or "not timed"
                lines.append(f"| {name} | {side['name']} | {reason.replace('|', '/')} | | | | |")
                continue
            gain = f"{side['seconds'] / ours:.3g}" if i and ours else ""
            asked = f"{row['at_least'].get(side['name'], '')}"
            moved = f"moved {row['probe_moved']:.0%}" if i == 0 else f"{side['error']:.1g}"
            cells = [time_text(side["seconds"]), f"{side['spread']:.0%}", gain, asked, moved]
            lines.append(f"| {name} | {side['name']} | " + " | ".join(cells) + " |")
        if not row["sides"]:
            lines.append(f"| **{row['name']}** | | {row['message'].replace('|', '/')} | | | | |")
    return lines
