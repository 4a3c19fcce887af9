#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a source file does not name its licence at the top; with --fix it writes the line.

The line is the first, or the second where a script's interpreter stands on the first.
Usage: check_spdx.py [--fix] [ROOT]; one line a file on stdout, exit status 1 if one lacks it.
"""

import sys
from pathlib import Path

IDENTIFIER = "SPDX-License-Identifier: Apache-2.0"
FOLDERS = (
    ".ci",
    "apps",
    "bench",
    "bindings",
    "cmake",
    "examples",
    "include",
    "python",
    "scripts",
    "site",
    "src",
    "tests",
)
MARKS = {".h": "//", ".cpp": "//", ".py": "#", ".sh": "#", ".cmake": "#"}


def mark_of(path):
    """How a comment begins in this file; None where no licence is asked for."""
    if path.name in ("CMakeLists.txt", "run", "Makefile"):
        return "#"
    return MARKS.get(path.suffix)


def sources(root):
    files = [root / "CMakeLists.txt", root / "Makefile"]
    for folder in FOLDERS:
        files += sorted(path for path in (root / folder).rglob("*") if path.is_file())
    return [path for path in files if path.exists() and mark_of(path)]


def with_identifier(path):
    """The text of the file with the line in its place."""
    lines = path.read_text().splitlines(keepends=True)
    place = 1 if lines and lines[0].startswith("#!") else 0
    lines.insert(place, f"{mark_of(path)} {IDENTIFIER}\n")
    return "".join(lines)


def main():
    arguments = sys.argv[1:]
    fix = "--fix" in arguments
    roots = [Path(argument) for argument in arguments if argument != "--fix"]
    root = roots[0] if roots else Path(__file__).resolve().parent.parent
    files = sources(root)
    lacking = [
        path for path in files if IDENTIFIER not in "".join(path.read_text().splitlines(True)[:2])
    ]
    for path in lacking:
        if fix:
            path.write_text(with_identifier(path))
        else:
            print(f"{path.relative_to(root)}: lacks '{mark_of(path)} {IDENTIFIER}' at its top")
    print(f"licences: {len(files)} files, {len(lacking)} {'mended' if fix else 'without a line'}")
    sys.exit(1 if lacking and not fix else 0)


if __name__ == "__main__":
    main()
