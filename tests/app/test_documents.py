# SPDX-License-Identifier: Apache-2.0
"""Commands in the documents: each names a subcommand, flags and presets that the program has."""

import re
import shlex

import pytest
from program import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = (
    "train",
    "eval",
    "generate",
    "serve",
    "report",
    "evolve",
    "geodesic",
    "image",
    "verify",
    "bench",
    "info",
)


def code_of(text):
    """The commands of a document: text in backticks, and indented lines with their continuations. What stands in
    fences is Python, output or a formula."""
    text = re.sub(r"^(```|~~~).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\\\n\s*", "", text)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text))
    yield from re.findall(r"^    (\S.*)$", text, re.MULTILINE)


def commands_of(page):
    for code in code_of(page.read_text()):
        for match in re.finditer(r"(?:^|[\s/$])lior (\w+)([^|#]*)", code):
            if match[1] in COMMANDS:
                yield match[1], match[2].strip()


def words_of(arguments):
    try:
        return shlex.split(arguments)
    except ValueError:  # a quote that ends past the end of the line
        return arguments.split()


@pytest.fixture(scope="module")
def helped():
    texts = {}

    def text(lior, command):
        if command not in texts:
            texts[command] = lior(command, "--help").stdout
        return texts[command]

    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_flags_and_presets_of_the_program(lior, helped, page):
    for command, arguments in commands_of(page):
        text = helped(lior, command)
        words = words_of(arguments)
        for flag in (word for word in words if word.startswith("--") and len(word) > 2):
            name = flag.rstrip(".,;)").partition("=")[0]
            assert re.search(rf"{name}\b", text), f"{page.name}: lior {command} {arguments}"
        for flag, value in zip(words, words[1:], strict=False):
            if flag == "--preset" and value.islower():
                assert re.search(rf"\b{value}\b", text), f"{page.name}: no preset {value}"


def test_there_are_commands_to_read():
    found = [command for page in PAGES for command, _ in commands_of(page)]
    assert len(found) > 30 and {"train", "eval", "generate", "evolve", "verify", "bench"} <= set(
        found
    )
