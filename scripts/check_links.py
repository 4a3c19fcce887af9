#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a relative link of a paper (*.md at the root, docs/**/*.md) names a file that does not exist.

Usage: check_links.py [ROOT]; one line a broken link on stdout, exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages(root):
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]


def broken_links(root):
    """Lines on all links that lead nowhere, and the number of relative links."""
    broken, count = [], 0
    for page in pages(root):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            line = re.sub(r"`[^`]*`", "", line)  # code has brackets of its own
            for target in LINK.findall(line):
                file = target.partition("#")[0]
                if "://" in target or not file:
                    continue
                count += 1
                if not (page.parent / file).exists():
                    broken.append(f"{page.relative_to(root)}:{number}: {target} does not exist")
    return broken, count


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    broken, count = broken_links(root)
    print(*broken, sep="\n", end="\n" if broken else "")
    print(f"links: {count} read, {len(broken)} broken")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
