# SPDX-License-Identifier: Apache-2.0
"""Comments of headers and docstrings as Markdown.

They are plain text: paragraphs, and formulas or lists that are indented. Nothing in them is markup except
`code` in backticks, so that x_n and a * b stay what they are.
"""

import re
import textwrap

SPECIAL = re.compile(r"([\\*_\[\]>$#{}])")
EMPHASIS = re.compile(r"(?<![\w\\*])\\\*(\w+)\\\*(?![\w\\*])")  # \*word\*, escaped already
NAME = r"`?\w+`?"
OWN_LINE = re.compile(rf"{NAME}(, {NAME})*( \[[^\]]*\])?: ")  # "x, y, out: (8, N) real"
STATEMENT = re.compile(r"(from|import) \w|[\w., ]+ = |[\w.]+\(")
ITEM = re.compile(r"(-|\d+\.) ")
CITED = r"(docs/math/conventions\.md), section (\d+(?:\.\d+)?)|\bdocs/[\w/-]+\.md"  # a document, or a section


def escaped(text):
    """The text with every character of markup taken by its word, what stands in backticks as code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else escaped_part(part) for part in parts)


def escaped_part(text):
    plain = SPECIAL.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
    return EMPHASIS.sub(r"*\1*", plain)


def linked(text, link):
    """The escaped text, with links to the documents that it cites; link(page, section) is a target or None."""
    result, end = "", 0
    for match in re.finditer(CITED, text):
        target = link(match[1] or match[0], match[2])
        if target:
            result += escaped(text[end : match.start()]) + f"[{escaped(match[0])}]({target})"
            end = match.end()
    return result + escaped(text[end:])


def blocks(text):
    """The paragraphs and indented parts of a text, in order, as (is_code, lines)."""
    kind, lines = None, []
    for line in textwrap.dedent(text).strip("\n").splitlines():
        if not line.strip():
            if kind:  # code goes on over an empty line
                lines.append("")
            elif lines:
                yield kind, lines
                kind, lines = None, []
            continue
        code = line.startswith("  ")
        if lines and code != kind:
            yield kind, lines
            lines = []
        kind = code
        lines.append(line)
    if lines:
        yield kind, lines


def is_python(lines):
    """Whether these are statements that use the package, which docstrings do not indent."""
    return any("lior." in line for line in lines) and all(map(STATEMENT.match, lines))


def paragraph(lines, link):
    """One paragraph; a line that opens with what it is about ("x: ...") stays a line of its own."""
    out = []
    for line in lines:
        if out and OWN_LINE.match(line) and out[-1].rstrip().endswith((".", ";", ":")):
            out[-1] += "  "  # a break
        if out and ITEM.match(line):
            out.append("")
        out.append(line.strip())
    return linked("\n".join(out), link)


def markdown(text, link=lambda page, section: None):
    parts = []
    for is_code, lines in blocks(text):
        if is_code or is_python(lines):
            code = textwrap.dedent("\n".join(lines)).strip("\n")
            parts.append(f"~~~text\n{code}\n~~~")
        else:
            parts.append(paragraph(lines, link))
    return "\n\n".join(parts)
