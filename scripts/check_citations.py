#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a citation of the project's own documents leads nowhere, or to a page on something else.

A section of docs/math/conventions.md ("conventions.md, section 6.3", "sections 3 and 10"; inside that page,
"section 6.3" alone) has to exist, and so has a decision ("decisions/040-scan-plans.md", "decisions/040",
"decision 040"). Where a public header names its source, the section also has to have a word of the header's
name in it: causal_field.h cannot cite a section that speaks neither of causes nor of fields.
Usage: check_citations.py [ROOT]; one line a wrong citation on stdout, exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path

PAGE = "docs/math/conventions.md"
READ = (
    "include",
    "src",
    "apps",
    "bindings",
    "python",
    "tests",
    "examples",
    "bench",
    "scripts",
    "docs",
)
SUFFIXES = {".h", ".cpp", ".py", ".sh", ".md"}

NUMBERS = r"\d+(?:\.\d+)?"
LIST = rf"({NUMBERS}(?:(?:, | and |, and | to ){NUMBERS})*)"
OF_PAGE = re.compile(
    rf"conventions(?:\.md)?\)?,? sections? {LIST}|sections? {LIST} of the \[?conventions"
)
INSIDE_PAGE = re.compile(rf"[Ss]ections? {LIST}")
DECISION = re.compile(r"[Dd]ecisions?(?:/| )(\d{3})(-[\w-]+\.md)?|\]\((\d{3})(-[\w-]+\.md)\)")
HEADING = re.compile(rf"^#+ ({NUMBERS})\.? ")
COMMENT = re.compile(r"^\s*(?:///?|#|\*)? ?")


def sections_of(page):
    """The text of each section by its number, that of its subsections in it."""
    texts, open_numbers = {}, []
    for line in page.read_text().splitlines():
        if heading := HEADING.match(line):
            number = heading[1]
            open_numbers = [number] if "." not in number else [number.partition(".")[0], number]
        for number in open_numbers:
            texts[number] = texts.get(number, "") + line + "\n"
    return texts


def joined(text):
    """The text in one line, without the marks of comments; and the number of the line at a place in it."""
    lines = [COMMENT.sub("", line) for line in text.splitlines()]
    starts, place = [], 0
    for line in lines:
        starts.append(place)
        place += len(line) + 1
    return " ".join(lines), lambda at: sum(start <= at for start in starts)


def is_about(section, header):
    plain = section.lower().replace("-", "")
    words = header.stem.split("_")
    return any(word[: max(4, len(word) - 3)] in plain for word in words)


def wrong_citations(root):
    """Lines on all citations that are wrong, and the number of citations."""
    sections = sections_of(root / PAGE)
    decisions = {
        path.name[:3]: path.name[3:] for path in (root / "docs" / "decisions").glob("[0-9]*.md")
    }
    files = [root / "README.md", root / "HACKING.md"]
    for top in READ:
        files += sorted(path for path in (root / top).rglob("*") if path.suffix in SUFFIXES)
    wrong, count = [], 0
    for file in filter(Path.exists, files):
        path = file.relative_to(root)
        if path.parts[:2] == ("tests", "scripts"):  # they hold wrong citations
            continue
        text, line_at = joined(file.read_text())
        pattern = INSIDE_PAGE if str(path) == PAGE else OF_PAGE
        for match in pattern.finditer(text):
            where = f"{path}:{line_at(match.start())}"
            for number in re.findall(NUMBERS, match[0]):
                count += 1
                if number not in sections:
                    wrong.append(f"{where}: {PAGE} has no section {number}")
                elif path.parts[0] == "include" and not is_about(sections[number], path):
                    wrong.append(f"{where}: section {number} has no word of '{path.stem}' in it")
        for match in DECISION.finditer(text):
            count += 1
            number, rest = match[1] or match[3], match[2] or match[4]
            if number not in decisions:
                wrong.append(f"{path}:{line_at(match.start())}: there is no decision {number}")
            elif rest and rest != decisions[number]:
                wrong.append(
                    f"{path}:{line_at(match.start())}: decision {number} is {number}{decisions[number]}"
                )
    return wrong, count


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    wrong, count = wrong_citations(root)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"citations: {count} read, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
