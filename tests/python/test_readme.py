# SPDX-License-Identifier: Apache-2.0
"""The Python in README.md and the guides runs as it stands there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks():
    """(where it stands, block): indented ones that import lior, and fences of Python."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))):
        text = page.read_text()
        found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE):
            if "import" in block and "lior" in block:
                found.append("".join(line[4:] for line in block.splitlines(keepends=True)))
        yield from ((f"{page.stem}-{number}", block) for number, block in enumerate(found))


BLOCKS = dict(blocks())


def test_there_are_blocks_with_and_without_torch():
    with_torch = ["lior.torch" in BLOCKS[f"README-{number}"] for number in (0, 1)]
    assert with_torch == [False, True] and len(BLOCKS) >= 7


@pytest.fixture
def run(program, tmp_path, monkeypatch, where):
    """A folder with a run of lior train named `run`, for torch one without counts."""
    (tmp_path / "book.txt").write_text("In the beginning was the word. " * 100)
    program(
        "train",
        *("--data", tmp_path / "book.txt", "--out", tmp_path / "run", "--steps", 2),
        *("--length", 16, "--threads", 1, "--progress", "none"),
        *(("--preset", "tiny") if "torch" in BLOCKS[where] else ()),
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("where", BLOCKS)
def test_block_runs(run, where):
    for package in ("torch", "jax"):
        if f"import lior.{package}" in BLOCKS[where] or f"import {package}" in BLOCKS[where]:
            pytest.importorskip(package)
    exec(compile(BLOCKS[where], where, "exec"), {})
